//! Loads over a device and a clock in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::Transcript;
use crate::host::run_now;
use crate::protocol::IdentitySource;

/// Shared time.
#[derive(Clone, Default)]
struct Now(Arc<AtomicU64>);

impl Now {
    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn pass(&self, duration: Duration) {
        self.0.fetch_add(millis(duration), Ordering::Relaxed);
    }
}

/// Every operation takes a millisecond.
#[derive(Default)]
struct FakeClock {
    now: Now,
    stop_at: Option<Duration>,
}

impl Clock for FakeClock {
    fn unix(&self) -> Duration {
        self.now.get()
    }

    fn monotonic(&self) -> Duration {
        self.now.get()
    }

    async fn rest(&self, duration: Duration) -> Rest {
        self.now.pass(duration);
        if self.stop_at.is_some_and(|stop| self.now.get() >= stop) {
            Rest::Stopped
        } else {
            Rest::Over
        }
    }
}

struct FakeStorage {
    content: Vec<u8>,
    now: Now,
    /// What the kernel counts, if it does.
    counted: Option<Duration>,
    written: Vec<(u64, usize)>,
    released: Vec<(u64, u64)>,
    broken_after: Option<usize>,
}

impl FakeStorage {
    fn new(bytes: usize, clock: &FakeClock) -> Self {
        let content = vec![0; bytes];
        Self {
            content,
            now: clock.now.clone(),
            counted: None,
            written: Vec::new(),
            released: Vec::new(),
            broken_after: None,
        }
    }

    fn ours(bytes: usize, clock: &FakeClock) -> Self {
        let mut storage = Self::new(bytes, clock);
        let header = Identity::unknown(IdentitySource::Header).to_header().unwrap();
        storage.content[..HEADER_BYTES].copy_from_slice(&header);
        storage
    }
}

impl Storage for FakeStorage {
    fn bytes(&self) -> u64 {
        self.content.len() as u64
    }

    fn is_direct(&self) -> bool {
        true
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn busy(&self) -> Option<Duration> {
        self.counted
    }

    async fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.now.pass(Duration::from_millis(1));
        // The other millisecond of each pair was spent waiting for a processor.
        self.counted = self.counted.map(|counted| counted + Duration::from_millis(1));
        let offset = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.content[offset..offset + buffer.len()]);
        Ok(buffer.len())
    }

    async fn write_at(&mut self, buffer: &[u8], offset: u64) -> Result<usize, Errno> {
        self.now.pass(Duration::from_millis(1));
        if self.broken_after.is_some_and(|after| self.written.len() >= after) {
            return Err(Errno::named("EIO"));
        }
        self.written.push((offset, buffer.len()));
        let offset = usize::try_from(offset).unwrap();
        self.content[offset..offset + buffer.len()].copy_from_slice(buffer);
        Ok(buffer.len())
    }

    async fn release(&mut self, offset: u64, bytes: u64) -> Result<(), Errno> {
        self.released.push((offset, bytes));
        Ok(())
    }
}

fn load(duty_ratio: f64, hold_bytes: u64) -> Load {
    Load {
        duty_ratio,
        period: Duration::from_secs(1),
        duration: Duration::from_secs(3),
        hold_bytes,
        hold_share: 1.0,
    }
}

fn run(load: &Load, storage: &mut FakeStorage, clock: &FakeClock) -> Result<Transcript, LoadError> {
    let mut transcript = Transcript::default();
    run_now(load.run("/dev/nvidia0", storage, clock, &mut |report| {
        transcript.add(report);
        Ok(())
    }))?;
    Ok(transcript)
}

#[test]
fn works_for_its_part_of_each_period() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    let transcript = run(&load(0.5, 0), &mut storage, &clock).unwrap();
    assert_eq!(transcript.load_periods.len(), 3);
    for period in &transcript.load_periods {
        assert_eq!((period.busy_ms, period.elapsed_ms), (500, 1000));
        assert_eq!(period.operations, 500);
        assert_eq!(period.read_bytes, period.written_bytes);
    }
}

#[test]
fn what_the_device_truly_did_is_told_where_the_kernel_counts_it() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    let uncounted = run(&load(0.5, 0), &mut storage, &clock).unwrap();
    assert!(
        uncounted
            .load_periods
            .iter()
            .all(|period| period.device_busy_ms.is_none())
    );
    storage.counted = Some(Duration::ZERO);
    let counted = run(&load(0.5, 0), &mut storage, &clock).unwrap();
    for period in &counted.load_periods {
        assert_eq!((period.busy_ms, period.device_busy_ms), (500, Some(250)));
    }
}

#[test]
fn a_duty_of_nothing_does_nothing() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    let transcript = run(&load(0.0, 0), &mut storage, &clock).unwrap();
    assert!(
        transcript
            .load_periods
            .iter()
            .all(|period| period.operations == 0)
    );
}

#[test]
fn the_header_is_never_written() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(4 << 20, &clock);
    let before = storage.content[..HEADER_BYTES].to_vec();
    run(&load(1.0, 2 << 20), &mut storage, &clock).unwrap();
    assert!(storage.written.iter().all(|(offset, _)| *offset >= FIRST));
    assert_eq!(storage.content[..HEADER_BYTES], before);
}

#[test]
fn memory_is_held_as_asked_and_given_back() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    let transcript = run(&load(0.1, 3 << 20), &mut storage, &clock).unwrap();
    assert_eq!(transcript.load.unwrap().held_bytes, 3 << 20);
    assert_eq!(storage.released, [(FIRST, 3 << 20)]);
}

#[test]
fn no_more_than_a_share_of_the_device_is_held() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    let quarter = Load {
        hold_share: 0.25,
        ..load(0.1, 1 << 40)
    };
    let transcript = run(&quarter, &mut storage, &clock).unwrap();
    assert_eq!(transcript.load.unwrap().held_bytes, 2 << 20);
}

#[test]
fn a_device_that_is_not_ours_is_only_read() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::new(8 << 20, &clock);
    let transcript = run(&load(0.5, 0), &mut storage, &clock).unwrap();
    assert!(!transcript.load.unwrap().writes);
    assert!(storage.written.is_empty() && storage.released.is_empty());
    assert!(transcript.load_periods.iter().all(|period| period.read_bytes > 0));

    let refused = run(&load(0.5, 4096), &mut storage, &clock).unwrap_err();
    assert!(matches!(refused, LoadError::NotWritable { .. }), "{refused}");
    assert!(storage.written.is_empty());
}

#[test]
fn more_than_there_is_cannot_be_held() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(1 << 20, &clock);
    let refused = run(&load(0.5, 2 << 20), &mut storage, &clock).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot hold 2097152 bytes on /dev/nvidia0: it has 1044480"
    );
}

#[test]
fn a_device_without_content_is_refused() {
    let clock = FakeClock::default();
    let refused = run(
        &load(0.5, 0),
        &mut FakeStorage::new(0, &clock.clone_now()),
        &clock,
    )
    .unwrap_err();
    assert!(
        matches!(refused, LoadError::TooSmall { bytes: 0, .. }),
        "{refused}"
    );
}

#[test]
fn a_device_that_fails_ends_the_load_and_its_memory_is_given_back() {
    let clock = FakeClock::default();
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    storage.broken_after = Some(20);
    let failed = run(&load(0.5, 0), &mut storage, &clock).unwrap_err();
    assert!(failed.to_string().ends_with("gave EIO"), "{failed}");
    assert_eq!(storage.released.len(), 1);
}

#[test]
fn a_request_to_stop_ends_the_load_and_its_memory_is_given_back() {
    let clock = FakeClock {
        stop_at: Some(Duration::from_secs(1)),
        ..FakeClock::default()
    };
    let mut storage = FakeStorage::ours(8 << 20, &clock);
    let transcript = run(&load(0.5, 0), &mut storage, &clock).unwrap();
    assert_eq!(transcript.load_periods.len(), 1);
    assert_eq!(storage.released.len(), 1);
}

impl FakeClock {
    fn clone_now(&self) -> Self {
        Self {
            now: self.now.clone(),
            stop_at: None,
        }
    }
}
