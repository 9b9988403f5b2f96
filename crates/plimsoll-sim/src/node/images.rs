//! Images: which there are, and which a node has already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::drivers::uuid;

/// The repositories of the probe's images, in any version: what its containers run of their own accord.
const PROBE: &str = "plimsoll.dev/probe";
const PAUSE: &str = "plimsoll.dev/pause";

/// What every node has for its pods' sandboxes.
const SANDBOX: &str = "registry.k8s.io/pause";

/// The images that nodes can have besides the probe's own. All others can't be pulled, as on a node that reaches no
/// registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Further references by which the probe's image is known.
    pub probe: BTreeSet<String>,
    /// References of images that can be pulled; containers of them do nothing until they are stopped.
    pub others: BTreeSet<String>,
}

/// What is in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The probe, which runs with these arguments first.
    Probe(&'static [&'static str]),
    /// Something that the simulation knows nothing of.
    Unknown,
}

impl Images {
    /// What is in that image.
    pub(crate) fn content(&self, image: &str) -> Content {
        if is_of(image, PROBE) || self.probe.contains(image) {
            Content::Probe(&[])
        } else if is_of(image, PAUSE) {
            Content::Probe(&["pause"])
        } else {
            Content::Unknown
        }
    }

    fn can_be_pulled(&self, image: &str) -> bool {
        self.content(image) != Content::Unknown || self.others.contains(image) || is_of(image, SANDBOX)
    }
}

fn is_of(image: &str, repository: &str) -> bool {
    image
        .strip_prefix(repository)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
}

/// The id of an image's configuration, as the runtime reports it.
pub(crate) fn image_id(image: &str) -> String {
    let digits: String = [uuid(image), uuid(&format!("{image}/id"))]
        .concat()
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect();
    format!("sha256:{digits}")
}

/// Bytes of an image, as far as anybody is told.
pub(crate) const IMAGE_BYTES: u64 = 1_943_552;

/// The first and the longest pause after a pull that failed.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// What a node has, and what it failed to get.
#[derive(Debug, Default)]
pub(crate) struct ImageCache {
    present: Mutex<BTreeSet<String>>,
    failures: Mutex<BTreeMap<(String, String), Failure>>,
    /// Pulls come one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Failure {
    until: Instant,
    pause: Duration,
    message: String,
}

impl ImageCache {
    /// Whether the node has it.
    pub(crate) fn has(&self, image: &str) -> bool {
        lock(&self.present).contains(image)
    }

    /// The node has it now.
    pub(crate) fn insert(&self, image: &str) {
        lock(&self.present).insert(image.to_owned());
    }

    /// Why a pull fails; none if it does not.
    pub(crate) fn refusal(images: &Images, image: &str) -> Option<String> {
        (!images.can_be_pulled(image)).then(|| {
            let lookup = match image.split_once('/') {
                Some((host, _)) if host.contains('.') => format!(" lookup {host}:"),
                Some(_) | None => String::new(),
            };
            format!(
                "failed to pull and unpack image \"{image}\": failed to resolve image: failed to do request: dial \
                 tcp:{lookup} connect: network is unreachable"
            )
        })
    }

    /// The last failure, while a pod has to wait before it tries again.
    pub(crate) fn backs_off(&self, pod: &str, image: &str) -> Option<(Instant, String)> {
        let failures = lock(&self.failures);
        let failure = failures.get(&(pod.to_owned(), image.to_owned()))?;
        (Instant::now() < failure.until).then(|| (failure.until, failure.message.clone()))
    }

    /// Notes that a pull failed for a pod: it waits longer each time.
    pub(crate) fn failed(&self, pod: &str, image: &str, message: &str) {
        let mut failures = lock(&self.failures);
        let key = (pod.to_owned(), image.to_owned());
        let pause = failures
            .get(&key)
            .map_or(BACKOFF.0, |last| (last.pause * 2).min(BACKOFF.1));
        let failure = Failure {
            until: Instant::now() + pause,
            pause,
            message: message.to_owned(),
        };
        failures.insert(key, failure);
    }

    /// A pod is gone.
    pub(crate) fn forget(&self, pod: &str) {
        lock(&self.failures).retain(|(of, _), _| of != pod);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A duration as the kubelet, which is written in Go, tells it.
pub(crate) fn told(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return if millis == 0 {
            "0s".to_owned()
        } else {
            format!("{millis}ms")
        };
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    if minutes > 0 {
        format!("{minutes}m{seconds}s")
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_as_the_kubelet_does() {
        let cases = [
            (0, "0s"),
            (300, "300ms"),
            (1500, "1.5s"),
            (10_000, "10s"),
            (160_000, "2m40s"),
            (300_000, "5m0s"),
        ];
        for (millis, text) in cases {
            assert_eq!(told(Duration::from_millis(millis)), text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_waits_longer_after_each_failure() {
        let cache = ImageCache::default();
        cache.failed("pod", "x", "no");
        let (first, message) = cache.backs_off("pod", "x").unwrap();
        assert_eq!(
            (first - Instant::now(), message.as_str()),
            (Duration::from_secs(10), "no")
        );
        assert!(cache.backs_off("other", "x").is_none());
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(cache.backs_off("pod", "x").is_none());
        cache.failed("pod", "x", "no");
        let (second, _) = cache.backs_off("pod", "x").unwrap();
        assert_eq!(second - Instant::now(), Duration::from_secs(20));
    }

    #[test]
    fn images_that_nobody_named_cannot_be_pulled() {
        let images = Images {
            probe: BTreeSet::from(["example.com/own:1".to_owned()]),
            others: BTreeSet::from(["nginx".to_owned()]),
        };
        for known in [
            "plimsoll.dev/probe:0.1.0-x",
            "plimsoll.dev/pause",
            "registry.k8s.io/pause:3.10",
            "example.com/own:1",
            "nginx",
        ] {
            assert!(ImageCache::refusal(&images, known).is_none(), "{known}");
        }
        assert_eq!(images.content("plimsoll.dev/pause:1"), Content::Probe(&["pause"]));
        assert_eq!(images.content("plimsoll.dev/probes:1"), Content::Unknown);
        assert!(
            ImageCache::refusal(&images, "redis")
                .unwrap()
                .contains("\"redis\"")
        );
        assert_eq!(image_id("probe:1").len(), "sha256:".len() + 64);
    }
}
