//! Values as the server quotes them where it knows them by Go's names, with all fields of the structure.

use serde_json::{Map, Value};

/// What of a structure there is to print.
pub(crate) enum Go {
    /// Anything that may be missing.
    Any,
    Text,
    Number,
    List(&'static Go),
    /// A structure that may be missing.
    Pointer(&'static [Field]),
    Struct(&'static [Field]),
}

/// A field's name in Go and in JSON.
type Field = (&'static str, &'static str, Go);

/// An entry of a pod's `resourceClaims`.
pub(crate) const POD_CLAIM: Go = Go::Struct(&[
    ("Name", "name", Go::Text),
    ("ResourceClaimName", "resourceClaimName", Go::Any),
    ("ResourceClaimTemplateName", "resourceClaimTemplateName", Go::Any),
]);

/// How a workload replaces its pods.
pub(crate) const STRATEGY: Go = Go::Struct(&[
    ("Type", "type", Go::Text),
    ("RollingUpdate", "rollingUpdate", Go::Any),
]);

/// A container's `securityContext`.
pub(crate) const SECURITY_CONTEXT: Go = Go::Struct(&[
    (
        "Capabilities",
        "capabilities",
        Go::Pointer(&[("Add", "add", Go::Any), ("Drop", "drop", Go::Any)]),
    ),
    ("Privileged", "privileged", Go::Any),
    ("SELinuxOptions", "seLinuxOptions", Go::Any),
    ("WindowsOptions", "windowsOptions", Go::Any),
    ("RunAsUser", "runAsUser", Go::Any),
    ("RunAsGroup", "runAsGroup", Go::Any),
    ("RunAsNonRoot", "runAsNonRoot", Go::Any),
    ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", Go::Any),
    ("AllowPrivilegeEscalation", "allowPrivilegeEscalation", Go::Any),
    ("ProcMount", "procMount", Go::Any),
    ("SeccompProfile", "seccompProfile", Go::Any),
    ("AppArmorProfile", "appArmorProfile", Go::Any),
]);

/// A port of a service.
pub(crate) const SERVICE_PORT: Go = Go::Struct(&[
    ("Name", "name", Go::Text),
    ("Protocol", "protocol", Go::Text),
    ("AppProtocol", "appProtocol", Go::Any),
    ("Port", "port", Go::Number),
    ("TargetPort", "targetPort", Go::Number),
    ("NodePort", "nodePort", Go::Number),
]);

/// A rule of a custom resource's schema.
pub(crate) const RULE: Go = Go::Struct(&[
    ("Rule", "rule", Go::Text),
    ("Message", "message", Go::Text),
    ("MessageExpression", "messageExpression", Go::Text),
    ("Reason", "reason", Go::Any),
    ("FieldPath", "fieldPath", Go::Text),
    ("OptionalOldSelf", "optionalOldSelf", Go::Any),
]);

/// An attribute of a device.
pub(crate) const ATTRIBUTE: Go = Go::Struct(&[
    ("IntValue", "int", Go::Any),
    ("BoolValue", "bool", Go::Any),
    ("StringValue", "string", Go::Any),
    ("VersionValue", "version", Go::Any),
    ("IntValues", "ints", Go::Any),
    ("BoolValues", "bools", Go::Any),
    ("StringValues", "strings", Go::Any),
    ("VersionValues", "versions", Go::Any),
]);

/// A template of a workload's groups, which is checked under the names it has in JSON.
pub(crate) const GROUP_TEMPLATE: Go = Go::Struct(&[
    ("name", "name", Go::Text),
    ("schedulingPolicy", "schedulingPolicy", Go::Any),
    ("schedulingConstraints", "schedulingConstraints", Go::Any),
]);

const SELECTORS: Go = Go::List(&Go::Struct(&[(
    "CEL",
    "cel",
    Go::Pointer(&[("Expression", "expression", Go::Text)]),
)]));

/// What a claim asks for.
pub(crate) const CLAIM_SPEC: Go = Go::Struct(&[(
    "Devices",
    "devices",
    Go::Struct(&[
        (
            "Requests",
            "requests",
            Go::List(&Go::Struct(&[
                ("Name", "name", Go::Text),
                (
                    "Exactly",
                    "exactly",
                    Go::Pointer(&[
                        ("DeviceClassName", "deviceClassName", Go::Text),
                        ("Selectors", "selectors", SELECTORS),
                        ("AllocationMode", "allocationMode", Go::Text),
                        ("Count", "count", Go::Number),
                        ("AdminAccess", "adminAccess", Go::Any),
                        ("Tolerations", "tolerations", Go::Any),
                        ("Capacity", "capacity", Go::Any),
                    ]),
                ),
                (
                    "FirstAvailable",
                    "firstAvailable",
                    Go::List(&Go::Struct(&[
                        ("Name", "name", Go::Text),
                        ("DeviceClassName", "deviceClassName", Go::Text),
                        ("Selectors", "selectors", SELECTORS),
                        ("AllocationMode", "allocationMode", Go::Text),
                        ("Count", "count", Go::Number),
                        ("Tolerations", "tolerations", Go::Any),
                        ("Capacity", "capacity", Go::Any),
                    ])),
                ),
            ])),
        ),
        (
            "Constraints",
            "constraints",
            Go::List(&Go::Struct(&[
                ("Requests", "requests", Go::Any),
                ("MatchAttribute", "matchAttribute", Go::Any),
                ("DistinctAttribute", "distinctAttribute", Go::Any),
            ])),
        ),
        (
            "Config",
            "config",
            Go::List(&Go::Struct(&[
                ("Requests", "requests", Go::Any),
                (
                    "Opaque",
                    "opaque",
                    Go::Pointer(&[
                        ("Driver", "driver", Go::Text),
                        ("Parameters", "parameters", Go::Any),
                    ]),
                ),
            ])),
        ),
    ]),
)]);

/// A value as the server quotes it.
pub(crate) fn printed(of: &Go, value: &Value) -> String {
    match (of, value) {
        (Go::Text, Value::Null) => "\"\"".to_owned(),
        (Go::Number, Value::Null) => "0".to_owned(),
        (Go::Struct(fields), value) => structure(fields, value.as_object()),
        (Go::Pointer(fields), Value::Object(value)) => structure(fields, Some(value)),
        (Go::List(items), Value::Array(values)) => {
            let values: Vec<String> = values.iter().map(|value| printed(items, value)).collect();
            format!("[{}]", values.join(","))
        }
        (Go::Any | Go::Text | Go::Number | Go::List(_) | Go::Pointer(_), value) => value.to_string(),
    }
}

fn structure(fields: &[Field], value: Option<&Map<String, Value>>) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, json, of)| {
            let value = value.and_then(|value| value.get(*json)).unwrap_or(&Value::Null);
            format!("\"{name}\":{}", printed(of, value))
        })
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn structures_are_printed_with_all_their_fields() {
        assert_eq!(
            printed(&POD_CLAIM, &json!({"name": "x", "resourceClaimName": "a"})),
            r#"{"Name":"x","ResourceClaimName":"a","ResourceClaimTemplateName":null}"#
        );
        let spec = json!({"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "d", "count": 1,
            "allocationMode": "ExactCount"}}]}});
        assert_eq!(
            printed(&CLAIM_SPEC, &spec),
            r#"{"Devices":{"Requests":[{"Name":"gpu","Exactly":{"DeviceClassName":"d","Selectors":null,"AllocationMode":"ExactCount","Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvailable":null}],"Constraints":null,"Config":null}}"#
        );
    }
}
