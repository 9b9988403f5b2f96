//! Objects that name a kind of service: storage, runtimes, gateways, and the APIs that metrics come by.

use serde::Deserialize;
use serde_json::Value;

use super::inventory::Finding;

/// An object, read as it comes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Object(pub(super) Value);

impl Object {
    fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// Status and message of a condition.
    fn condition<'a>(&'a self, kind: &str) -> Option<(&'a str, &'a str)> {
        let conditions = self.0.pointer("/status/conditions")?.as_array()?;
        let text = |value: &'a Value, field: &str| value.get(field).and_then(Value::as_str);
        let found = conditions
            .iter()
            .find(|condition| text(condition, "type") == Some(kind))?;
        Some((text(found, "status")?, text(found, "message").unwrap_or_default()))
    }
}

fn finding(object: &Object, because: String) -> Finding {
    Finding {
        name: object.name().to_owned(),
        version: None,
        because,
    }
}

/// A StorageClass.
pub(super) fn storage_class(class: &Object) -> Finding {
    let default = class
        .0
        .pointer("/metadata/annotations/storageclass.kubernetes.io~1is-default-class");
    let note = if default.and_then(Value::as_str) == Some("true") {
        ", the default"
    } else {
        ""
    };
    finding(
        class,
        format!("StorageClass of provisioner {}{note}", class.text("/provisioner")),
    )
}

/// A RuntimeClass.
pub(super) fn runtime_class(class: &Object) -> Finding {
    finding(
        class,
        format!("RuntimeClass with handler {}", class.text("/handler")),
    )
}

/// A GatewayClass.
pub(super) fn gateway_class(class: &Object) -> Finding {
    let accepted = match class.condition("Accepted") {
        Some(("True", _)) => "accepted by it".to_owned(),
        Some((_, message)) => format!("not accepted: {message}"),
        None => "not accepted yet".to_owned(),
    };
    finding(
        class,
        format!(
            "GatewayClass of controller {}, {accepted}",
            class.text("/spec/controllerName")
        ),
    )
}

/// A metrics API, if the APIService is one of somebody else's server.
pub(super) fn metrics_api(service: &Object) -> Option<Finding> {
    let group = service.text("/spec/group");
    if !group.ends_with("metrics.k8s.io") {
        return None;
    }
    let server = format!(
        "{}/{}",
        service.text("/spec/service/namespace"),
        service.text("/spec/service/name")
    );
    let available = match service.condition("Available") {
        Some(("True", _)) => "available".to_owned(),
        Some((_, message)) => format!("not available: {message}"),
        None => "of unknown availability".to_owned(),
    };
    Some(Finding {
        name: group.to_owned(),
        version: Some(service.text("/spec/version").to_owned()),
        because: format!("APIService served by {server}, {available}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_metrics_api_that_is_down_says_so() {
        let service = Object(json!({
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "service": {"namespace": "kube-system", "name": "m"}},
            "status": {"conditions": [{"type": "Available", "status": "False", "message": "no endpoints"}]},
        }));
        let found = metrics_api(&service).unwrap();
        assert_eq!(
            found.because,
            "APIService served by kube-system/m, not available: no endpoints"
        );
        assert_eq!(metrics_api(&Object(json!({"spec": {"group": "apps"}}))), None);
    }

    #[test]
    fn objects_without_what_they_should_have_are_still_listed() {
        let nothing = Object(json!({"metadata": {"name": "x"}}));
        assert_eq!(
            gateway_class(&nothing).because,
            "GatewayClass of controller , not accepted yet"
        );
        assert_eq!(storage_class(&nothing).name, "x");
        assert_eq!(runtime_class(&nothing).name, "x");
    }
}
