//! One state of one object.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

/// A stored object, in the hub version of its kind: the newest stable form (`resource.k8s.io`: v1, `autoscaling`: v2,
/// Events: core v1; Workloads and PodGroups: the one served version). It always has `apiVersion`, `kind` and
/// `metadata` with `name`, `uid`, `resourceVersion` and `creationTimestamp`.
pub type Object = Arc<Value>;

/// One state of one object, which nobody changes any more.
#[derive(Debug)]
pub(crate) struct Item {
    version: u64,
    form: Mutex<Form>,
}

/// A tree of values takes about ten times the memory of its text, so what nobody looks at is kept as text.
#[derive(Debug)]
enum Form {
    Live(Object),
    Packed { text: Box<str>, seen: Weak<Value> },
}

impl Item {
    pub(crate) fn live(version: u64, object: Object) -> Self {
        Self {
            version,
            form: Mutex::new(Form::Live(object)),
        }
    }

    /// In its compact form; `scratch` is room for work.
    pub(crate) fn packed(version: u64, object: &Value, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        // Values are always JSON, and JSON always text.
        let _ = serde_json::to_writer(&mut *scratch, object);
        let text = std::str::from_utf8(scratch).unwrap_or_default();
        Self {
            version,
            form: Mutex::new(Form::Packed {
                text: text.into(),
                seen: Weak::new(),
            }),
        }
    }

    /// Its resourceVersion.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The object.
    pub(crate) fn object(&self) -> Object {
        match &mut *self.form.lock().unwrap_or_else(PoisonError::into_inner) {
            Form::Live(object) => Arc::clone(object),
            Form::Packed { text, seen } => seen.upgrade().unwrap_or_else(|| {
                // Text that came from a value is one.
                let object = Arc::new(serde_json::from_str(text).unwrap_or_default());
                *seen = Arc::downgrade(&object);
                object
            }),
        }
    }

    /// Its JSON text.
    pub(crate) fn text(&self) -> String {
        match &*self.form.lock().unwrap_or_else(PoisonError::into_inner) {
            Form::Live(object) => written(object),
            Form::Packed { text, .. } => text.to_string(),
        }
    }

    /// Keeps it as text from now on.
    pub(crate) fn pack(&self) {
        let mut form = self.form.lock().unwrap_or_else(PoisonError::into_inner);
        if let Form::Live(object) = &*form {
            *form = Form::Packed {
                text: written(object).into(),
                seen: Arc::downgrade(object),
            };
        }
    }
}

/// As JSON, without the detour through formatting.
fn written(object: &Value) -> String {
    serde_json::to_string(object).unwrap_or_default()
}
