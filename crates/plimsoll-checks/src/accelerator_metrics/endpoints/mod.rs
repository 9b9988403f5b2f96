//! Where exporters are: by what their vendor's profile says of their Services and pods, then by annotations, then by what
//! Prometheus' operator is told to scrape. Whether an endpoint is what it looks like is found out by visiting it.

mod monitors;
mod places;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, ResourceExt, api::ListParams};
use plimsoll_vendors::Metrics;

use super::subject::Subject;
use crate::{Context, probe_pod::chain};
use places::{Wanted, of_pod, of_service};

/// The annotations by which people ask to be scraped.
const SCRAPE: &str = "prometheus.io/scrape";
const PORT: &str = "prometheus.io/port";
const PATH: &str = "prometheus.io/path";
const SCHEME: &str = "prometheus.io/scheme";

/// So many places that only might be exporters are visited.
const GUESSES: usize = 48;

/// So many nodes are looked through for pods that ask to be scraped.
const NODES: usize = 16;

/// A place where an exporter may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    pub(super) url: String,
    /// The node whose devices it tells of, where that is known.
    pub(super) node: Option<String>,
    /// The subject that its vendor's profile makes it one of.
    pub(super) of: Option<String>,
    /// Why it may be one.
    pub(super) because: String,
}

/// The one that the platform's owner names.
pub(super) fn named(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        node: None,
        of: None,
        because: "plimsoll.toml names it".to_owned(),
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) endpoints: Vec<Endpoint>,
    /// What could not be looked at, and why.
    pub(super) unreadable: Vec<String>,
}

impl Found {
    fn add(&mut self, endpoints: impl IntoIterator<Item = Endpoint>) {
        for endpoint in endpoints {
            if !self.endpoints.iter().any(|known| known.url == endpoint.url) {
                self.endpoints.push(endpoint);
            }
        }
    }

    fn has(&self, subject: &Subject) -> bool {
        self.endpoints
            .iter()
            .any(|endpoint| endpoint.of.as_deref() == Some(subject.name.as_str()))
    }

    fn keep<T>(&mut self, what: &str, read: Result<T, kube::Error>) -> Option<T> {
        read.map_err(|error| self.unreadable.push(format!("{what}: {}", chain(&error))))
            .ok()
    }
}

/// Looks for the exporters of all subjects. The first way that leads to one of a subject's is enough for it.
pub(super) async fn find(context: &Context, subjects: &[Subject]) -> Found {
    let mut found = Found::default();
    let client = context.platform.client();
    let services = Api::<Service>::all(client.clone())
        .list(&ListParams::default())
        .await;
    let services = found
        .keep("services", services)
        .map(|list| list.items)
        .unwrap_or_default();
    for subject in subjects {
        let Some(metrics) = subject.metrics() else {
            continue;
        };
        let wanted = Wanted::known(metrics, subject);
        for service in services.iter().filter(|service| is_exporter(service, metrics)) {
            let because = format!(
                "Service `{}` is labelled or numbered as {}",
                name(service),
                metrics.exporter
            );
            let places = of_service(&client, service, &wanted, &because).await;
            if let Some(places) = found.keep("endpointslices", places) {
                found.add(places);
            }
        }
        if !found.has(subject) {
            for label in &metrics.found_by {
                let pods = Api::<Pod>::all(client.clone())
                    .list(&ListParams::default().labels(label))
                    .await;
                let because = format!("a pod is labelled {label}, as {} is", metrics.exporter);
                if let Some(pods) = found.keep("pods", pods) {
                    found.add(pods.items.iter().filter_map(|pod| of_pod(pod, &wanted, &because)));
                }
            }
        }
    }
    let open: Vec<&Subject> = subjects.iter().filter(|subject| !found.has(subject)).collect();
    if !open.is_empty() {
        guess(context, &open, &services, &mut found).await;
    }
    found
}

/// Everything that asks to be scraped and may tell of the devices of these subjects.
async fn guess(context: &Context, subjects: &[&Subject], services: &[Service], found: &mut Found) {
    let client = context.platform.client();
    let mut guessed = Vec::new();
    for service in services.iter().filter(|service| asks(service.annotations())) {
        let wanted = Wanted::annotated(service.annotations());
        let because = format!("Service `{}` is annotated {SCRAPE}", name(service));
        let places = of_service(&client, service, &wanted, &because).await;
        guessed.extend(found.keep("endpointslices", places).unwrap_or_default());
    }
    let nodes: BTreeSet<&String> = subjects.iter().flat_map(|subject| subject.nodes.keys()).collect();
    for node in nodes.into_iter().take(NODES) {
        let params = ListParams::default().fields(&format!("spec.nodeName={node}"));
        let pods = Api::<Pod>::all(client.clone()).list(&params).await;
        let Some(pods) = found.keep("pods", pods) else {
            break;
        };
        let asking = pods.items.iter().filter(|pod| asks(pod.annotations()));
        guessed.extend(asking.filter_map(|pod| {
            let because = format!("pod `{}` is annotated {SCRAPE}", pod.name_any());
            of_pod(pod, &Wanted::annotated(pod.annotations()), &because)
        }));
    }
    guessed.extend(monitors::endpoints(context, services, found).await);
    guessed.truncate(GUESSES);
    found.add(guessed);
}

fn asks(annotations: &std::collections::BTreeMap<String, String>) -> bool {
    annotations.get(SCRAPE).is_some_and(|value| value == "true")
        && annotations.get(SCHEME).is_none_or(|scheme| scheme == "http")
}

/// Whether a Service looks like a vendor's exporter: by a label, or by the port that nobody else uses.
fn is_exporter(service: &Service, metrics: &Metrics) -> bool {
    let labelled = metrics.found_by.iter().any(|label| {
        let wanted = label.split_once('=');
        wanted.is_some_and(|(key, value)| service.labels().get(key).is_some_and(|found| found == value))
    });
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    // Ports that many things use say nothing.
    let telling = ![5000, 8000, 8080, 8082].contains(&metrics.port);
    let numbered = ports
        .into_iter()
        .flatten()
        .any(|port| telling && port.port == i32::from(metrics.port));
    labelled || numbered
}

fn name(service: &Service) -> String {
    format!(
        "{}/{}",
        service.namespace().unwrap_or_default(),
        service.name_any()
    )
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;
    use serde_json::json;

    use super::*;

    fn service(labels: serde_json::Value, port: u16) -> Service {
        serde_json::from_value(json!({
            "metadata": {"name": "s", "namespace": "n", "labels": labels},
            "spec": {"ports": [{"port": port}]},
        }))
        .unwrap()
    }

    fn is(vendor: &str, labels: serde_json::Value, port: u16) -> bool {
        is_exporter(
            &service(labels, port),
            Vendor::by_id(vendor).unwrap().metrics.as_ref().unwrap(),
        )
    }

    #[test]
    fn an_exporter_is_known_by_its_label_or_by_a_port_of_its_own() {
        assert!(is("nvidia", json!({"app": "nvidia-dcgm-exporter"}), 80));
        assert!(is("nvidia", json!({}), 9400));
        assert!(is("amd", json!({"app": "amdgpu-metrics-exporter"}), 80));
        assert!(!is("amd", json!({}), 5000), "many things listen there");
        assert!(!is("nvidia", json!({"app": "web"}), 80));
    }

    #[test]
    fn only_who_asks_for_it_in_plain_http_is_scraped() {
        let annotations = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        assert!(asks(&annotations(&[(SCRAPE, "true")])));
        assert!(!asks(&annotations(&[(SCRAPE, "false")])));
        assert!(!asks(&annotations(&[(SCRAPE, "true"), (SCHEME, "https")])));
        assert!(!asks(&annotations(&[])));
    }
}
