//! Volumes: their class, size, and whether many pods may have them at once.

use serde_json::json;

use super::{Case, Demand, Subject};
use crate::{
    change::Edit,
    need::{Fit, Need, NeedKind},
    node::{Node, Step, steps},
    platform::{Found, Proof},
};

/// A volume.
#[derive(Clone, Debug)]
pub enum Volume {
    /// From a StorageClass.
    Claimed {
        /// The class; none for the default.
        class: Option<String>,
        /// Whether pods on several nodes have it.
        shared: bool,
        /// The way to the class's name.
        path: Vec<Step>,
        /// How large.
        size: String,
    },
    /// A claim that is not among the manifests.
    Elsewhere(String),
    /// An image as a volume.
    Image,
}

/// Drivers whose volumes pods on several nodes can have.
const SHARING: &[&str] = &[
    "efs.csi.aws.com",
    "fsx.csi.aws.com",
    "file.csi.azure.com",
    "azurelustre.csi.azure.com",
    "filestore.csi.storage.gke.io",
    "lustre.csi.storage.gke.io",
    "parallelstore.csi.storage.gke.io",
    "nfs.csi.k8s.io",
    "csi.juicefs.com",
    "csi.weka.io",
    "spectrumscale.csi.ibm.com",
    "beegfs.csi.netapp.com",
    "driver.longhorn.io",
    "cephfs.csi.ceph.com",
];

/// Drivers whose volumes are one node's.
const EXCLUSIVE: &[&str] = &[
    "ebs.csi.aws.com",
    "disk.csi.azure.com",
    "cinder.csi.openstack.org",
    "rbd.csi.ceph.com",
    "topolvm.io",
    "rancher.io/local-path",
    "local.csi.openebs.io",
    "kubernetes.io/no-provisioner",
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    for (index, document) in subject.of_kind("PersistentVolumeClaim") {
        claimed(subject, index, document.name(), &document.node, &[], needs);
    }
    let templates = root.at("spec.volumeClaimTemplates").items();
    for (number, template) in templates.iter().enumerate() {
        let mut path = steps("spec.volumeClaimTemplates");
        path.push(Step::Index(number));
        let name = template.at("metadata.name").text().unwrap_or_default();
        claimed(subject, subject.workload.main, name, template, &path, needs);
    }
    let mut missing = Vec::new();
    for set in &subject.workload.pods {
        let volumes = set.spec_at(root, "volumes").map(Node::items).unwrap_or_default();
        for (number, volume) in volumes.iter().enumerate() {
            let mut path = set.spec.clone();
            path.extend([Step::Key("volumes".to_owned()), Step::Index(number)]);
            if let Some(name) = volume.at("persistentVolumeClaim.claimName").text() {
                let there = subject
                    .of_kind("PersistentVolumeClaim")
                    .any(|(_, claim)| claim.name() == name);
                if !there && !missing.contains(&name) {
                    missing.push(name);
                    let demand = Demand::Volume(Volume::Elsewhere(name.to_owned()));
                    let what = format!("the PersistentVolumeClaim `{name}`");
                    needs.push(subject.need(NeedKind::Volume, what, set.document, &path, demand));
                }
            }
            let ephemeral = volume.at("ephemeral.volumeClaimTemplate");
            if !ephemeral.is_null() {
                path.extend(steps("ephemeral.volumeClaimTemplate"));
                let name = volume.get("name").text().unwrap_or_default();
                claimed(subject, set.document, name, ephemeral, &path, needs);
            } else if !volume.get("image").is_null() {
                let what = "an image as a volume".to_owned();
                needs.push(subject.need(
                    NeedKind::Volume,
                    what,
                    set.document,
                    &path,
                    Demand::Volume(Volume::Image),
                ));
            }
        }
    }
}

fn claimed(
    subject: Subject<'_>,
    index: usize,
    name: &str,
    claim: &Node,
    way: &[Step],
    needs: &mut Vec<Need>,
) {
    let modes: Vec<&str> = claim
        .at("spec.accessModes")
        .items()
        .iter()
        .filter_map(Node::text)
        .collect();
    let shared = modes.iter().any(|mode| mode.ends_with("Many"));
    let class = claim.at("spec.storageClassName").text().map(str::to_owned);
    let size = claim
        .at("spec.resources.requests.storage")
        .scalar()
        .unwrap_or_default();
    let from = class.as_ref().map_or_else(
        || "the default StorageClass".to_owned(),
        |class| format!("StorageClass `{class}`"),
    );
    let what = format!("volume `{name}` of {size}, {}, from {from}", modes.join(" "));
    let path = [way, &steps("spec.storageClassName")].concat();
    let demand = Demand::Volume(Volume::Claimed {
        class,
        shared,
        path: path.clone(),
        size,
    });
    let path = if claim.at("spec.storageClassName").is_null() {
        [way, &steps("spec")].concat()
    } else {
        path
    };
    needs.push(subject.need(NeedKind::Volume, what, index, &path, demand));
}

pub(super) fn fit(case: Case<'_>, need: &Need, volume: &Volume) -> Fit {
    let (class, shared, path, size) = match volume {
        Volume::Claimed {
            class,
            shared,
            path,
            size,
        } => (class.as_deref(), *shared, path, size),
        Volume::Elsewhere(name) => {
            return Fit::Unknown(format!(
                "the PersistentVolumeClaim `{name}` is not among the manifests: give it with -f"
            ));
        }
        Volume::Image => {
            return match case.platform.proof("image_delivery", &["F6"], "") {
                Proof::Right => Fit::Proven("images can be volumes".to_owned()),
                Proof::Wrong(seen) => Fit::Unmet(seen),
                Proof::Undecided(why) => Fit::Unknown(why),
                Proof::NotRun => Fit::Unknown("no run shows whether images can be volumes".to_owned()),
            };
        }
    };
    if class == Some("") {
        return Fit::Unknown(
            "it wants a volume that somebody made by hand, which a survey does not see".to_owned(),
        );
    }
    let storage = &case.platform.facts.storage;
    let of_claim = match class {
        Some(name) => storage.iter().find(|found| found.name == name),
        None => storage.iter().find(|found| is_default(found)),
    };
    let told = |found: &Found| format!("StorageClass `{}` of {}, {size}", found.name, provisioner(found));
    if let Some(found) = of_claim {
        if !shared {
            return Fit::Surveyed(told(found));
        }
        match case.platform.proof("dataset_volumes", &["W3"], &found.name) {
            Proof::Right => return Fit::Proven(told(found)),
            Proof::Wrong(seen) => return Fit::Unmet(seen),
            Proof::Undecided(_) | Proof::NotRun => {}
        }
        match sharing(found) {
            Some(true) => return Fit::Surveyed(told(found)),
            None => {
                return Fit::Unknown(format!(
                    "whether volumes of {} can be had by pods on several nodes is not known",
                    provisioner(found)
                ));
            }
            Some(false) => {}
        }
    }
    let why = match (of_claim, class) {
        (Some(found), _) => format!("volumes of {} are one node's", provisioner(found)),
        (None, Some(name)) => format!("there is no StorageClass `{name}`"),
        (None, None) => "no StorageClass is the default".to_owned(),
    };
    let instead = storage
        .iter()
        .filter(|found| {
            if shared {
                sharing(found) == Some(true)
            } else {
                class.is_some() || storage.len() == 1
            }
        })
        .max_by_key(|found| is_default(found));
    if let Some(found) = instead {
        let edit = Edit::Set {
            document: need.place.document,
            path: path.clone(),
            value: json!(found.name),
        };
        let what = format!("take StorageClass `{}`: {why}", found.name);
        let change = case.subject.change(what, need.place.document, path, edit);
        return Fit::Changed(vec![change], told(found));
    }
    match case.platform.blind("storageclasses") {
        Some(blind) => Fit::Unknown(format!("{why}, and {blind}")),
        None => Fit::Unmet(why),
    }
}

fn provisioner(found: &Found) -> &str {
    found.told("provisioner ").unwrap_or_default()
}

fn is_default(found: &Found) -> bool {
    found.because.ends_with(", the default")
}

fn sharing(found: &Found) -> Option<bool> {
    let provisioner = provisioner(found);
    let is = |known: &&str| provisioner == *known || provisioner.ends_with(&format!(".{known}"));
    if SHARING.iter().any(is) {
        Some(true)
    } else if EXCLUSIVE.iter().any(is) {
        Some(false)
    } else {
        None
    }
}
