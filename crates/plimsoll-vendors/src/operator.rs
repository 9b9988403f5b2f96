//! The custom resources by which a vendor's operator states which driver nodes have.

use serde_json::{Value, json};

use crate::{Stating, Vendor};

impl Vendor {
    /// What the operator of an imitated vendor brings: the definition of its kind, and the object that states the driver
    /// that is installed, or the next one where it is `ahead`. None where no operator of the vendor's states one.
    #[must_use]
    pub fn operator_objects(&self, ahead: bool) -> Option<[Value; 2]> {
        let (lab, driver) = (self.lab.as_ref()?, self.driver.as_ref()?);
        let stating = driver.resources.first()?;
        let version = if ahead {
            lab.next_driver_version()
        } else {
            lab.driver_version.clone()
        };
        Some([stating.definition(), stating.object(&self.id, &version)])
    }
}

impl Stating {
    /// The definition of its kind for a platform that has no operator to bring it. It keeps whatever an object holds.
    #[must_use]
    pub fn definition(&self) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{}", self.plural, self.group)},
            "spec": {
                "group": self.group,
                "scope": "Cluster",
                "names": {
                    "kind": self.kind, "listKind": format!("{}List", self.kind),
                    "plural": self.plural, "singular": self.kind.to_lowercase(),
                },
                "versions": [{
                    "name": self.version, "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                }],
            },
        })
    }

    /// An object that states that all nodes with such devices have a version of the driver.
    #[must_use]
    pub fn object(&self, name: &str, version: &str) -> Value {
        let mut object = json!({
            "apiVersion": format!("{}/{}", self.group, self.version), "kind": self.kind, "metadata": {"name": name},
        });
        set(&mut object, &self.states, json!(version));
        if let Some(enabled) = &self.enabled {
            set(&mut object, enabled, json!(true));
        }
        object
    }
}

/// Sets what a pointer leads to, through objects that are made where there are none.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let place = pointer
        .split('/')
        .skip(1)
        .fold(object, |place, key| &mut place[key]);
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_states_what_is_installed_unless_it_is_ahead() {
        let nvidia = Vendor::by_id("nvidia").unwrap();
        let lab = nvidia.lab.as_ref().unwrap();
        let stated = |ahead| {
            let [_, object] = nvidia.operator_objects(ahead).unwrap();
            object.pointer("/spec/driver/version").cloned()
        };
        assert_eq!(stated(false), Some(lab.driver_version.clone().into()));
        assert_eq!(stated(true), Some(lab.next_driver_version().into()));
        assert_ne!(stated(false), stated(true));
    }

    #[test]
    fn an_object_states_its_version_where_it_is_looked_for() {
        let stating = Vendor::all()
            .iter()
            .filter_map(|vendor| vendor.driver.as_ref())
            .flat_map(|driver| &driver.resources);
        for stating in stating {
            let object = stating.object("x", "580.95.05");
            assert_eq!(object.pointer(&stating.states), Some(&json!("580.95.05")));
            let enabled = stating.enabled.as_deref().map(|pointer| object.pointer(pointer));
            assert!(
                enabled.is_none_or(|value| value == Some(&json!(true))),
                "{object}"
            );
            let kind = stating.definition()["spec"]["names"]["kind"].clone();
            assert_eq!(object["kind"], kind);
        }
    }
}
