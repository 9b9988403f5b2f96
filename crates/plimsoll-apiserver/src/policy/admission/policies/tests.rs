use serde_json::{Value, json};

use super::super::{Admission, Handlers, Operation, Plugins, Request};
use crate::{
    GroupResource, Reason, Seed, Status, User,
    policy::{View, world::World},
    resources,
};

fn chain() -> Admission {
    Admission::new(
        36,
        Seed::new(1),
        std::sync::Arc::new(Handlers::default()),
        Plugins::default(),
    )
}

fn world() -> World {
    let namespace = json!({
        "metadata": {"name": "ns", "labels": {"team": "a"}}, "status": {"phase": "Active"},
    });
    let account = json!({"metadata": {"namespace": "ns", "name": "default"}});
    World::default()
        .with(&resources::NAMESPACES, namespace)
        .with(&resources::SERVICE_ACCOUNTS, account)
}

fn request(of: &GroupResource, version: &str, kind: &str, object: Value) -> Request {
    let mut request = Request::new(
        User::named("ann", &["team"]),
        Operation::Create,
        of.clone(),
        version,
        kind,
    );
    let field = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    request.namespace = field("namespace");
    request.name = field("name").unwrap_or_default();
    request.object = Some(object);
    request
}

fn config(data: Value) -> Request {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "c"}, "data": data,
    });
    request(&resources::CONFIG_MAPS, "v1", "ConfigMap", object)
}

/// A policy about ConfigMaps with a binding that denies, each with some fields changed.
fn validating(policy: Value, binding: Value) -> World {
    let mut spec = json!({
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]},
        ]},
        "validations": [{"expression": "object.data.a == '1'"}],
    });
    json_patch::merge(&mut spec, &policy);
    let mut bound = json!({"policyName": "p", "validationActions": ["Deny"]});
    json_patch::merge(&mut bound, &binding);
    world()
        .with(
            &resources::VALIDATING_ADMISSION_POLICIES,
            json!({"metadata": {"name": "p"}, "spec": spec}),
        )
        .with(
            &resources::VALIDATING_ADMISSION_POLICY_BINDINGS,
            json!({"metadata": {"name": "b"}, "spec": bound}),
        )
}

async fn verdict(world: &World, request: &mut Request) -> Result<(), Status> {
    chain().validate(world, request).await
}

async fn message(world: &World, data: Value) -> Option<String> {
    verdict(world, &mut config(data))
        .await
        .err()
        .map(|status| status.message)
}

fn denied(what: &str) -> Option<String> {
    Some(format!(
        "configmaps \"c\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {what}"
    ))
}

#[tokio::test(start_paused = true)]
async fn what_does_not_hold_is_refused_with_the_policys_message() {
    for (validation, what) in [
        (json!({}), "failed expression: object.data.a == '1'"),
        (json!({"message": "a must be one"}), "a must be one"),
        (
            json!({"message": "a must be one", "messageExpression": "'a is ' + object.data.a"}),
            "a is 2",
        ),
        (
            json!({"message": "fallback", "messageExpression": "object.data.gone"}),
            "fallback",
        ),
    ] {
        let mut validation = validation;
        validation["expression"] = json!("object.data.a == '1'");
        let world = validating(json!({"validations": [validation]}), json!({}));
        assert_eq!(message(&world, json!({"a": "2"})).await, denied(what));
        assert_eq!(message(&world, json!({"a": "1"})).await, None);
    }
    let world = validating(
        json!({"validations": [{"expression": "false", "reason": "Forbidden"}]}),
        json!({}),
    );
    let status = verdict(&world, &mut config(json!({}))).await.unwrap_err();
    assert_eq!(status.reason, Reason::Forbidden);
    assert_eq!(
        status.details["causes"][0]["message"],
        status.message.split_once(": ").unwrap().1
    );
}

#[tokio::test(start_paused = true)]
async fn variables_request_namespace_and_old_object_can_be_looked_at() {
    for (expression, holds) in [
        ("variables.twice == '11'", true),
        (
            "request.userInfo.username == 'ann' && 'team' in request.userInfo.groups",
            true,
        ),
        ("request.operation == 'UPDATE'", false),
        ("namespaceObject.metadata.labels.team == 'a'", true),
        ("oldObject == null", true),
        (
            "request.name == 'c' && request.namespace == 'ns' && request.kind.kind == 'ConfigMap'",
            true,
        ),
    ] {
        let policy = json!({
            "variables": [
                {"name": "a", "expression": "object.data.a"},
                {"name": "twice", "expression": "variables.a + variables.a"},
                {"name": "broken", "expression": "object.data.gone"},
            ],
            "validations": [{"expression": expression}],
        });
        let world = validating(policy, json!({}));
        assert_eq!(
            message(&world, json!({"a": "1"})).await.is_none(),
            holds,
            "{expression}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_judged_is_refused_unless_failures_are_ignored() {
    for (expression, why) in [
        (
            "object.data.gone == '1'",
            "expression 'object.data.gone == '1'' resulted in error: no such key: gone",
        ),
        ("object.data.a.frobnicate()", "compilation error: "),
        (
            "authorizer.group('').resource('pods').check('get').allowed()",
            "compilation error: ",
        ),
        ("object.data.a ==", "compilation error: "),
    ] {
        let policy =
            |failures: &str| json!({"validations": [{"expression": expression}], "failurePolicy": failures});
        let refused = message(&validating(policy("Fail"), json!({})), json!({"a": "1"}))
            .await
            .unwrap();
        assert!(refused.starts_with(&denied(why).unwrap()), "{refused}");
        assert_eq!(
            message(&validating(policy("Ignore"), json!({})), json!({"a": "1"})).await,
            None
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bindings_say_whether_one_is_refused_warned_or_noted() {
    let world = validating(json!({}), json!({"validationActions": ["Warn", "Audit"]}));
    let mut warned = config(json!({"a": "2"}));
    assert_eq!(verdict(&world, &mut warned).await, Ok(()));
    assert_eq!(
        warned.warnings,
        [
            "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: object.data.a == '1'"
        ]
    );
    let noted = &warned.audit["validation.policy.admission.k8s.io/validation_failure"];
    assert_eq!(
        serde_json::from_str::<Value>(noted).unwrap()[0],
        json!({
            "message": "failed expression: object.data.a == '1'", "policy": "p", "binding": "b", "expressionIndex": 0,
            "validationActions": ["Warn", "Audit"],
        })
    );
    let annotation = json!({"auditAnnotations": [{"key": "a", "valueExpression": "'is ' + object.data.a"}]});
    let mut annotated = config(json!({"a": "1"}));
    assert_eq!(
        verdict(&validating(annotation, json!({})), &mut annotated).await,
        Ok(())
    );
    assert_eq!(annotated.audit["p/a"], "is 1");
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_about_what_its_constraints_conditions_and_bindings_choose() {
    let rule = |field: &str, value: Value| {
        let mut rule = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
        });
        rule[field] = value;
        json!({"matchConstraints": {"resourceRules": [rule]}})
    };
    for (policy, binding, judged) in [
        (json!({}), json!({}), true),
        (rule("operations", json!(["*"])), json!({}), true),
        (rule("operations", json!(["DELETE"])), json!({}), false),
        (rule("resources", json!(["*/*"])), json!({}), true),
        (rule("resources", json!(["configmaps/status"])), json!({}), false),
        (rule("resources", json!(["*"])), json!({}), true),
        (rule("apiGroups", json!(["apps"])), json!({}), false),
        (rule("resourceNames", json!(["d"])), json!({}), false),
        (rule("scope", json!("Cluster")), json!({}), false),
        (
            json!({"matchConstraints": {"excludeResourceRules": rule("scope", json!("*"))["matchConstraints"]["resourceRules"]}}),
            json!({}),
            false,
        ),
        (
            json!({"matchConstraints": {"namespaceSelector": {"matchLabels": {"team": "b"}}}}),
            json!({}),
            false,
        ),
        (
            json!({"matchConstraints": {"objectSelector": {"matchLabels": {"app": "x"}}}}),
            json!({}),
            false,
        ),
        (
            json!({"matchConditions": [{"name": "n", "expression": "request.userInfo.username != 'ann'"}]}),
            json!({}),
            false,
        ),
        (
            json!({}),
            json!({"matchResources": {"namespaceSelector": {"matchLabels": {"team": "a"}}}}),
            true,
        ),
        (
            json!({}),
            json!({"matchResources": {"namespaceSelector": {"matchLabels": {"team": "b"}}}}),
            false,
        ),
        (json!({}), json!({"policyName": "other"}), false),
    ] {
        let world = validating(policy.clone(), binding.clone());
        let refused = message(&world, json!({"a": "2"})).await.is_some();
        assert_eq!(refused, judged, "{policy} {binding}");
    }
}

#[tokio::test(start_paused = true)]
async fn parameters_are_looked_up_by_name_or_selector() {
    let policy = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{"expression": "object.data.a == params.data.wanted", "messageExpression": "params.data.wanted"}],
    });
    let params = |name: &str, wanted: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "ns", "name": name, "labels": {"kind": "params"}}, "data": {"wanted": wanted},
        })
    };
    for (reference, objects, what) in [
        (
            json!({"name": "x", "parameterNotFoundAction": "Deny"}),
            vec![params("x", "3")],
            Some("3"),
        ),
        (
            json!({"name": "gone", "parameterNotFoundAction": "Deny"}),
            vec![],
            Some(
                "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
            ),
        ),
        (
            json!({"name": "gone", "parameterNotFoundAction": "Allow"}),
            vec![],
            None,
        ),
        (
            json!({"selector": {"matchLabels": {"kind": "params"}}, "parameterNotFoundAction": "Deny"}),
            vec![params("x", "2"), params("y", "4")],
            Some("4"),
        ),
    ] {
        let mut world = validating(policy.clone(), json!({"paramRef": reference}));
        for object in objects {
            world.put(&resources::CONFIG_MAPS, object);
        }
        assert_eq!(
            message(&world, json!({"a": "2"})).await,
            what.and_then(denied),
            "{reference}"
        );
    }
}

/// A mutating policy and its binding.
fn mutating(world: World, name: &str, spec: Value) -> World {
    let policy = json!({"metadata": {"name": name}, "spec": spec});
    let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name}});
    world
        .with(&resources::MUTATING_ADMISSION_POLICIES, policy)
        .with(&resources::MUTATING_ADMISSION_POLICY_BINDINGS, binding)
}

fn about(group: &str, resource: &str) -> Value {
    json!({"resourceRules": [
        {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resource]},
    ]})
}

/// What a seeded defect of the lab looks like.
fn seeded(
    world: World,
    name: &str,
    (group, resource): (&str, &str),
    condition: &str,
    expression: &str,
) -> World {
    let spec = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": about(group, resource),
        "matchConditions": [{"name": "concerned", "expression": condition}],
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
    });
    mutating(world, name, spec)
}

#[tokio::test(start_paused = true)]
async fn members_of_a_group_get_a_gate_and_other_pods_do_not() {
    let gates = "Object{spec: Object.spec{schedulingGates: [Object.spec.schedulingGates{name: \"example.com/gang\"}]}}";
    let world = seeded(
        world(),
        "gate",
        ("", "pods"),
        "has(object.spec.schedulingGroup)",
        gates,
    );
    let pod = |spec: Value| {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "p", "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        });
        json_patch::merge(&mut pod["spec"], &spec);
        request(&resources::PODS, "v1", "Pod", pod)
    };
    let mut member =
        pod(json!({"schedulingGroup": {"podGroupName": "g"}, "schedulingGates": [{"name": "own"}]}));
    assert_eq!(chain().mutate(&world, &mut member).await, Ok(()));
    let changed = member.object.unwrap();
    assert_eq!(
        changed["spec"]["schedulingGates"],
        json!([{"name": "own"}, {"name": "example.com/gang"}])
    );
    assert_eq!(changed["spec"]["containers"][0]["image"], "i");
    assert_eq!(changed["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(changed["metadata"]["managedFields"], Value::Null);
    let mut other = pod(json!({}));
    assert_eq!(chain().mutate(&world, &mut other).await, Ok(()));
    assert_eq!(other.object.unwrap()["spec"]["schedulingGates"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_written_as_a_whole_or_not_there_are_not_applied() {
    for (expression, why) in [
        (
            "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'c', args: ['x']}]}}",
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args",
        ),
        (
            "Object{spec: Object.spec{wrong: 1}}",
            "failed to convert patch object to typed object: .spec.wrong: field not declared in schema",
        ),
    ] {
        let world = seeded(world(), "p", ("", "pods"), "true", expression);
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "p"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        });
        let mut request = request(&resources::PODS, "v1", "Pod", pod);
        let refused = chain().mutate(&world, &mut request).await.unwrap_err();
        assert_eq!(
            refused.message,
            format!("policy 'p' with binding 'p' denied request: error applying patch: {why}")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_groups_minimum_is_changed_and_other_policies_of_groups_stay() {
    let one = "Object{spec: Object.spec{schedulingPolicy: Object.spec.schedulingPolicy{\
               gang: Object.spec.schedulingPolicy.gang{minCount: 1}}}}";
    let is_gang = "has(object.spec.schedulingPolicy) && has(object.spec.schedulingPolicy.gang)";
    let world = seeded(
        world(),
        "min-one",
        ("scheduling.k8s.io", "podgroups"),
        is_gang,
        one,
    );
    for (policy, becomes) in [
        (json!({"gang": {"minCount": 4}}), json!({"gang": {"minCount": 1}})),
        (json!({"basic": {}}), json!({"basic": {}})),
    ] {
        let group = json!({
            "apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup",
            "metadata": {"namespace": "ns", "name": "g"}, "spec": {"schedulingPolicy": policy},
        });
        let mut request = request(&resources::POD_GROUPS, "v1alpha2", "PodGroup", group);
        assert_eq!(chain().mutate(&world, &mut request).await, Ok(()));
        assert_eq!(request.object.unwrap()["spec"]["schedulingPolicy"], becomes);
    }
}

#[tokio::test(start_paused = true)]
async fn patches_change_what_they_name_and_a_failed_test_changes_nothing() {
    let patch = |expression: &str| {
        let spec = json!({
            "matchConstraints": about("", "configmaps"),
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
        });
        mutating(world(), "patch", spec)
    };
    for (expression, becomes) in [
        (
            "[JSONPatch{op: 'add', path: '/data/b', value: object.data.a + '!'}]",
            json!({"a": "1", "b": "1!"}),
        ),
        (
            "[JSONPatch{op: 'test', path: '/data/a', value: '2'}, JSONPatch{op: 'remove', path: '/data/a'}]",
            json!({"a": "1"}),
        ),
    ] {
        let mut request = config(json!({"a": "1"}));
        assert_eq!(chain().mutate(&patch(expression), &mut request).await, Ok(()));
        assert_eq!(request.object.unwrap()["data"], becomes);
    }
    let broken = patch("[JSONPatch{op: 'remove', path: '/data/gone'}]");
    let status = chain()
        .mutate(&broken, &mut config(json!({"a": "1"})))
        .await
        .unwrap_err();
    assert!(
        status
            .message
            .starts_with("policy 'patch' with binding 'patch' denied request: JSON Patch: "),
        "{}",
        status.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_wants_to_sees_what_later_ones_changed() {
    let copy = |reinvocation: &str| {
        let copies = json!({
            "matchConstraints": about("", "configmaps"),
            "reinvocationPolicy": reinvocation,
            "matchConditions": [{"name": "has", "expression": "has(object.data.b)"}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {
                "expression": "[JSONPatch{op: 'add', path: '/data/c', value: object.data.b}]",
            }}],
        });
        let first = json!({
            "matchConstraints": about("", "configmaps"),
            "reinvocationPolicy": reinvocation,
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {
                "expression": "[JSONPatch{op: 'add', path: '/data/d', value: has(object.data.b) ? object.data.b : 'none'}]",
            }}],
        });
        let adds = json!({
            "matchConstraints": about("", "configmaps"),
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {
                "expression": "[JSONPatch{op: 'add', path: '/data/b', value: 'late'}]",
            }}],
        });
        mutating(
            mutating(mutating(world(), "a-first", first), "b-copies", copies),
            "c-adds",
            adds,
        )
    };
    for (reinvocation, seen) in [("IfNeeded", "late"), ("Never", "none")] {
        let mut request = config(json!({"a": "1"}));
        assert_eq!(chain().mutate(&copy(reinvocation), &mut request).await, Ok(()));
        assert_eq!(request.object.unwrap()["data"]["d"], seen);
    }
}

#[tokio::test(start_paused = true)]
async fn policies_are_not_about_themselves() {
    let world = validating(
        json!({"matchConstraints": about("*", "*"), "validations": [{"expression": "false"}]}),
        json!({}),
    );
    let policy = Value::clone(
        &world
            .get(&resources::VALIDATING_ADMISSION_POLICIES, None, "p")
            .unwrap(),
    );
    let mut own = request(
        &resources::VALIDATING_ADMISSION_POLICIES,
        "v1",
        "ValidatingAdmissionPolicy",
        policy,
    );
    assert_eq!(verdict(&world, &mut own).await, Ok(()));
}
