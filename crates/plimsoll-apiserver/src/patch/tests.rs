use proptest::prelude::*;
use serde_json::json;

use super::*;

fn by(name: &str) -> Manager {
    Manager {
        name: name.to_owned(),
        subresource: None,
        api_version: "v1".to_owned(),
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        leaves: vec!["status".to_owned()],
    }
}

fn pod() -> Schema {
    Schema::builtin(36, "v1", "Pod").unwrap()
}

fn config_map() -> Schema {
    Schema::builtin(36, "v1", "ConfigMap").unwrap()
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "d"}, "data": data})
}

fn data(object: &Value) -> Value {
    object.get("data").cloned().unwrap_or(Value::Null)
}

#[test]
fn applying_records_the_fields_and_their_manager() {
    let applied = map(json!({"a": "1"}));
    let object = apply(&config_map(), None, &applied, &by("me"), false).unwrap();
    assert_eq!(
        object["metadata"]["managedFields"],
        json!([{"manager": "me", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}}}])
    );
}

#[test]
fn another_value_of_anothers_field_is_a_conflict() {
    let schema = config_map();
    let object = apply(
        &schema,
        None,
        &map(json!({"a": "1", "b": "1"})),
        &by("one"),
        false,
    )
    .unwrap();
    let refused = apply(&schema, Some(&object), &map(json!({"a": "2"})), &by("two"), false).unwrap_err();
    assert_eq!(refused.reason, Reason::Conflict);
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    assert_eq!(
        refused.details["causes"],
        json!([{"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.a"}])
    );
    let refused = apply(
        &schema,
        Some(&object),
        &map(json!({"a": "2", "b": "2"})),
        &by("two"),
        false,
    )
    .unwrap_err();
    assert_eq!(
        refused.message,
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b"
    );
    // The same value is shared.
    let shared = apply(&schema, Some(&object), &map(json!({"a": "1"})), &by("two"), false).unwrap();
    assert_eq!(shared["metadata"]["managedFields"].as_array().unwrap().len(), 2);
    // And force takes it.
    let forced = apply(&schema, Some(&object), &map(json!({"a": "2"})), &by("two"), true).unwrap();
    assert_eq!(data(&forced), json!({"a": "2", "b": "1"}));
    assert_eq!(
        forced["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:data": {"f:b": {}}})
    );
}

#[test]
fn a_conflict_with_an_update_names_the_version() {
    let schema = config_map();
    let mut object = map(json!({"a": "1"}));
    track_update(&schema, None, &mut object, &by("kubectl-edit"));
    assert_eq!(
        object["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:data": {".": {}, "f:a": {}}})
    );
    let refused = apply(&schema, Some(&object), &map(json!({"a": "2"})), &by("me"), false).unwrap_err();
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.a"
    );
}

#[test]
fn what_is_not_applied_any_more_goes_unless_somebody_else_has_it() {
    let schema = config_map();
    let object = apply(
        &schema,
        None,
        &map(json!({"a": "1", "b": "1", "c": "1"})),
        &by("one"),
        false,
    )
    .unwrap();
    let object = apply(&schema, Some(&object), &map(json!({"b": "1"})), &by("two"), false).unwrap();
    let object = apply(&schema, Some(&object), &map(json!({"c": "1"})), &by("one"), false).unwrap();
    assert_eq!(data(&object), json!({"b": "1", "c": "1"}));
    let object = apply(&schema, Some(&object), &map(json!({})), &by("one"), false).unwrap();
    assert_eq!(data(&object), json!({"b": "1"}));
}

#[test]
fn elements_of_lists_are_owned_by_their_keys() {
    let schema = pod();
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    let of = |containers: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}});
    let object = apply(
        &schema,
        None,
        &of(json!([container("a", "1")])),
        &by("one"),
        false,
    )
    .unwrap();
    let object = apply(
        &schema,
        Some(&object),
        &of(json!([container("b", "1")])),
        &by("two"),
        false,
    )
    .unwrap();
    assert_eq!(
        object["spec"]["containers"],
        json!([container("a", "1"), container("b", "1")])
    );
    assert_eq!(
        object["metadata"]["managedFields"][1]["fieldsV1"],
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:image": {}}}}})
    );
    let refused = apply(
        &schema,
        Some(&object),
        &of(json!([container("a", "2")])),
        &by("two"),
        false,
    )
    .unwrap_err();
    assert!(
        refused.message.ends_with(": .spec.containers[name=\"a\"].image"),
        "{}",
        refused.message
    );
    // `two` lets its container go.
    let object = apply(
        &schema,
        Some(&object),
        &of(json!([container("a", "1")])),
        &by("two"),
        false,
    )
    .unwrap();
    assert_eq!(object["spec"]["containers"], json!([container("a", "1")]));
}

#[test]
fn ports_are_told_apart_by_number_and_protocol_which_has_a_default() {
    let schema = Schema::builtin(36, "v1", "Service").unwrap();
    let of = |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": ports}});
    let object = apply(
        &schema,
        None,
        &of(json!([{"port": 80, "protocol": "TCP"}])),
        &by("one"),
        false,
    )
    .unwrap();
    let object = apply(
        &schema,
        Some(&object),
        &of(json!([{"port": 80, "name": "http"}])),
        &by("two"),
        false,
    )
    .unwrap();
    assert_eq!(
        object["spec"]["ports"],
        json!([{"port": 80, "protocol": "TCP", "name": "http"}])
    );
}

#[test]
fn a_field_that_the_kind_does_not_have_is_not_applied() {
    let mut applied = map(json!({"a": 1}));
    applied["foo"] = json!(1);
    let refused = apply(&config_map(), None, &applied, &by("me"), false).unwrap_err();
    assert_eq!(
        refused.message,
        "failed to create typed patch object (d/m; /v1, Kind=ConfigMap): errors:\n  .data.a: expected string, got \
         &value.valueUnstructured{Value:1}\n  .foo: field not declared in schema"
    );
}

#[test]
fn what_was_there_before_the_first_apply_has_a_manager_then() {
    let schema = config_map();
    let refused = apply(
        &schema,
        Some(&map(json!({"a": "1"}))),
        &map(json!({"a": "2"})),
        &by("me"),
        false,
    )
    .unwrap_err();
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"
    );
}

#[test]
fn kubectl_takes_over_what_it_applied_in_the_client() {
    let schema = config_map();
    let mut object = map(json!({"a": "1"}));
    object["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": map(json!({"a": "1"})).to_string()});
    track_update(&schema, None, &mut object, &by("kubectl-client-side-apply"));
    let applied = apply(
        &schema,
        Some(&object),
        &map(json!({"a": "2"})),
        &by("kubectl"),
        false,
    )
    .unwrap();
    assert_eq!(data(&applied), json!({"a": "2"}));
    assert!(
        apply(
            &schema,
            Some(&object),
            &map(json!({"a": "2"})),
            &by("other"),
            false
        )
        .is_err()
    );
}

#[test]
fn an_update_takes_the_fields_that_it_changes() {
    let schema = config_map();
    let object = apply(
        &schema,
        None,
        &map(json!({"a": "1", "b": "1"})),
        &by("one"),
        false,
    )
    .unwrap();
    let mut new = object.clone();
    new["data"] = json!({"a": "2", "c": "1"});
    track_update(&schema, Some(&object), &mut new, &by("two"));
    let managed = new["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(managed.len(), 1, "{managed:#?}");
    assert_eq!(managed[0]["fieldsV1"], json!({"f:data": {"f:a": {}, "f:c": {}}}));
}

#[test]
fn status_belongs_to_its_subresource() {
    let schema = pod();
    let applied = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}, "status": {"phase": "Failed"}});
    let object = apply(&schema, None, &applied, &by("me"), false).unwrap();
    assert_eq!(object.get("status"), None);
    assert_eq!(
        object["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:metadata": {"f:labels": {"f:a": {}}}})
    );
}

#[test]
fn strategic_patches_merge_lists_by_their_keys() {
    let object = json!({"metadata": {"finalizers": ["a", "b"]}, "spec": {
        "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1", "args": ["x"]}],
        "tolerations": [{"key": "k"}], "nodeSelector": {"a": "1"}}});
    for (patch, pointer, merged) in [
        (
            json!({"spec": {"containers": [{"name": "b", "image": "2"}]}}),
            "/spec/containers",
            json!([{"name": "a", "image": "1"}, {"name": "b", "image": "2", "args": ["x"]}]),
        ),
        (
            json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}, {"name": "c"}]}}),
            "/spec/containers",
            json!([{"name": "b", "image": "1", "args": ["x"]}, {"name": "c"}]),
        ),
        (
            json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "c"}]}}),
            "/spec/containers",
            json!([{"name": "c"}]),
        ),
        (
            json!({"spec": {"containers": [{"name": "b", "args": null}], "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}),
            "/spec/containers",
            json!([{"name": "b", "image": "1"}, {"name": "a", "image": "1"}]),
        ),
        (
            json!({"spec": {"tolerations": [{"key": "l"}]}}),
            "/spec/tolerations",
            json!([{"key": "l"}]),
        ),
        (
            json!({"spec": {"nodeSelector": {"a": null, "b": "2"}}}),
            "/spec/nodeSelector",
            json!({"b": "2"}),
        ),
        (
            json!({"spec": {"nodeSelector": {"$patch": "replace", "c": "3"}}}),
            "/spec/nodeSelector",
            json!({"c": "3"}),
        ),
        (
            json!({"metadata": {"finalizers": ["c", "a"]}}),
            "/metadata/finalizers",
            json!(["a", "b", "c"]),
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}),
            "/metadata/finalizers",
            json!(["b"]),
        ),
        (
            json!({"metadata": {"$setElementOrder/finalizers": ["b", "a"]}}),
            "/metadata/finalizers",
            json!(["b", "a"]),
        ),
    ] {
        assert_eq!(
            strategic(&pod(), &object, &patch).unwrap().pointer(pointer),
            Some(&merged),
            "{patch}"
        );
    }
    let volumes = json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}});
    let patch = json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]}});
    assert_eq!(
        strategic(&pod(), &volumes, &patch).unwrap()["spec"]["volumes"],
        json!([{"name": "v", "hostPath": {"path": "/"}}])
    );
    let keyless = json!({"spec": {"containers": [{"image": "2"}]}});
    assert!(
        strategic(&pod(), &object, &keyless)
            .unwrap_err()
            .message
            .contains("declared merge key: name")
    );
}

fn entries() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d]", "[12]", 0..4).prop_map(|entries| {
        entries
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect()
    })
}

fn containers() -> impl Strategy<Value = Value> {
    let container = (
        prop::option::of("[12]"),
        prop::option::of(prop::collection::vec("[xy]", 0..3)),
    );
    prop::collection::btree_map("[a-d]", container, 1..4).prop_map(|all| {
        let all = all.into_iter().map(|(name, (image, args))| {
            let mut container = json!({"name": name});
            if let Some(image) = image {
                container["image"] = image.into();
            }
            if let Some(args) = args {
                container["args"] = args.into();
            }
            container
        });
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": all.collect::<Vec<_>>()}})
    })
}

/// What a patch of a map's entries does, entry by entry.
fn naive_merge(object: &Value, patch: &Value) -> Value {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            let names = object.keys().chain(patch.keys());
            names
                .filter_map(|name| {
                    let value = match (object.get(name), patch.get(name)) {
                        (Some(old), None) => old.clone(),
                        (_, Some(Value::Null)) => return None,
                        (Some(old), Some(new)) => naive_merge(old, new),
                        (None, Some(new)) => naive_merge(&Value::Null, new),
                        (None, None) => return None,
                    };
                    Some((name.clone(), value))
                })
                .collect()
        }
        (_, Value::Object(_)) => naive_merge(&json!({}), patch),
        (_, patch) => patch.clone(),
    }
}

/// What a strategic patch of containers without directives does.
fn naive_strategic(object: &Value, patch: &Value) -> Vec<Value> {
    let mut containers = object["spec"]["containers"].as_array().unwrap().clone();
    for patch in patch["spec"]["containers"].as_array().unwrap() {
        match containers.iter_mut().find(|other| other["name"] == patch["name"]) {
            Some(other) => *other = naive_merge(other, patch),
            None => containers.push(patch.clone()),
        }
    }
    containers
}

use crate::convert::tests::any_json;

proptest! {
    #[test]
    fn applying_twice_changes_nothing(first in containers(), other in containers(), second in containers()) {
        let schema = pod();
        let object = apply(&schema, None, &first, &by("one"), false).unwrap();
        let object = apply(&schema, Some(&object), &other, &by("two"), true).unwrap();
        let once = apply(&schema, Some(&object), &second, &by("one"), true).unwrap();
        let twice = apply(&schema, Some(&once), &second, &by("one"), false).unwrap();
        prop_assert_eq!(&once, &twice);
    }

    #[test]
    fn what_is_applied_is_in_the_object(live in containers(), applied in containers()) {
        let schema = pod();
        let object = apply(&schema, None, &live, &by("one"), false).unwrap();
        let object = apply(&schema, Some(&object), &applied, &by("two"), true).unwrap();
        for container in applied["spec"]["containers"].as_array().unwrap() {
            let found = object["spec"]["containers"].as_array().unwrap().iter().find(|other| other["name"] == container["name"]);
            let found = found.unwrap();
            for (field, value) in container.as_object().unwrap() {
                prop_assert_eq!(found.get(field), Some(value));
            }
        }
    }

    #[test]
    fn applying_and_then_letting_go_restores(live in entries(), applied in entries()) {
        let schema = config_map();
        let object = apply(&schema, None, &map(live.clone()), &by("one"), false).unwrap();
        // Only what nobody has: taking fields from others is not undone.
        let fresh: serde_json::Map<_, _> = applied.as_object().unwrap().iter()
            .filter(|(key, _)| live.get(*key).is_none()).map(|(key, value)| (key.clone(), value.clone())).collect();
        let with = apply(&schema, Some(&object), &map(Value::Object(fresh)), &by("two"), false).unwrap();
        let restored = apply(&schema, Some(&with), &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "d"}}), &by("two"), false).unwrap();
        let left = data(&restored);
        prop_assert_eq!(if left.is_null() { json!({}) } else { left }, live);
    }

    #[test]
    fn every_field_of_an_applied_object_has_an_owner(first in entries(), second in entries(), third in entries()) {
        let schema = config_map();
        let mut object = apply(&schema, None, &map(first), &by("one"), false).unwrap();
        object = apply(&schema, Some(&object), &map(second), &by("two"), true).unwrap();
        let mut new = object.clone();
        new["data"] = third;
        track_update(&schema, Some(&object), &mut new, &by("three"));
        let managed = new["metadata"].get("managedFields").cloned().unwrap_or(json!([]));
        for key in data(&new).as_object().unwrap().keys() {
            let owners = managed.as_array().unwrap().iter().filter(|entry| entry["fieldsV1"]["f:data"].get(format!("f:{key}")).is_some());
            prop_assert!(owners.count() > 0, "nobody owns {}", key);
        }
        for entry in managed.as_array().unwrap() {
            for field in entry["fieldsV1"]["f:data"].as_object().unwrap().keys().filter(|field| *field != ".") {
                prop_assert!(data(&new).get(&field[2..]).is_some(), "{} is owned, but gone", field);
            }
        }
    }

    #[test]
    fn a_merge_patch_is_that_of_the_standard(object in any_json(), patch in any_json()) {
        let merged = merge(&object, &patch);
        prop_assert_eq!(&merged, &naive_merge(&object, &patch));
        prop_assert_eq!(merge(&merged, &patch), merged);
    }

    #[test]
    fn a_strategic_patch_merges_as_one_would_by_hand(object in containers(), patch in containers()) {
        let merged = strategic(&pod(), &object, &patch).unwrap();
        prop_assert_eq!(merged["spec"]["containers"].as_array().unwrap(), &naive_strategic(&object, &patch));
    }

    #[test]
    fn no_patch_of_anything_panics(object in any_json(), patch in any_json(), live in any_json()) {
        let schema = pod();
        let _ = json(&object, &patch);
        let _ = merge(&object, &patch);
        let _ = strategic(&schema, &object, &patch);
        let _ = apply(&schema, Some(&live), &patch, &by("a"), true);
        let _ = apply(&schema, None, &patch, &by("a"), false);
        let mut new = object.clone();
        track_update(&schema, Some(&live), &mut new, &by("a"));
        track_update(&schema, None, &mut new, &by("a"));
    }
}
