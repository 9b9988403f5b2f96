//! What Prometheus' operator is told to scrape.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, ResourceExt, api::ListParams, core::DynamicObject};
use serde_json::Value;

use super::{
    Endpoint, Found,
    places::{Wanted, of_pod, of_service},
};
use crate::Context;

const GROUP: &str = "monitoring.coreos.com";

/// One thing to scrape: what picks it, and its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Monitor {
    name: String,
    /// Namespaces that are looked at; all if none.
    namespaces: Option<Vec<String>>,
    labels: BTreeMap<String, String>,
    ports: Vec<(Option<String>, Option<u16>, String)>,
}

/// Places of ServiceMonitors and PodMonitors, where those are served and can be read.
pub(super) async fn endpoints(context: &Context, services: &[Service], found: &mut Found) -> Vec<Endpoint> {
    let client = context.platform.client();
    let mut places = Vec::new();
    for monitor in read(context, "ServiceMonitor", "endpoints", found).await {
        let picked = services
            .iter()
            .filter(|service| monitor.picks(service.namespace().as_deref(), service.labels()));
        for service in picked {
            for wanted in monitor.wanted() {
                let because = format!("ServiceMonitor `{}` picks its Service", monitor.name);
                let of = of_service(&client, service, &wanted, &because).await;
                places.extend(found.keep("endpointslices", of).unwrap_or_default());
            }
        }
    }
    for monitor in read(context, "PodMonitor", "podMetricsEndpoints", found).await {
        let selector: Vec<String> = monitor
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let params = ListParams::default().labels(&selector.join(","));
        let pods = Api::<Pod>::all(client.clone()).list(&params).await;
        let Some(pods) = found.keep("pods", pods) else {
            continue;
        };
        let picked = pods
            .items
            .iter()
            .filter(|pod| monitor.picks(pod.namespace().as_deref(), pod.labels()));
        for pod in picked {
            let because = format!("PodMonitor `{}` picks its pod", monitor.name);
            places.extend(
                monitor
                    .wanted()
                    .filter_map(|wanted| of_pod(pod, &wanted, &because)),
            );
        }
    }
    places
}

async fn read(context: &Context, kind: &str, ports: &str, found: &mut Found) -> Vec<Monitor> {
    let Ok(apis) = context.platform.discover().await else {
        return Vec::new();
    };
    let Some(resource) = apis.resource(GROUP, kind, &[]) else {
        return Vec::new();
    };
    let api: Api<DynamicObject> = Api::all_with(context.platform.client(), &resource);
    let list = api.list(&ListParams::default()).await;
    let list = found.keep(&format!("{}.{GROUP}", resource.plural), list);
    list.into_iter()
        .flat_map(|list| list.items)
        .filter_map(|object| Monitor::of(&object.name_any(), object.namespace(), &object.data, ports))
        .collect()
}

impl Monitor {
    /// Reads one; none where it picks by more than labels, or picks everything.
    fn of(name: &str, namespace: Option<String>, data: &Value, ports: &str) -> Option<Self> {
        let spec = data.get("spec")?;
        let selector = spec.get("selector")?;
        if selector
            .get("matchExpressions")
            .is_some_and(|list| list.as_array().is_some_and(|list| !list.is_empty()))
        {
            return None;
        }
        let labels: BTreeMap<String, String> = selector
            .get("matchLabels")?
            .as_object()?
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let everywhere = spec.pointer("/namespaceSelector/any") == Some(&Value::Bool(true));
        let names: Option<Vec<String>> = spec
            .pointer("/namespaceSelector/matchNames")
            .and_then(Value::as_array)
            .map(|names| {
                names
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
            });
        let ports = spec.get(ports)?.as_array()?.iter().filter_map(|port| {
            let text = |key: &str| port.get(key).and_then(Value::as_str).map(str::to_owned);
            let plain = text("scheme").is_none_or(|scheme| scheme.eq_ignore_ascii_case("http"));
            let target = port.get("targetPort").and_then(Value::as_u64);
            plain.then(|| {
                (
                    text("port"),
                    target.and_then(|port| u16::try_from(port).ok()),
                    text("path").unwrap_or_else(|| "/metrics".to_owned()),
                )
            })
        });
        (!labels.is_empty()).then(|| Self {
            name: name.to_owned(),
            namespaces: if everywhere {
                None
            } else {
                names.or_else(|| Some(namespace.into_iter().collect()))
            },
            labels,
            ports: ports.collect(),
        })
    }

    fn picks(&self, namespace: Option<&str>, labels: &BTreeMap<String, String>) -> bool {
        let here = self
            .namespaces
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| Some(name.as_str()) == namespace));
        here && self
            .labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    }

    fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.ports.iter().map(|(name, number, path)| Wanted {
            number: *number,
            name: name.clone(),
            path: path.clone(),
            of: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn monitor(spec: Value) -> Option<Monitor> {
        Monitor::of("m", Some("own".to_owned()), &json!({"spec": spec}), "endpoints")
    }

    #[test]
    fn a_monitor_picks_by_labels_in_its_own_namespace_unless_it_says_otherwise() {
        let labels = BTreeMap::from([("app".to_owned(), "gpu".to_owned())]);
        let own = monitor(json!({"selector": {"matchLabels": {"app": "gpu"}}, "endpoints": [{"port": "m"}]}))
            .unwrap();
        assert!(own.picks(Some("own"), &labels) && !own.picks(Some("other"), &labels));
        assert!(!own.picks(Some("own"), &BTreeMap::new()));
        let any = json!({"selector": {"matchLabels": {"app": "gpu"}}, "namespaceSelector": {"any": true},
            "endpoints": [{"port": "m", "scheme": "https"}, {"targetPort": 9400, "path": "/m"}]});
        let any = monitor(any).unwrap();
        assert!(any.picks(Some("other"), &labels));
        let wanted: Vec<Wanted> = any.wanted().collect();
        assert_eq!(
            (wanted.len(), wanted[0].number, wanted[0].path.as_str()),
            (1, Some(9400), "/m")
        );
    }

    #[test]
    fn one_that_picks_everything_is_passed_over() {
        assert_eq!(monitor(json!({"selector": {}, "endpoints": []})), None);
        assert_eq!(
            monitor(json!({"selector": {"matchLabels": {}}, "endpoints": []})),
            None
        );
        assert_eq!(monitor(json!({})), None);
    }
}
