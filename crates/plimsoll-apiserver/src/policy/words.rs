//! Clients tell by a refusal's words who refused. These are the phrases that they look for, and what they take for the
//! speaker's name after each.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    admission::{Admission, Handlers, Operation, Plugins, Request},
    rbac::{Attributes, Rbac},
    world::World,
};
use crate::{GroupResource, Seed, Status, User, resources};

const QUOTES: &[char] = &['"', '\''];

fn chain() -> Admission {
    Admission::new(
        36,
        Seed::new(1),
        Arc::new(Handlers::default()),
        Plugins::default(),
    )
}

fn world() -> World {
    let namespace = json!({"metadata": {"name": "ns"}, "status": {"phase": "Active"}});
    let account = json!({"metadata": {"namespace": "ns", "name": "default"}});
    World::default()
        .with(&resources::NAMESPACES, namespace)
        .with(&resources::SERVICE_ACCOUNTS, account)
}

async fn refusal(world: World) -> String {
    let mut request = Request::new(
        User::named("u", &[]),
        Operation::Create,
        resources::PODS,
        "v1",
        "Pod",
    );
    request.namespace = Some("ns".to_owned());
    request.name = "p".to_owned();
    request.object = Some(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}}]},
    }));
    let chain = chain();
    let judged: Result<(), Status> = async {
        chain.mutate(&world, &mut request).await?;
        chain.validate(&world, &mut request).await?;
        chain.within_quota(&world, &request)
    }
    .await;
    judged.map_or_else(|status| status.message, |()| String::new())
}

fn with_quota(hard: Value) -> World {
    let mut world = world();
    let quota = json!({"metadata": {"namespace": "ns", "name": "small"}, "spec": {"hard": hard}});
    world.put(&resources::RESOURCE_QUOTAS, quota.clone());
    let writes = chain().settle(&world, &resources::RESOURCE_QUOTAS, None, Some(&quota));
    world.apply(writes);
    world
}

fn with_policy(kind: &GroupResource, binding: &GroupResource, spec: Value) -> World {
    let mut spec = spec;
    spec["matchConstraints"] = json!({"resourceRules": [
        {"apiGroups": [""], "apiVersions": ["*"], "operations": ["*"], "resources": ["pods"]},
    ]});
    world()
        .with(kind, json!({"metadata": {"name": "no-gpu"}, "spec": spec}))
        .with(
            binding,
            json!({"metadata": {"name": "b"}, "spec": {"policyName": "no-gpu", "validationActions": ["Deny"]}}),
        )
}

fn with_webhook(client: Value) -> World {
    world().with(
        &resources::VALIDATING_WEBHOOK_CONFIGURATIONS,
        json!({"metadata": {"name": "x"}, "webhooks": [{
            "name": "w.example.com", "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}],
        }]}),
    )
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_its_speaker_after_the_phrase_of_its_kind() {
    let labelled = json!({
        "metadata": {"name": "ns", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        "status": {"phase": "Active"},
    });
    let range = |limit: Value| {
        let range = json!({"metadata": {"namespace": "ns", "name": "l"}, "spec": {"limits": [limit]}});
        world().with(&resources::LIMIT_RANGES, range)
    };
    let validating = with_policy(
        &resources::VALIDATING_ADMISSION_POLICIES,
        &resources::VALIDATING_ADMISSION_POLICY_BINDINGS,
        json!({"validations": [{"expression": "false", "message": "no"}]}),
    );
    let mutating = with_policy(
        &resources::MUTATING_ADMISSION_POLICIES,
        &resources::MUTATING_ADMISSION_POLICY_BINDINGS,
        json!({"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{op: 'remove', path: '/x'}]"}}]}),
    );
    for (world, phrase, name) in [
        (
            with_quota(json!({"requests.cpu": "1"})),
            "exceeded quota: ",
            "small",
        ),
        (
            with_quota(json!({"limits.memory": "1Gi"})),
            "failed quota: ",
            "small",
        ),
        (
            world().with(&resources::NAMESPACES, labelled),
            "violates PodSecurity \"",
            "restricted:latest",
        ),
        (validating, "ValidatingAdmissionPolicy '", "no-gpu"),
        (mutating, "policy '", "no-gpu"),
        (
            with_webhook(json!({"url": "https://hooks.example.com"})),
            "failed calling webhook \"",
            "w.example.com",
        ),
        (
            range(json!({"type": "Container", "max": {"cpu": "1"}})),
            "maximum cpu usage",
            " per Container is 1",
        ),
        (
            range(json!({"type": "Container", "min": {"cpu": "4"}})),
            "minimum cpu usage",
            " per Container is 4",
        ),
        (
            range(json!({"type": "Pod", "max": {"memory": "1"}})),
            "maximum memory usage",
            " per Pod is 1",
        ),
    ] {
        let message = refusal(world).await;
        let (_, rest) = message
            .split_once(phrase)
            .unwrap_or_else(|| panic!("{phrase:?} in {message:?}"));
        assert!(rest.starts_with(name), "{message}");
        let after = rest[name.len()..].chars().next();
        assert!(
            after.is_some_and(|letter| QUOTES.contains(&letter) || ",:. ".contains(letter)),
            "{message}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_namespace_is_told_as_such() {
    let going = json!({"metadata": {"name": "ns"}, "status": {"phase": "Terminating"}});
    let message = refusal(world().with(&resources::NAMESPACES, going)).await;
    assert!(message.contains("because it is being terminated"), "{message}");
}

#[test]
fn missing_permissions_are_no_speakers_words() {
    let user = User::named("u", &[]);
    let asked = Attributes {
        user: &user,
        verb: "create",
        group: "",
        resource: "pods",
        subresource: "",
        namespace: "ns",
        name: "",
        path: "",
    };
    let message = Rbac::default()
        .authorize(&World::default(), &asked)
        .unwrap_err()
        .message;
    assert_eq!(
        message,
        r#"pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "ns""#
    );
    for phrase in [
        "admission webhook \"",
        "olicy '",
        "violates PodSecurity \"",
        "quota: ",
        "usage",
        "being terminated",
    ] {
        assert!(!message.contains(phrase), "{phrase}");
    }
}
