//! Y5: the domains that nodes name in their labels lie in one another as a tree.

use std::collections::BTreeMap;

use plimsoll_platform::survey::Node;

use crate::probe_pod::Ruling;

/// Labels of domains that contain one another, the biggest first.
const CHAINS: &[&[&str]] = &[
    &["topology.kubernetes.io/region", "topology.kubernetes.io/zone"],
    &[
        "topology.kubernetes.io/zone",
        "cloud.google.com/gce-topology-block",
        "cloud.google.com/gce-topology-subblock",
        "cloud.google.com/gce-topology-host",
    ],
    &[
        "topology.kubernetes.io/zone",
        "topology.k8s.aws/network-node-layer-1",
        "topology.k8s.aws/network-node-layer-2",
        "topology.k8s.aws/network-node-layer-3",
    ],
    &[
        "topology.kubernetes.io/zone",
        "oci.oraclecloud.com/host.hpc_island_id",
        "oci.oraclecloud.com/host.network_block_id",
        "oci.oraclecloud.com/host.rack_id",
    ],
    &[
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/block",
        "topology.kubernetes.io/rack",
    ],
];

/// All of those labels, the biggest first.
pub(super) fn labels() -> Vec<&'static str> {
    let mut labels: Vec<&str> = Vec::new();
    for label in CHAINS.iter().copied().flatten() {
        if !labels.contains(label) {
            labels.push(label);
        }
    }
    labels
}

/// Rules on what the nodes say; nothing, where none names a domain in another.
pub(super) fn tree(nodes: &[Node]) -> Option<Ruling> {
    let mut levels = 0;
    let mut domains = 0;
    for chain in CHAINS {
        for pair in chain.windows(2) {
            let [outer, inner] = pair else { continue };
            let mut parents: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
            for node in nodes {
                let (Some(parent), Some(child)) = (node.labels.get(*outer), node.labels.get(*inner)) else {
                    continue;
                };
                let (known, of) = parents.entry(child).or_insert((parent, &node.name));
                if known != parent {
                    return Some(Ruling::Wrong(format!(
                        "{inner} `{child}` lies in two: node `{of}` says {outer} `{known}`, and node `{}` says \
                         `{parent}`",
                        node.name
                    )));
                }
            }
            levels += usize::from(!parents.is_empty());
            domains += parents.len();
        }
    }
    (levels > 0).then(|| {
        Ruling::Right(format!(
            "{domains} domains of {levels} kinds each lie in one bigger one"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, region: &str, zone: &str) -> Node {
        Node {
            name: name.to_owned(),
            labels: BTreeMap::from([
                ("topology.kubernetes.io/region".to_owned(), region.to_owned()),
                ("topology.kubernetes.io/zone".to_owned(), zone.to_owned()),
            ]),
            ..Node::default()
        }
    }

    #[test]
    fn a_zone_in_one_region_is_right_and_in_two_is_wrong() {
        let right = tree(&[node("a", "r", "z1"), node("b", "r", "z2"), node("c", "r", "z1")]);
        assert!(right.unwrap().is_right());
        let wrong = tree(&[node("a", "r1", "z"), node("b", "r2", "z")]).unwrap();
        assert!(
            wrong.is_wrong() && wrong.detail().contains("lies in two"),
            "{wrong:?}"
        );
    }

    #[test]
    fn nodes_that_name_no_domains_are_no_fault() {
        assert_eq!(tree(&[Node::default()]), None);
        assert_eq!(tree(&[]), None);
    }
}
