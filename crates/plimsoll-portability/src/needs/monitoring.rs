//! Metrics of the workload itself.

use super::{Case, Demand, Subject, apis};
use crate::{
    need::{Fit, Need, NeedKind},
    node::steps,
    platform::Proof,
};

/// An object that declares metrics.
#[derive(Clone, Debug)]
pub struct Monitoring {
    document: usize,
}

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    for kind in ["ServiceMonitor", "PodMonitor", "PodMonitoring"] {
        for (index, monitor) in subject.of_kind(kind) {
            let what = format!("metrics scraped as a {kind} of {} says", monitor.api_version());
            let demand = Demand::Monitoring(Monitoring { document: index });
            needs.push(subject.need(NeedKind::Monitoring, what, index, &steps("spec"), demand));
        }
    }
}

pub(super) fn fit(case: Case<'_>, monitoring: &Monitoring) -> Fit {
    let document = case.subject.document(monitoring.document);
    let metrics = &case.platform.facts.metrics;
    let group = document.group();
    let found = metrics
        .iter()
        .find(|found| found.because.contains(&format!("{group}/")));
    if let Err(fit) = apis::served(case, group, document.version(), document.kind(), found) {
        return fit;
    }
    match case.platform.proof("ai_service_metrics", &["T2", "T3", "T4"], "") {
        Proof::Right => return Fit::Proven(format!("a {} makes metrics be collected", document.kind())),
        Proof::Wrong(seen) => return Fit::Unmet(seen),
        Proof::Undecided(_) | Proof::NotRun => {}
    }
    match found {
        Some(found) if found.is_ready() => Fit::Surveyed(format!("{}: {}", found.name, found.because)),
        _ => Fit::Unknown(format!(
            "{} is served, but nothing with a ready pod that collects was found",
            document.kind()
        )),
    }
}
