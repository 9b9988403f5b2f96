//! The name service: what Services and their endpoints say, a little later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use plimsoll_apiserver::{Change, Direct, Object, elapse, resources};
use serde_json::Value;
use tokio::time::Instant;

use super::wire::{self, Known};

/// The cluster's own zone.
const ZONE: &str = "cluster.local";

/// What names lead to. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// By namespace and name.
    services: BTreeMap<(String, String), Object>,
    /// By namespace and Service, then by the slice's name.
    slices: BTreeMap<(String, String), BTreeMap<String, Object>>,
}

impl Names {
    /// Keeps the names up to date, each change after `delay`.
    pub(crate) async fn follow(self, api: Direct, delay: Duration) {
        let mut changes = api.watch(&[resources::SERVICES, resources::ENDPOINT_SLICES]);
        let mut pending: VecDeque<(Instant, Change)> = VecDeque::new();
        loop {
            let due = async {
                match pending.front() {
                    Some((at, _)) => elapse(at.saturating_duration_since(Instant::now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                change = changes.next() => match change {
                    Some(change) => pending.push_back((Instant::now() + delay, change)),
                    None => return,
                },
                () = due => {
                    if let Some((_, change)) = pending.pop_front() {
                        self.table().apply(&change);
                    }
                }
            }
        }
    }

    /// The answer to a packet; none to what is no question.
    pub(crate) fn answer(&self, packet: &[u8]) -> Option<Vec<u8>> {
        wire::answer(packet, |name| self.table().lookup(name))
    }

    /// A pod behind a Service's address, for whoever connects to that.
    pub(crate) fn behind(&self, address: IpAddr, port: u16) -> Option<(IpAddr, u16)> {
        self.table().behind(address, port)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn apply(&mut self, change: &Change) {
        let object = change.object();
        let gone = matches!(change, Change::Deleted(..));
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        if *change.of() == resources::SERVICES {
            if gone {
                self.services.remove(&(namespace, name));
            } else {
                self.services.insert((namespace, name), Arc::clone(object));
            }
        } else {
            let service = text("/metadata/labels/kubernetes.io~1service-name");
            let slices = self.slices.entry((namespace, service)).or_default();
            if gone {
                slices.remove(&name);
            } else {
                slices.insert(name, Arc::clone(object));
            }
        }
    }

    /// `SERVICE.NAMESPACE.svc.cluster.local`, the same with a host's name before it, and
    /// `10-0-0-1.NAMESPACE.pod.cluster.local`.
    fn lookup(&self, name: &str) -> Known {
        let Some(name) = name.strip_suffix(ZONE).and_then(|name| name.strip_suffix('.')) else {
            return Known::Nothing;
        };
        let labels: Vec<&str> = name.split('.').collect();
        match labels.as_slice() {
            [service, namespace, "svc"] => self.service(namespace, service, None),
            [host, service, namespace, "svc"] => self.service(namespace, service, Some(host)),
            [address, _namespace, "pod"] => match address.replace('-', ".").parse() {
                Ok(address) => Known::Addresses(vec![address]),
                Err(_) => Known::Nothing,
            },
            _ => Known::Nothing,
        }
    }

    fn service(&self, namespace: &str, name: &str, host: Option<&str>) -> Known {
        let key = (namespace.to_owned(), name.to_owned());
        let Some(service) = self.services.get(&key) else {
            return Known::Nothing;
        };
        let cluster_ip = service["spec"]["clusterIP"].as_str().unwrap_or_default();
        if host.is_none() && cluster_ip != "None" {
            return Known::Addresses(cluster_ip.parse().into_iter().collect());
        }
        let mut addresses = BTreeSet::new();
        for endpoint in self.endpoints(&key) {
            let named = host.is_none_or(|host| endpoint["hostname"] == host);
            if named && is_ready(endpoint) {
                addresses.extend(addresses_of(endpoint));
            }
        }
        if addresses.is_empty() {
            // As a real one answers for a Service without endpoints.
            Known::Nothing
        } else {
            Known::Addresses(addresses.into_iter().collect())
        }
    }

    fn endpoints(&self, key: &(String, String)) -> impl Iterator<Item = &Value> {
        let slices = self.slices.get(key).into_iter().flat_map(BTreeMap::values);
        slices.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten())
    }

    fn behind(&self, address: IpAddr, port: u16) -> Option<(IpAddr, u16)> {
        let wanted = address.to_string();
        let (key, service) = self
            .services
            .iter()
            .find(|(_, service)| service["spec"]["clusterIP"] == wanted.as_str())?;
        let ports = service["spec"]["ports"].as_array()?;
        let entry = ports.iter().find(|entry| entry["port"] == port)?;
        let slices = self.slices.get(key)?.values();
        for slice in slices {
            let ports = slice["ports"].as_array().into_iter().flatten();
            let target = ports
                .filter(|own| {
                    own["name"].as_str().unwrap_or_default() == entry["name"].as_str().unwrap_or_default()
                })
                .find_map(|own| own["port"].as_u64());
            let endpoints = slice["endpoints"].as_array().into_iter().flatten();
            let pod = endpoints
                .filter(|endpoint| is_ready(endpoint))
                .find_map(|endpoint| addresses_of(endpoint).next());
            if let (Some(target), Some(pod)) = (target, pod) {
                return Some((pod, u16::try_from(target).ok()?));
            }
        }
        None
    }
}

/// Whether traffic is for it; what is not said is so.
fn is_ready(endpoint: &Value) -> bool {
    endpoint["conditions"]["ready"] != false
}

fn addresses_of(endpoint: &Value) -> impl Iterator<Item = IpAddr> {
    let addresses = endpoint["addresses"].as_array().into_iter().flatten();
    addresses.filter_map(|address| address.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(headless: bool, ready: bool) -> Table {
        let mut table = Table::default();
        let cluster_ip = if headless { "None" } else { "10.96.3.3" };
        let service = json!({
            "metadata": {"namespace": "ns", "name": "web"},
            "spec": {"clusterIP": cluster_ip, "ports": [{"name": "http", "port": 80}]},
        });
        let slice = json!({
            "metadata": {"namespace": "ns", "name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{
                "addresses": ["10.128.0.7"], "hostname": "web-0", "conditions": {"ready": ready},
            }],
        });
        table.apply(&Change::Added(resources::SERVICES, Arc::new(service)));
        table.apply(&Change::Added(resources::ENDPOINT_SLICES, Arc::new(slice)));
        table
    }

    fn pod() -> Known {
        Known::Addresses(vec!["10.128.0.7".parse().unwrap()])
    }

    #[test]
    fn a_headless_service_leads_to_its_ready_pods() {
        let table = table(true, true);
        assert_eq!(table.lookup("web.ns.svc.cluster.local"), pod());
        assert_eq!(table.lookup("web-0.web.ns.svc.cluster.local"), pod());
        assert_eq!(table.lookup("web-1.web.ns.svc.cluster.local"), Known::Nothing);
        assert_eq!(table.lookup("web.other.svc.cluster.local"), Known::Nothing);
        assert_eq!(table.lookup("web.ns"), Known::Nothing);
    }

    #[test]
    fn pods_that_are_not_ready_are_not_led_to() {
        assert_eq!(
            super::tests::table(true, false).lookup("web.ns.svc.cluster.local"),
            Known::Nothing
        );
    }

    #[test]
    fn a_service_with_an_address_is_that_address_and_a_pod_is_behind_it() {
        let table = table(false, true);
        assert_eq!(
            table.lookup("web.ns.svc.cluster.local"),
            Known::Addresses(vec!["10.96.3.3".parse().unwrap()])
        );
        let behind = table.behind("10.96.3.3".parse().unwrap(), 80);
        assert_eq!(behind, Some(("10.128.0.7".parse().unwrap(), 8080)));
        assert_eq!(table.behind("10.96.3.3".parse().unwrap(), 81), None);
    }

    #[test]
    fn a_pods_address_is_also_a_name() {
        assert_eq!(Table::default().lookup("10-128-0-7.ns.pod.cluster.local"), pod());
    }

    #[test]
    fn an_answer_is_of_the_kind_that_was_asked_for() {
        use simple_dns::{Name, Packet, Question, RCODE, TYPE};
        let ask = |kind: TYPE, name: &str| {
            let mut packet = Packet::new_query(7);
            let name = Name::new(name).unwrap().into_owned();
            packet.questions.push(Question::new(
                name,
                kind.into(),
                simple_dns::CLASS::IN.into(),
                false,
            ));
            let packet = packet.build_bytes_vec().unwrap();
            let answer = wire::answer(&packet, |name| table(true, true).lookup(name)).unwrap();
            let answer = Packet::parse(&answer).unwrap();
            (answer.answers.len(), answer.rcode())
        };
        assert_eq!(ask(TYPE::A, "WEB.ns.svc.cluster.local"), (1, RCODE::NoError));
        assert_eq!(ask(TYPE::AAAA, "web.ns.svc.cluster.local"), (0, RCODE::NoError));
        assert_eq!(ask(TYPE::A, "none.ns.svc.cluster.local"), (0, RCODE::NameError));
    }
}
