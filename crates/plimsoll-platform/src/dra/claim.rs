//! ResourceClaims: what was asked for and what was given.

use serde::Serialize;
use serde_json::Value;

use super::slice::text;

/// What a claim was given, and who uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The object's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Whether it has been allocated. An allocation can be without devices, so this is not the same.
    pub is_allocated: bool,
    /// The allocated devices.
    pub allocated: Vec<Allocated>,
    /// Who may use it at present.
    pub reserved_for: Vec<Consumer>,
    /// Whether it is being deleted.
    pub is_deleted: bool,
}

/// An allocated device.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Allocated {
    /// The request it answers; `request/subrequest` for one of several choices.
    pub request: String,
    /// Its driver.
    pub driver: String,
    /// Its pool.
    pub pool: String,
    /// Its name within the pool.
    pub device: String,
    /// Whether only for administration, beside its user.
    pub admin_access: bool,
}

/// Who may use a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// `pods`, usually.
    pub resource: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl Claim {
    /// From an object of any version.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let meta = object.get("metadata")?;
        let allocation = object
            .pointer("/status/allocation")
            .filter(|allocation| !allocation.is_null());
        let list = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let field = |value: &Value, name: &str| text(value.get(name)).unwrap_or_default();
        Some(Self {
            name: text(meta.get("name"))?,
            namespace: text(meta.get("namespace"))?,
            uid: field(meta, "uid"),
            is_allocated: allocation.is_some(),
            allocated: list("/status/allocation/devices/results")
                .map(|result| Allocated {
                    request: field(result, "request"),
                    driver: field(result, "driver"),
                    pool: field(result, "pool"),
                    device: field(result, "device"),
                    admin_access: result
                        .get("adminAccess")
                        .and_then(Value::as_bool)
                        .unwrap_or_default(),
                })
                .collect(),
            reserved_for: list("/status/reservedFor")
                .map(|consumer| Consumer {
                    resource: field(consumer, "resource"),
                    name: field(consumer, "name"),
                    uid: field(consumer, "uid"),
                })
                .collect(),
            is_deleted: meta.get("deletionTimestamp").is_some(),
        })
    }
}
