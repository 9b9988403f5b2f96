//! Samples of what is too much to try in full: pairs of defects, and platforms that take their time.

use fastrand::Rng;
use plimsoll_defects::{Defect, Part};
use plimsoll_sim::platform::{Latencies, PlatformSpec};

/// So many different pairs of these defects, or all there are.
pub(crate) fn pairs(
    defects: &[&'static Defect],
    wanted: usize,
    random: &mut Rng,
) -> Vec<(&'static Defect, &'static Defect)> {
    let mut pairs = Vec::new();
    for (index, first) in defects.iter().enumerate() {
        for second in &defects[index + 1..] {
            if !exclude_each_other(first, second) && home(first) == home(second) {
                pairs.push((*first, *second));
            }
        }
    }
    random.shuffle(&mut pairs);
    pairs.truncate(wanted);
    pairs
}

/// The platform on which a defect shows; pairs are tried on one.
fn home(defect: &Defect) -> Option<&str> {
    defect.simulated()?.settings.platform.as_deref()
}

/// A scheduler misbehaves towards gangs in one way at a time.
fn exclude_each_other(first: &Defect, second: &Defect) -> bool {
    [first, second].iter().all(|defect| {
        defect
            .simulated()
            .is_some_and(|simulation| simulation.component == Part::Scheduler)
    })
}

/// The platform with latencies that are long, but within what people put up with.
pub(crate) fn slowed(platform: &PlatformSpec, random: &mut Rng) -> PlatformSpec {
    let mut upto = |most: u64| random.u64(1..=most);
    let latencies = Latencies {
        api_ms: upto(100),
        scheduling_ms: upto(1000),
        controller_ms: upto(1000),
        image_pull_ms: upto(20_000),
        device_prepare_ms: upto(3000),
        sandbox_ms: upto(2000),
        container_start_ms: upto(2000),
        pod_removal_ms: upto(3000),
        dns_ms: upto(1000),
        exporter_refresh_ms: upto(10_000),
    };
    PlatformSpec {
        latencies,
        ..platform.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<&'static Defect> {
        Defect::all().iter().collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_sample() {
        let ids = |seed| -> Vec<String> {
            pairs(&all(), 8, &mut Rng::with_seed(seed))
                .iter()
                .map(|(first, second)| format!("{}+{}", first.id, second.id))
                .collect()
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
        assert_eq!(ids(7).len(), 8);
    }

    #[test]
    fn no_pair_is_of_two_ways_to_schedule() {
        for (first, second) in pairs(&all(), usize::MAX, &mut Rng::with_seed(1)) {
            assert!(!exclude_each_other(first, second), "{} {}", first.id, second.id);
            assert_ne!(first.id, second.id);
        }
    }
}
