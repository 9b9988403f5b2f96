//! Workloads: what has pods, with the objects that belong to it.
//!
//! Objects belong together by what they name: a claim template, a volume claim, a scaler's target, a route's backend, a
//! group of pods. What belongs to no workload stands for itself.

use std::collections::BTreeSet;

use crate::{
    node::Node,
    pods::{PodSet, is_workload, pod_sets},
    read::{Document, Manifests},
};

/// A workload.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The number of the document that gives it its name.
    pub main: usize,
    /// The numbers of all its documents, the main one first.
    pub documents: Vec<usize>,
    /// Its pods.
    pub pods: Vec<PodSet>,
}

/// Kinds that are no workload of their own when nothing uses them.
const SILENT: &[(&str, &str)] = &[("", "Service"), ("networking.k8s.io", "Ingress")];

/// Sorts the objects into workloads, in the order of the input.
#[must_use]
pub fn workloads(manifests: &Manifests) -> Vec<Workload> {
    let all = &manifests.documents;
    let mut workloads: Vec<Workload> = all
        .iter()
        .enumerate()
        .filter(|(_, document)| is_workload(document) || document.unrendered.is_some())
        .map(|(index, document)| Workload {
            main: index,
            documents: vec![index],
            pods: if document.unrendered.is_some() {
                Vec::new()
            } else {
                pod_sets(index, document)
            },
        })
        .collect();
    let index = Index::of(all);
    let mut used = BTreeSet::new();
    for workload in &mut workloads {
        used.insert(workload.main);
        let found = index.belonging(all, workload);
        used.extend(found.iter().copied());
        workload.documents.extend(found);
    }
    for (index, document) in all.iter().enumerate() {
        let silent = document.is_plain() || SILENT.contains(&(document.group(), document.kind()));
        if !used.contains(&index) && !silent {
            workloads.push(Workload {
                main: index,
                documents: vec![index],
                pods: Vec::new(),
            });
        }
    }
    workloads.sort_by_key(|workload| workload.main);
    workloads
}

/// What others may be named by, so that a thousand manifests are not compared with each other.
struct Index {
    by_name: std::collections::HashMap<(String, String), Vec<usize>>,
    selecting: Vec<usize>,
    scaling: Vec<usize>,
    routes: Vec<usize>,
    monitors: Vec<usize>,
}

impl Index {
    fn of(all: &[Document]) -> Self {
        let mut index = Self {
            by_name: std::collections::HashMap::new(),
            selecting: Vec::new(),
            scaling: Vec::new(),
            routes: Vec::new(),
            monitors: Vec::new(),
        };
        for (number, document) in all.iter().enumerate() {
            if document.unrendered.is_some() {
                continue;
            }
            let key = (document.kind().to_owned(), document.name().to_owned());
            index.by_name.entry(key).or_default().push(number);
            match document.kind() {
                "Service" | "InferencePool" => index.selecting.push(number),
                "HorizontalPodAutoscaler" | "ScaledObject" => index.scaling.push(number),
                "HTTPRoute" | "GRPCRoute" => index.routes.push(number),
                "ServiceMonitor" | "PodMonitor" => index.monitors.push(number),
                _ => {}
            }
        }
        index
    }

    fn named(&self, all: &[Document], kind: &str, name: &str, namespace: &str) -> Vec<usize> {
        let key = (kind.to_owned(), name.to_owned());
        let found = self.by_name.get(&key).into_iter().flatten().copied();
        found
            .filter(|number| same_namespace(all[*number].namespace(), namespace))
            .collect()
    }

    /// All that belongs to a workload, sorted.
    fn belonging(&self, all: &[Document], workload: &Workload) -> BTreeSet<usize> {
        let main = &all[workload.main];
        let namespace = main.namespace();
        let mut found = BTreeSet::new();
        for (kind, name) in references(main, &workload.pods) {
            found.extend(self.named(all, kind, &name, namespace));
        }
        let here = |number: &usize| same_namespace(all[*number].namespace(), namespace);
        let services: Vec<usize> = self
            .selecting
            .iter()
            .copied()
            .filter(here)
            .filter(|number| {
                let selector = selector(&all[*number]);
                workload
                    .pods
                    .iter()
                    .any(|set| selects(selector, set.labels(&main.node)))
            })
            .collect();
        let names = |number: usize| (all[number].kind(), all[number].name());
        let mut backends: Vec<(&str, &str)> = services.iter().map(|number| names(*number)).collect();
        // What serves models makes a Service of the same name.
        backends.push(("Service", main.name()));
        found.extend(
            services
                .iter()
                .copied()
                .filter(|number| all[*number].kind() == "InferencePool"),
        );
        found.extend(self.scaling.iter().copied().filter(here).filter(|number| {
            let target = all[*number].node.at("spec.scaleTargetRef");
            target.get("kind").text().unwrap_or("Deployment") == main.kind()
                && target.get("name").text() == Some(main.name())
        }));
        for route in self.routes.iter().copied().filter(here) {
            let rules = all[route].node.at("spec.rules").items();
            let leads_here = rules
                .iter()
                .flat_map(|rule| rule.get("backendRefs").items())
                .any(|backend| {
                    let kind = backend.get("kind").text().unwrap_or("Service");
                    let name = backend.get("name").text().unwrap_or_default();
                    backends.contains(&(kind, name))
                });
            if leads_here {
                found.insert(route);
                for parent in all[route].node.at("spec.parentRefs").items() {
                    let name = parent.get("name").text().unwrap_or_default();
                    let within = parent.get("namespace").text().unwrap_or(namespace);
                    found.extend(self.named(all, "Gateway", name, within));
                }
            }
        }
        for monitor in self.monitors.iter().copied().filter(here) {
            let wanted = all[monitor].node.at("spec.selector.matchLabels");
            let watched = if all[monitor].kind() == "PodMonitor" {
                workload
                    .pods
                    .iter()
                    .any(|set| selects(wanted, set.labels(&main.node)))
            } else {
                services
                    .iter()
                    .any(|service| selects(wanted, all[*service].node.at("metadata.labels").entries()))
            };
            if watched {
                found.insert(monitor);
            }
        }
        let claims: Vec<usize> = found
            .iter()
            .copied()
            .filter(|number| all[*number].kind().starts_with("ResourceClaim"))
            .collect();
        for claim in claims {
            for class in crate::needs::claim_classes(&all[claim]) {
                found.extend(self.named(all, "DeviceClass", &class, ""));
            }
        }
        found.remove(&workload.main);
        found
    }
}

/// An object without a namespace goes wherever the others go.
fn same_namespace(one: &str, other: &str) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

fn selector(document: &Document) -> &Node {
    let selector = document.node.at("spec.selector");
    let labels = selector.get("matchLabels");
    if labels.is_null() { selector } else { labels }
}

/// Whether labels are as a selector wants them. An empty selector selects nothing here.
fn selects(selector: &Node, labels: &[(String, Node)]) -> bool {
    let wanted = selector.entries();
    !wanted.is_empty()
        && wanted.iter().all(|(key, value)| {
            labels
                .iter()
                .any(|(label, is)| label == key && is.text() == value.text())
        })
}

/// Kinds and names that pods of a workload name.
fn references(main: &Document, pods: &[PodSet]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let root = &main.node;
    for set in pods {
        let mut add = |kind, name: Option<&str>| {
            if let Some(name) = name {
                found.push((kind, name.to_owned()));
            }
        };
        let list = |key: &str| set.spec_at(root, key).map(Node::items).unwrap_or_default();
        for volume in list("volumes") {
            add(
                "PersistentVolumeClaim",
                volume.at("persistentVolumeClaim.claimName").text(),
            );
        }
        for claim in list("resourceClaims") {
            add(
                "ResourceClaimTemplate",
                claim.get("resourceClaimTemplateName").text(),
            );
            add("ResourceClaim", claim.get("resourceClaimName").text());
        }
        add(
            "PodGroup",
            set.spec_at(root, "schedulingGroup.podGroupName")
                .and_then(Node::text),
        );
        add(
            "Workload",
            set.spec_at(root, "workloadRef.name").and_then(Node::text),
        );
        add(
            "RuntimeClass",
            set.spec_at(root, "runtimeClassName").and_then(Node::text),
        );
        for key in ["scheduling.k8s.io/group-name", "scheduling.volcano.sh/group-name"] {
            add("PodGroup", set.annotation(root, key));
        }
        for key in [
            "scheduling.x-k8s.io/pod-group",
            "pod-group.scheduling.sigs.k8s.io",
            "pod-group.scheduling.run.ai/name",
        ] {
            add("PodGroup", set.label(root, key));
        }
        add("Queue", set.label(root, "kai.scheduler/queue"));
        let networks = set
            .annotation(root, "k8s.v1.cni.cncf.io/networks")
            .unwrap_or_default();
        for network in networks.split(',') {
            let name = network.trim().rsplit('/').next().unwrap_or_default();
            add("NetworkAttachmentDefinition", name.split('@').next());
        }
        add("LocalQueue", set.label(root, "kueue.x-k8s.io/queue-name"));
    }
    let queue = root.at("metadata.labels").get("kueue.x-k8s.io/queue-name").text();
    found.extend(queue.map(|name| ("LocalQueue", name.to_owned())));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Limits, Source, read};

    fn groups(text: &str) -> Vec<Vec<String>> {
        let source = Source::Stream("-".to_owned(), Box::new(std::io::Cursor::new(text.to_owned())));
        let manifests = read(vec![source], Limits::default()).unwrap();
        workloads(&manifests)
            .into_iter()
            .map(|workload| {
                workload
                    .documents
                    .iter()
                    .map(|number| manifests.documents[*number].title())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn what_a_deployment_is_served_and_scaled_by_belongs_to_it() {
        let text = "
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {metadata: {labels: {app: m}}, spec: {volumes: [{persistentVolumeClaim: {claimName: p}}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {app: m}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {scaleTargetRef: {kind: Deployment, name: d}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r}, spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s}]}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: p}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: other}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
";
        assert_eq!(
            groups(text),
            [
                vec![
                    "Deployment/d",
                    "HorizontalPodAutoscaler/h",
                    "HTTPRoute/r",
                    "Gateway/g",
                    "PersistentVolumeClaim/p"
                ],
                vec!["PersistentVolumeClaim/other"],
            ]
        );
    }

    #[test]
    fn another_namespace_is_another_thing() {
        let text = "
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: one}, spec: {resourceClaims: [{name: r, resourceClaimTemplateName: t}]}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaimTemplate, metadata: {name: t, namespace: two}}
";
        assert_eq!(groups(text).len(), 2);
    }
}
