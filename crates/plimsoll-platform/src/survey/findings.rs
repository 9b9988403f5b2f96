//! Schedulers, operators, gateways, autoscalers, monitoring and networks: recognised by the APIs they bring and
//! the workloads they run as. That something is installed proves nothing about what it can do.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    inventory::{Finding, GangApi},
    known::{GANG_APIS, KNOWN, Known, Section},
};
use crate::apis::Apis;

/// A Deployment, DaemonSet or StatefulSet, as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Workload {
    metadata: WorkloadMeta,
    #[serde(default)]
    spec: WorkloadSpec,
    #[serde(default)]
    status: WorkloadStatus,
    #[serde(skip)]
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct WorkloadMeta {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadSpec {
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: TemplateSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateSpec {
    containers: Vec<Image>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Image {
    image: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WorkloadStatus {
    ready_replicas: u64,
    number_ready: u64,
}

impl Workload {
    /// The image of that name, if it runs one.
    fn image<'a>(&'a self, names: &[&str]) -> Option<&'a str> {
        let images = self
            .spec
            .template
            .spec
            .containers
            .iter()
            .map(|container| container.image.as_str());
        images
            .into_iter()
            .find(|image| names.contains(&repository(image)))
    }

    fn describe(&self) -> String {
        let ready = self.status.ready_replicas.max(self.status.number_ready);
        format!(
            "{} {}/{} has {ready} ready pods",
            self.kind, self.metadata.namespace, self.metadata.name
        )
    }

    fn version(&self, image: &str) -> Option<String> {
        let label = self.metadata.labels.get("app.kubernetes.io/version").cloned();
        label.or_else(|| tag(image).map(str::to_owned))
    }
}

/// `dcgm-exporter` of `nvcr.io/nvidia/k8s/dcgm-exporter:4.2.0-ubuntu@sha256:…`.
fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next().unwrap_or_default();
    name.rsplit('/')
        .next()
        .unwrap_or_default()
        .split_once(':')
        .map(|(_, tag)| tag)
}

/// What is recognised in one section.
pub(super) fn findings(section: Section, apis: &Apis, workloads: &[Workload]) -> Vec<Finding> {
    let known = KNOWN.iter().filter(|known| known.section == section);
    let mut findings: Vec<Finding> = known.filter_map(|known| find(known, apis, workloads)).collect();
    findings.sort();
    findings
}

fn find(known: &Known, apis: &Apis, workloads: &[Workload]) -> Option<Finding> {
    let mut because = Vec::new();
    let mut version = None;
    for group in known.groups {
        if let Some(served) = apis.versions(group).first() {
            because.push(format!("{group}/{served} is served"));
        }
    }
    let runs = workloads
        .iter()
        .find_map(|workload| workload.image(known.images).map(|image| (workload, image)));
    if let Some((workload, image)) = runs {
        because.push(workload.describe());
        version = workload.version(image);
    } else if !because.is_empty() && !known.images.is_empty() {
        because.push("no workload that serves it was recognised".to_owned());
    }
    (!because.is_empty()).then(|| Finding {
        name: known.name.to_owned(),
        version,
        because: because.join("; "),
    })
}

/// Schedulers: those that are installed, and those that running pods name.
pub(super) fn schedulers(
    apis: &Apis,
    workloads: &[Workload],
    named: &BTreeMap<String, usize>,
) -> Vec<Finding> {
    let mut schedulers = findings(Section::Schedulers, apis, workloads);
    for (name, pods) in named {
        let because = format!("{pods} bound pods name it");
        match schedulers.iter_mut().find(|scheduler| scheduler.name == *name) {
            Some(scheduler) => scheduler.because = format!("{}; {because}", scheduler.because),
            None => schedulers.push(Finding {
                name: name.clone(),
                version: None,
                because,
            }),
        }
    }
    schedulers.sort();
    schedulers
}

/// The gang APIs that are served.
pub(super) fn gang_apis(apis: &Apis) -> Vec<GangApi> {
    let mut found: Vec<GangApi> = Vec::new();
    for known in GANG_APIS {
        let Some(served) = apis.resource(known.group, known.kind, known.versions) else {
            continue;
        };
        if found.iter().all(|api| api.adapter != known.adapter) {
            found.push(GangApi {
                adapter: known.adapter.to_owned(),
                group: served.group,
                because: format!("{} {} is served", served.api_version, served.kind),
                version: served.version,
                kind: served.kind,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(name: &str, image: &str) -> Workload {
        let mut workload: Workload = serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "system"},
            "spec": {"template": {"spec": {"containers": [{"image": "sidecar"}, {"image": image}]}}},
            "status": {"readyReplicas": 1},
        }))
        .unwrap();
        workload.kind = "Deployment";
        workload
    }

    #[test]
    fn a_workload_is_recognised_by_its_image_wherever_that_is_from() {
        for image in [
            "registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.0",
            "localhost:5000/mirror/cluster-autoscaler:v1.36.0@sha256:00",
            "cluster-autoscaler:v1.36.0",
        ] {
            let found = findings(Section::Autoscalers, &Apis::default(), &[workload("ca", image)]);
            assert_eq!(found.len(), 1, "{image}");
            assert_eq!(found[0].version.as_deref(), Some("v1.36.0"));
            assert_eq!(found[0].because, "Deployment system/ca has 1 ready pods");
        }
    }

    #[test]
    fn names_that_merely_look_alike_are_not_recognised() {
        let alike = [
            workload("cluster-autoscaler", "acme/web"),
            workload("x", "acme/prometheus-fan-page:1"),
        ];
        assert_eq!(findings(Section::Autoscalers, &Apis::default(), &alike), []);
        assert_eq!(findings(Section::Metrics, &Apis::default(), &alike), []);
    }

    #[test]
    fn a_scheduler_that_only_pods_name_is_found() {
        let named = BTreeMap::from([("default-scheduler".to_owned(), 7)]);
        let found = schedulers(&Apis::default(), &[], &named);
        assert_eq!(found[0].name, "default-scheduler");
        assert_eq!(found[0].because, "7 bound pods name it");
    }
}
