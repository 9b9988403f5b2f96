//! Replicas by a metric: which metrics API it comes by.

use super::{Case, Demand, Subject, apis};
use crate::{
    need::{Fit, Need, NeedKind},
    node::{Step, steps},
    platform::Found,
};

/// A source of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    /// CPU and memory of pods.
    Resource,
    /// Metrics of pods and other objects.
    Custom,
    /// Metrics of anything else.
    External,
    /// KEDA.
    Keda,
}

const CONTROLS: &[&str] = &["S1", "S2", "S3", "S4", "S5", "S6", "S7"];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    for (index, scaler) in subject.of_kind("HorizontalPodAutoscaler") {
        for (number, metric) in scaler.node.at("spec.metrics").items().iter().enumerate() {
            let kind = metric.get("type").text().unwrap_or_default();
            let (metrics, key) = match kind {
                "Pods" => (Metrics::Custom, "pods.metric.name"),
                "Object" => (Metrics::Custom, "object.metric.name"),
                "External" => (Metrics::External, "external.metric.name"),
                "ContainerResource" => (Metrics::Resource, "containerResource.name"),
                _ => (Metrics::Resource, "resource.name"),
            };
            let name = metric.at(key).text().unwrap_or("unnamed");
            let mut path = steps("spec.metrics");
            path.push(Step::Index(number));
            let what = format!("replicas by the {kind} metric `{name}`");
            needs.push(subject.need(
                NeedKind::Autoscaling,
                what,
                index,
                &path,
                Demand::Metrics(metrics),
            ));
        }
        if scaler.node.at("spec.metrics").items().is_empty() {
            let what = "replicas by CPU".to_owned();
            let demand = Demand::Metrics(Metrics::Resource);
            needs.push(subject.need(NeedKind::Autoscaling, what, index, &steps("spec"), demand));
        }
    }
    for (index, scaled) in subject.of_kind("ScaledObject") {
        let triggers = scaled.node.at("spec.triggers").items();
        let kinds: Vec<&str> = triggers
            .iter()
            .filter_map(|trigger| trigger.get("type").text())
            .collect();
        let what = format!("replicas by KEDA's {}", kinds.join(", "));
        let demand = Demand::Metrics(Metrics::Keda);
        needs.push(subject.need(
            NeedKind::Autoscaling,
            what,
            index,
            &steps("spec.triggers"),
            demand,
        ));
    }
}

pub(super) fn fit(case: Case<'_>, metrics: &Metrics) -> Fit {
    let platform = case.platform;
    let group = match metrics {
        Metrics::Resource => "metrics.k8s.io",
        Metrics::Custom => "custom.metrics.k8s.io",
        Metrics::External => "external.metrics.k8s.io",
        Metrics::Keda => return keda(case),
    };
    let proof = match metrics {
        // What shows that replicas follow a custom metric says nothing of CPU.
        Metrics::Resource => crate::platform::Proof::NotRun,
        Metrics::Custom | Metrics::External | Metrics::Keda => {
            platform.proof("pod_autoscaling", CONTROLS, "")
        }
    };
    let found: Vec<&Found> = platform
        .facts
        .metrics
        .iter()
        .filter(|found| found.name == group)
        .collect();
    if let Some(up) = found.iter().find(|found| found.because.ends_with(", available")) {
        return Fit::Surveyed(format!("{group}: {}", up.because)).judged(proof);
    }
    if let Some(down) = found.first() {
        return Fit::Unmet(format!("{group}: {}", down.because));
    }
    match platform.blind("apiservices") {
        Some(why) => Fit::Unknown(why.to_owned()),
        None => Fit::Unmet(format!("{group} is not served: replicas would stay as they are")),
    }
}

fn keda(case: Case<'_>) -> Fit {
    let found = case
        .platform
        .facts
        .autoscalers
        .iter()
        .find(|found| found.name == "keda");
    if let Err(fit) = apis::served(case, "keda.sh", "v1alpha1", "ScaledObject", found) {
        return fit;
    }
    match found {
        Some(found) if found.is_ready() => Fit::Surveyed(format!("keda: {}", found.because))
            .judged(case.platform.proof("pod_autoscaling", CONTROLS, "keda")),
        _ => Fit::Unknown("ScaledObject is served, but no ready pod of KEDA was found".to_owned()),
    }
}
