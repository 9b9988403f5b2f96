//! Secondary networks and RDMA.

use super::{Case, Demand, Subject, apis};
use crate::{
    devices,
    need::{Fit, Need, NeedKind},
    node::{Step, steps},
    platform::Proof,
};

/// A network.
#[derive(Clone, Debug)]
pub enum Network {
    /// An interface or RDMA device by the name of a resource.
    Resource(String, u64),
    /// An attachment by its name, and whether its definition is among the manifests.
    Attachment(String, bool),
}

/// Whether a resource is a network's.
pub(super) fn is_network(resource: &str) -> bool {
    let own = resource.rsplit('/').next().unwrap_or_default();
    ["rdma/", "openshift.io/", "networking.gke.io.networks/"]
        .iter()
        .any(|prefix| resource.starts_with(prefix))
        || resource == "vpc.amazonaws.com/efa"
        || ["rdma", "sriov", "hostdev", "hca"]
            .iter()
            .any(|word| own.contains(word))
}

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    for set in &subject.workload.pods {
        for (name, asked) in set.resources(root) {
            if !is_network(&name) || !super::resources::is_extended(&name) {
                continue;
            }
            let count = asked.milli.div_ceil(1000);
            let what = format!("{}{count} × `{name}` a pod", super::resources::pods(set));
            let demand = Demand::Network(Network::Resource(name, count));
            needs.push(subject.need(NeedKind::Network, what, set.document, &asked.path, demand));
        }
        let key = "k8s.v1.cni.cncf.io/networks";
        for network in set.annotation(root, key).unwrap_or_default().split(',') {
            let name = network.trim().rsplit('/').next().unwrap_or_default();
            let name = name.split('@').next().unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            let brought = subject
                .of_kind("NetworkAttachmentDefinition")
                .any(|(_, definition)| definition.name() == name);
            let path = [
                set.metadata.clone(),
                steps("annotations"),
                vec![Step::Key(key.to_owned())],
            ]
            .concat();
            let demand = Demand::Network(Network::Attachment(name.to_owned(), brought));
            let what = format!("the secondary network `{name}`");
            needs.push(subject.need(NeedKind::Network, what, set.document, &path, demand));
        }
    }
}

pub(super) fn fit(case: Case<'_>, network: &Network) -> Fit {
    let mut proof = Proof::NotRun;
    for (requirement, controls) in NeedKind::Network.carriers() {
        match case.platform.proof(requirement, controls, "") {
            wrong @ Proof::Wrong(_) => {
                proof = wrong;
                break;
            }
            Proof::NotRun => {}
            other => proof = other,
        }
    }
    match network {
        Network::Resource(name, count) => {
            let offer = devices::by_resource(case.platform, name);
            if offer.most() >= *count {
                return Fit::Surveyed(super::resources::told(
                    &offer,
                    &format!("`{name}` of a device plugin"),
                ))
                .judged(proof);
            }
            let what = if offer.most() > 0 {
                format!("no node has {count} × `{name}`: at most {}", offer.most())
            } else {
                format!("no node has `{name}`")
            };
            super::resources::lacking(case, what).fit
        }
        Network::Attachment(name, brought) => {
            let multus = case
                .platform
                .facts
                .networks
                .iter()
                .find(|found| found.name == "multus");
            let kind = "NetworkAttachmentDefinition";
            if let Err(fit) = apis::served(case, "k8s.cni.cncf.io", "v1", kind, multus) {
                return fit;
            }
            match (multus, brought) {
                (Some(multus), true) if multus.is_ready() => {
                    Fit::Surveyed(multus.because.clone()).judged(proof)
                }
                (_, false) => Fit::Unknown(format!(
                    "the {kind} `{name}` is not among the manifests, and a survey does not list those that are there"
                )),
                _ => {
                    Fit::Unknown("nothing that attaches networks was recognised with a ready pod".to_owned())
                }
            }
        }
    }
}
