use serde_json::{Value, json};

use super::*;

fn texts(causes: &[Cause]) -> Vec<String> {
    causes.iter().map(ToString::to_string).collect()
}

fn pod(minor: u32) -> Schema {
    Schema::builtin(minor, "v1", "Pod").unwrap()
}

#[test]
fn a_pod_loses_what_pods_do_not_have_with_a_warning() {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "creationTimestamp": null, "labels": {}},
        "spec": {"containers": [{"name": "c", "imagee": "x"}], "tolerations": [], "volumes": [{"name": "v", "emptyDir": {}}]},
        "stauts": {},
    });
    let warnings = pod(36)
        .decode(&mut object, FieldValidation::Warn, &["spec.nodeName".to_owned()])
        .unwrap();
    assert_eq!(
        warnings,
        [
            "duplicate field \"spec.nodeName\"",
            "unknown field \"spec.containers[0].imagee\"",
            "unknown field \"stauts\""
        ]
    );
    assert_eq!(
        object,
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "c"}], "volumes": [{"name": "v", "emptyDir": {}}]},
        })
    );
}

#[test]
fn strict_validation_refuses_them() {
    let mut object = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"foo": 1}});
    let status = pod(36)
        .decode(&mut object, FieldValidation::Strict, &[])
        .unwrap_err();
    assert_eq!(
        (status.reason, status.message.as_str()),
        (
            Reason::BadRequest,
            "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field \"spec.foo\""
        )
    );
}

#[test]
fn a_wrong_type_is_told_as_go_tells_it() {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "spec": {"template": {"spec": {"containers": [{"name": "c", "ports": [{"containerPort": "http"}]}]}}},
    });
    let schema = Schema::builtin(36, "apps/v1", "Deployment").unwrap();
    let status = schema
        .decode(&mut object, FieldValidation::Warn, &[])
        .unwrap_err();
    assert_eq!(
        status.message,
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct \
         field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32"
    );
}

#[test]
fn quantities_are_stored_in_their_canonical_form() {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": 0.5, "memory": "1024Mi", "x/y": 1}}}]},
    });
    pod(36).decode(&mut object, FieldValidation::Strict, &[]).unwrap();
    let requests = &object["spec"]["containers"][0]["resources"]["requests"];
    assert_eq!(*requests, json!({"cpu": "500m", "memory": "1Gi", "x/y": "1"}));

    let mut object = json!({"apiVersion": "v1", "kind": "Pod",
        "spec": {"containers": [{"resources": {"limits": {"cpu": "many"}}}]}});
    let status = pod(36)
        .decode(&mut object, FieldValidation::Strict, &[])
        .unwrap_err();
    assert!(
        status
            .message
            .contains("quantities must match the regular expression"),
        "{}",
        status.message
    );
}

#[test]
fn a_field_of_a_later_version_is_unknown() {
    for (minor, known) in [(35, false), (36, true)] {
        let mut object = json!({"apiVersion": "v1", "kind": "Pod",
            "spec": {"containers": [], "schedulingGroup": {"podGroupName": "g"}}});
        let warnings = pod(minor)
            .decode(&mut object, FieldValidation::Warn, &[])
            .unwrap();
        assert_eq!(warnings.is_empty(), known);
        assert_eq!(object["spec"].get("schedulingGroup").is_some(), known);
    }
}

#[test]
fn defaults_of_built_in_kinds_are_filled_in() {
    let mut object = json!({"spec": {"ports": [{"port": 80}]}});
    Schema::builtin(36, "v1", "Service").unwrap().default(&mut object);
    assert_eq!(object["spec"]["ports"][0], json!({"port": 80, "protocol": "TCP"}));
    assert_eq!(object["status"], json!({"loadBalancer": {}}));
}

fn widget() -> Value {
    json!({"type": "object", "required": ["spec"], "properties": {"spec": {
        "type": "object", "required": ["size"],
        "x-kubernetes-validations": [
            {"rule": "self.size <= 5 || self.kind == 'big'", "messageExpression": "'size ' + string(self.size) + ' is too big'"},
            {"rule": "self.size >= oldSelf.size", "message": "size may not shrink", "fieldPath": ".size"},
        ],
        "properties": {
            "size": {"type": "integer", "minimum": 1},
            "kind": {"type": "string", "enum": ["small", "big"], "default": "small"},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "names": {"type": "array", "x-kubernetes-list-type": "set", "maxItems": 3,
                "items": {"type": "string", "pattern": "^[a-z]+$"}},
            "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
                "type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "wait": {"type": "string", "format": "duration",
                "x-kubernetes-validations": [{"rule": "self <= duration('1h')"}]},
            "either": {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            "note": {"type": "string", "nullable": true},
        },
    }}})
}

fn refusals(spec: Value) -> Vec<String> {
    let schema = Schema::of_crd(&widget());
    texts(&schema.validate(
        &json!({"apiVersion": "e.x/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}),
        None,
    ))
}

#[test]
fn a_custom_resource_is_checked_by_types_bounds_and_combinations() {
    assert!(
        Schema::faults_of_crd(&widget()).is_empty(),
        "{:?}",
        Schema::faults_of_crd(&widget())
    );
    assert!(
        refusals(json!({"size": 1, "kind": "big", "port": "http", "names": ["a"], "note": null})).is_empty()
    );
    for (spec, refusal) in [
        (json!({}), "spec.size: Required value"),
        (
            json!({"size": "1"}),
            "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"",
        ),
        (
            json!({"size": 1, "names": [null]}),
            "spec.names[0]: Invalid value: \"null\": spec.names[0] in body must be of type string: \"null\"",
        ),
        (
            json!({"size": 0}),
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        (
            json!({"size": 1, "kind": "x"}),
            "spec.kind: Unsupported value: \"x\": supported values: \"small\", \"big\"",
        ),
        (
            json!({"size": 1, "port": true}),
            "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"",
        ),
        (
            json!({"size": 1, "names": ["A"]}),
            "spec.names[0]: Invalid value: \"A\": spec.names[0] in body should match '^[a-z]+$'",
        ),
        (
            json!({"size": 1, "names": ["a", "a"]}),
            "spec.names[1]: Duplicate value: \"a\"",
        ),
        (
            json!({"size": 1, "names": ["a", "b", "c", "d"]}),
            "spec.names: Too many: 4: must have at most 3 items",
        ),
        (
            json!({"size": 1, "parts": [{"name": "p"}, {"name": "p"}]}),
            "spec.parts[1]: Duplicate value: {\"name\":\"p\"}",
        ),
        (
            json!({"size": 1, "either": {"a": "", "b": ""}}),
            "<nil>: Invalid value: \"\": \"spec.either\" must validate one and only one schema (oneOf). Found 2 valid alternatives",
        ),
    ] {
        let mut found = refusals(spec);
        found.retain(|found| {
            !found.starts_with("<nil>: Invalid value: null: some validation rules were not checked")
        });
        assert_eq!(found, [refusal]);
    }
    // Bounds that keep rules from being evaluated, and such that don't.
    assert_eq!(refusals(json!({})).len(), 2);
    assert_eq!(refusals(json!({"size": 1, "names": ["A"]})).len(), 1);
}

#[test]
fn rules_are_evaluated_with_their_messages() {
    assert_eq!(
        refusals(json!({"size": 9, "kind": "small"})),
        ["spec: Invalid value: size 9 is too big"]
    );
    assert!(refusals(json!({"size": 9, "kind": "big"})).is_empty());
    assert_eq!(
        refusals(json!({"size": 9})),
        [
            "spec: Invalid value: \"object\": no such key: kind evaluating rule: self.size <= 5 || self.kind == 'big'"
        ]
    );
    assert_eq!(
        refusals(json!({"size": 1, "wait": "2h"})),
        ["spec.wait: Invalid value: \"2h\": failed rule: self <= duration('1h')"]
    );
}

#[test]
fn a_transition_rule_compares_with_what_was_before() {
    let schema = Schema::of_crd(&widget());
    let object = |size| json!({"spec": {"size": size, "kind": "small"}});
    assert!(schema.validate(&object(2), Some(&object(1))).is_empty());
    assert_eq!(
        texts(&schema.validate(&object(1), Some(&object(2)))),
        ["spec.size: Invalid value: size may not shrink"]
    );
}

#[test]
fn what_was_valid_once_may_stay() {
    let schema = Schema::of_crd(&widget());
    let old = json!({"spec": {"size": 1, "kind": "gone"}});
    let new = json!({"spec": {"size": 2, "kind": "gone"}});
    assert!(schema.validate(&new, Some(&old)).is_empty());
}

#[test]
fn a_custom_resource_is_pruned_and_defaulted() {
    let schema = Schema::of_crd(&widget());
    let mut object = json!({"apiVersion": "e.x/v1", "kind": "Widget", "metadata": {"name": "w", "foo": 1},
        "spec": {"size": 1, "kind": null, "extra": 1, "free": {"any": {"thing": 1}}, "parts": [{"name": "p"}],
        "port": null}});
    let warnings = schema.decode(&mut object, FieldValidation::Warn, &[]).unwrap();
    assert_eq!(
        warnings,
        ["unknown field \"spec.extra\"", "unknown field \"metadata.foo\""]
    );
    schema.default(&mut object);
    assert_eq!(
        object["spec"],
        json!({"size": 1, "kind": "small", "free": {"any": {"thing": 1}}, "parts": [{"name": "p", "count": 1}]})
    );
}

#[test]
fn a_schema_that_is_not_structural_is_told_all_its_faults() {
    let faults = texts(&Schema::faults_of_crd(&json!({
        "type": "object",
        "properties": {
            "a": {},
            "b": {"type": "array"},
            "c": {"type": "string", "anyOf": [{"type": "string", "pattern": "("}]},
            "d": {"type": "object", "additionalProperties": {"type": "string"}, "properties": {"x": {"type": "string"}}},
            "e": {"type": "integer", "x-kubernetes-validations": [{"rule": "selff > 1"}]},
        }
    })));
    assert_eq!(faults.len(), 6, "{faults:#?}");
    assert_eq!(
        faults[0],
        "properties[a].type: Required value: must not be empty for specified object fields"
    );
    assert_eq!(
        faults[1],
        "properties[b].items: Required value: must be specified"
    );
    assert!(
        faults[2]
            .starts_with("properties[c].anyOf[0].pattern: Invalid value: \"(\": must be a valid regular")
    );
    assert_eq!(
        faults[3],
        "properties[c].anyOf[0].type: Forbidden: must be empty to be structural"
    );
    assert!(faults[4].ends_with("additionalProperties and properties are mutual exclusive"));
    assert!(
        faults[5].contains("undeclared reference to 'selff' (in container '')"),
        "{}",
        faults[5]
    );
}

/// The CRDs next to the checkout, as `(file, definition)`.
fn shared_crds() -> Vec<(String, Value)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/crds");
    let mut found = Vec::new();
    for project in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(project.path()).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let crd: Value = serde_saphyr::from_str(&text).unwrap();
            found.push((file.path().display().to_string(), crd));
        }
    }
    if found.is_empty() {
        println!("SKIPPED: no CRDs at {}", folder.display());
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn the_schemas_of_well_known_crds_are_structural_and_their_rules_compile() {
    for (file, crd) in shared_crds() {
        for version in crd["spec"]["versions"].as_array().unwrap() {
            let schema = &version["schema"]["openAPIV3Schema"];
            let faults = Schema::faults_of_crd(schema);
            assert!(faults.is_empty(), "{file}: {:#?}", texts(&faults));
            // An empty object is refused for what is required, if at all, and nothing fails.
            let kind = Schema::of_crd(schema);
            let mut object =
                json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "a"}, "spec": {}});
            kind.decode(&mut object, FieldValidation::Warn, &[]).unwrap();
            kind.default(&mut object);
            let _ = kind.validate(&object, Some(&object));
        }
    }
}
