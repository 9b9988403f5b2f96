//! M9: who holds a device, where an exporter says so.

use super::super::{
    chart::{Chart, Course},
    experiment::Steady,
    vocabulary::Holder,
};
use crate::probe_pod::Ruling;

/// What the labels said while a container of ours held the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::accelerator_metrics) enum Said {
    /// Nothing: no labels are offered here.
    Nothing,
    /// That is all there is to say.
    Told(Ruling),
    /// Another pod. Whether it shares the device is yet to be seen.
    Another(Holder),
}

/// Looks at what was said at the end of the load.
pub(in crate::accelerator_metrics) fn during(
    node: &str,
    chart: &Chart,
    own: &Course,
    steady: &Steady,
) -> Said {
    let Some(last) = chart.answers.iter().rev().find(|at| **at <= steady.ended) else {
        return Said::Nothing;
    };
    let at_last = |course: &Course| course.holders.get(last).cloned().unwrap_or_default();
    let said = at_last(own);
    let ours = |said: &[Holder]| said.iter().any(|holder| is_same(holder, &steady.by));
    if ours(&said) {
        return Said::Told(Ruling::Right(format!(
            "while it held device {} on node `{node}`, its series named pod {}",
            own.ids,
            steady.by.shown()
        )));
    }
    let elsewhere = chart.devices.values().find(|course| ours(&at_last(course)));
    if let Some(other) = elsewhere {
        // Whoever hands devices out may have given another one than it says.
        return Said::Told(Ruling::Undecided(format!(
            "pod {} held device {} on node `{node}`, and the exporter names it on device {}: the kubelet and the \
             container don't agree, which is not the exporter's matter",
            steady.by.shown(),
            own.ids,
            other.ids
        )));
    }
    match said.into_iter().next() {
        Some(another) => Said::Another(another),
        None => Said::Nothing,
    }
}

/// Whether the labels still name our container, when it is gone.
pub(in crate::accelerator_metrics) fn after(
    node: &str,
    chart: &Chart,
    own: &Course,
    steady: &Steady,
) -> Ruling {
    let latest = chart.answers.iter().rev().find(|at| **at <= steady.after_to);
    let named = latest
        .and_then(|latest| own.holders.get(latest))
        .filter(|holders| {
            latest.is_some_and(|latest| *latest >= steady.ended)
                && holders.iter().any(|holder| is_same(holder, &steady.by))
        });
    match named {
        Some(_) => Ruling::Wrong(format!(
            "the series of device {} on node `{node}` still name pod {}, which gave it back",
            own.ids,
            steady.by.shown()
        )),
        None => Ruling::Right(format!(
            "the series of device {} on node `{node}` named pod {} while it held the device, and not after",
            own.ids,
            steady.by.shown()
        )),
    }
}

/// The series name a pod that does not hold the device.
pub(in crate::accelerator_metrics) fn wrong(
    node: &str,
    own: &Course,
    steady: &Steady,
    named: &Holder,
) -> Ruling {
    Ruling::Wrong(format!(
        "pod {} held device {} on node `{node}`, and its series named pod {}, which is gone",
        steady.by.shown(),
        own.ids,
        named.shown()
    ))
}

/// Exporters may leave out the container.
fn is_same(said: &Holder, ours: &Holder) -> bool {
    said.pod == ours.pod
        && said.namespace == ours.namespace
        && (said.container.is_empty() || said.container == ours.container)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::fixture::{chart, held_by, holder, steady};

    fn said(a: Option<Holder>, b: Option<Holder>, after: Option<Holder>) -> (Said, Ruling) {
        let mut chart = chart(&[("a", [0.0, 80.0]), ("b", [0.0, 0.0])]);
        held_by(&mut chart, "a", a, after);
        held_by(&mut chart, "b", b, None);
        let steady = steady("a");
        let own = &chart.devices["a"];
        (
            during("n", &chart, own, &steady),
            self::after("n", &chart, own, &steady),
        )
    }

    #[test]
    fn our_pod_is_named_while_it_holds_and_not_after() {
        let (during, after) = said(Some(holder("ours")), None, None);
        assert!(matches!(during, Said::Told(Ruling::Right(_))));
        assert!(after.is_right());
        assert!(
            said(Some(holder("ours")), None, Some(holder("ours")))
                .1
                .is_wrong()
        );
        assert!(
            said(Some(holder("ours")), None, Some(holder("next")))
                .1
                .is_right()
        );
    }

    #[test]
    fn a_former_holder_is_told_and_labels_that_are_not_there_are_not() {
        assert_eq!(
            said(Some(holder("former")), None, None).0,
            Said::Another(holder("former"))
        );
        assert_eq!(said(None, None, None).0, Said::Nothing);
    }

    #[test]
    fn that_the_kubelet_gave_another_device_is_not_the_exporters_fault() {
        assert!(matches!(
            said(None, Some(holder("ours")), None).0,
            Said::Told(Ruling::Undecided(_))
        ));
    }
}
