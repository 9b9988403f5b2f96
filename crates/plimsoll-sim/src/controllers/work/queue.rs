//! What a controller has to look at, and when.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Duration, Instant};

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Keys with the time from which on they are due. A key is in it once, for its earliest time.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    due: BTreeMap<K, (Instant, u64)>,
    order: BTreeSet<(Instant, u64, K)>,
    failures: BTreeMap<K, u32>,
    sequence: u64,
    longest_pause: Duration,
}

impl<K: Ord + Clone> Queue<K> {
    /// An empty queue; after failures it pauses for at most that long.
    pub(crate) fn new(longest_pause: Duration) -> Self {
        Self {
            due: BTreeMap::new(),
            order: BTreeSet::new(),
            failures: BTreeMap::new(),
            sequence: 0,
            longest_pause,
        }
    }

    /// Lets a key be due at that time, or earlier if it already was. Of one time, the first added is the first out.
    pub(crate) fn add(&mut self, key: K, at: Instant) {
        if let Some((due, sequence)) = self.due.get(&key).copied() {
            if due <= at {
                return;
            }
            self.order.remove(&(due, sequence, key.clone()));
        }
        self.sequence += 1;
        self.due.insert(key.clone(), (at, self.sequence));
        self.order.insert((at, self.sequence, key));
    }

    /// Lets a key that failed be due after a pause, which grows from failure to failure.
    pub(crate) fn add_failed(&mut self, key: K, now: Instant) {
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(*failures))
            .min(self.longest_pause);
        *failures += 1;
        self.add(key, now + pause);
    }

    /// Forgets how often a key failed.
    pub(crate) fn succeeded(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// When the next key is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.order.first().map(|(due, ..)| *due)
    }

    /// Takes the next key that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<K> {
        if self.next_due()? > now {
            return None;
        }
        let (_, _, key) = self.order.pop_first()?;
        self.due.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_due_once_at_its_earliest_time() {
        let now = Instant::now();
        let mut queue = Queue::new(Duration::from_secs(60));
        queue.add("b", now + Duration::from_secs(2));
        queue.add("a", now + Duration::from_secs(3));
        queue.add("a", now + Duration::from_secs(1));
        queue.add("a", now + Duration::from_secs(9));
        assert_eq!(queue.pop(now), None);
        let later = now + Duration::from_secs(10);
        assert_eq!(queue.pop(later), Some("a"));
        assert_eq!(queue.pop(later), Some("b"));
        assert_eq!(queue.pop(later), None);
    }

    #[test]
    fn pauses_grow_until_a_success() {
        let now = Instant::now();
        let mut queue = Queue::new(Duration::from_millis(18));
        let mut pauses = Vec::new();
        for _ in 0..4 {
            queue.add_failed("a", now);
            pauses.push(queue.next_due().unwrap().duration_since(now).as_millis());
            queue.pop(now + Duration::from_secs(1));
        }
        queue.succeeded(&"a");
        queue.add_failed("a", now);
        pauses.push(queue.next_due().unwrap().duration_since(now).as_millis());
        assert_eq!(pauses, [5, 10, 18, 18, 5]);
    }
}
