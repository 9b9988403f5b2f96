//! Which volume is a claim's.

use plimsoll_apiserver::Object;
use serde_json::{Value, json};

use super::{
    super::facts::{
        Selector,
        meta::{self, items},
        quantity,
    },
    PROVISIONER,
};

/// Whether nobody else has a volume.
pub(super) fn is_free_for(volume: &Value, claim: &Value) -> bool {
    let reference = &volume["spec"]["claimRef"];
    reference.is_null()
        || (reference["name"] == meta::name(claim)
            && reference["namespace"] == meta::namespace(claim)
            && (reference["uid"].is_null() || reference["uid"] == "" || reference["uid"] == meta::uid(claim)))
}

/// The volume that a claim gets: one that was kept for it, or else the smallest that is large enough.
pub(super) fn best<'a>(volumes: &'a [Object], claim: &Value) -> Option<&'a Object> {
    let wanted = quantity::milli_of(&claim["spec"]["resources"]["requests"]["storage"]).unwrap_or_default();
    let selector = &claim["spec"]["selector"];
    let size =
        |volume: &Value| quantity::milli_of(&volume["spec"]["capacity"]["storage"]).unwrap_or_default();
    let text = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
    volumes
        .iter()
        .filter(|volume| {
            is_free_for(volume, claim)
                && !meta::deleting(volume)
                && volume["status"]["phase"] != "Released"
                && size(volume) >= wanted
                && text(&volume["spec"]["storageClassName"], "")
                    == text(&claim["spec"]["storageClassName"], "")
                && text(&volume["spec"]["volumeMode"], "Filesystem")
                    == text(&claim["spec"]["volumeMode"], "Filesystem")
                && items(&claim["spec"]["accessModes"])
                    .iter()
                    .all(|mode| items(&volume["spec"]["accessModes"]).contains(mode))
                && (selector.is_null() || Selector::of(selector).selects(volume))
        })
        .min_by_key(|volume| {
            (
                volume["spec"]["claimRef"].is_null(),
                size(volume),
                meta::name(volume).to_owned(),
            )
        })
}

/// A volume made for a claim, of its class.
pub(super) fn new_volume(claim: &Value, class: &Value) -> Value {
    let name = format!("pvc-{}", meta::uid(claim));
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta::namespace(claim),
                "name": meta::name(claim), "uid": meta::uid(claim)},
            "csi": {"driver": PROVISIONER, "volumeHandle": name},
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"].as_str().unwrap_or("Delete"),
            "storageClassName": meta::name(class),
            "volumeMode": claim["spec"]["volumeMode"].as_str().unwrap_or("Filesystem"),
        },
    })
}
