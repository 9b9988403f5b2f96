use serde_json::{Value, json};

use super::*;
use crate::{
    GroupResource, Reason, Seed, User,
    policy::{View, world::World},
    resources,
};

fn chain(minor: u32) -> Admission {
    Admission::new(
        minor,
        Seed::new(1),
        std::sync::Arc::new(Handlers::default()),
        Plugins::default(),
    )
}

fn world() -> World {
    let mut world = World::default();
    for class in system_classes() {
        world.put(&resources::PRIORITY_CLASSES, class);
    }
    let namespace = json!({"metadata": {"name": "ns"}, "status": {"phase": "Active"}});
    let account = json!({"metadata": {"namespace": "ns", "name": "default"}});
    world
        .with(&resources::NAMESPACES, namespace)
        .with(&resources::SERVICE_ACCOUNTS, account)
}

fn request(operation: Operation, of: &GroupResource, kind: &str, object: Value) -> Request {
    let mut request = Request::new(User::named("u", &[]), operation, of.clone(), "v1", kind);
    let field = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    request.namespace = field("namespace");
    request.name = field("name").unwrap_or_default();
    request.object = Some(object);
    request
}

fn new_pod(spec: Value) -> Request {
    let mut pod = json!({
        "metadata": {"namespace": "ns", "name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    json_patch::merge(&mut pod["spec"], &spec);
    request(Operation::Create, &resources::PODS, "Pod", pod)
}

/// The spec that the chain makes of it, or why it refuses it.
async fn admit(world: &World, minor: u32, mut request: Request) -> Result<Value, String> {
    let chain = chain(minor);
    let verdict = async {
        chain.mutate(world, &mut request).await?;
        chain.validate(world, &mut request).await?;
        chain.within_quota(world, &request)
    };
    verdict.await.map_err(|status| status.message)?;
    Ok(request.object.unwrap_or_default()["spec"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_plain_pod_gets_what_every_pod_gets() {
    let spec = admit(&world(), 36, new_pod(json!({}))).await.unwrap();
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(
        (&spec["priority"], &spec["preemptionPolicy"]),
        (&json!(0), &json!("PreemptLowerPriority"))
    );
    let volume = spec["volumes"][0]["name"].as_str().unwrap();
    assert!(
        volume.starts_with("kube-api-access-") && volume.len() == 21,
        "{volume}"
    );
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], volume);
    assert_eq!(
        spec["tolerations"],
        json!([
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_says_itself_stays() {
    let own = json!({
        "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "system-node-critical",
    });
    let spec = admit(&world(), 36, new_pod(own)).await.unwrap();
    assert_eq!(spec["volumes"], Value::Null);
    assert_eq!(spec["tolerations"], json!([{"operator": "Exists"}]));
    assert_eq!(spec["priority"], 2_000_001_000);
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_refers_to_must_be_there() {
    for (spec, why) in [
        (
            json!({"serviceAccountName": "ghost"}),
            r#"error looking up service account ns/ghost: serviceaccount "ghost" not found"#,
        ),
        (
            json!({"priorityClassName": "high"}),
            "no PriorityClass with name high was found",
        ),
        (
            json!({"runtimeClassName": "gvisor"}),
            r#"pod rejected: RuntimeClass "gvisor" not found"#,
        ),
        (
            json!({"priority": 7}),
            "the integer value of priority (7) must not be provided in pod spec; priority admission controller computed \
             0 from the given PriorityClass name",
        ),
        (
            json!({"overhead": {"cpu": "1"}}),
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
    ] {
        let refused = admit(&world(), 36, new_pod(spec)).await.unwrap_err();
        assert_eq!(refused, format!("pods \"p\" is forbidden: {why}"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_account_is_waited_for_and_others_are_not() {
    let mut world = world();
    world.remove(&resources::SERVICE_ACCOUNTS, Some("ns"), "default");
    let began = tokio::time::Instant::now();
    assert!(admit(&world, 36, new_pod(json!({}))).await.is_err());
    assert!(began.elapsed().as_millis() > 1000);
    let began = tokio::time::Instant::now();
    assert!(
        admit(&world, 36, new_pod(json!({"serviceAccountName": "x"})))
            .await
            .is_err()
    );
    assert_eq!(began.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_runtime_class_brings_overhead_selector_and_tolerations() {
    let class = json!({
        "metadata": {"name": "kata"},
        "overhead": {"podFixed": {"cpu": "250m"}},
        "scheduling": {"nodeSelector": {"kata": "yes"}, "tolerations": [{"key": "kata", "operator": "Exists"}]},
    });
    let world = world().with(&resources::RUNTIME_CLASSES, class);
    let spec = admit(&world, 36, new_pod(json!({"runtimeClassName": "kata"})))
        .await
        .unwrap();
    assert_eq!(spec["overhead"], json!({"cpu": "250m"}));
    assert_eq!(spec["nodeSelector"], json!({"kata": "yes"}));
    assert_eq!(spec["tolerations"][2]["key"], "kata");
    let own = json!({"runtimeClassName": "kata", "nodeSelector": {"kata": "no"}});
    let refused = admit(&world, 36, new_pod(own)).await.unwrap_err();
    assert!(
        refused.contains("conflict: runtimeClass.scheduling.nodeSelector[kata] = yes"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_without_a_namespace_or_in_one_that_goes() {
    let config = |namespace: &str| {
        let object = json!({"metadata": {"namespace": namespace, "name": "c"}});
        request(Operation::Create, &resources::CONFIG_MAPS, "ConfigMap", object)
    };
    let mut world = world();
    assert_eq!(admit(&world, 36, config("ns")).await.map(drop), Ok(()));
    assert_eq!(
        admit(&world, 36, config("none")).await.unwrap_err(),
        "namespaces \"none\" not found"
    );
    let going = json!({"metadata": {"name": "ns"}, "status": {"phase": "Terminating"}});
    world.put(&resources::NAMESPACES, going);
    let status = chain(36).mutate(&world, &mut config("ns")).await.unwrap_err();
    assert_eq!(
        status.message,
        "configmaps \"c\" is forbidden: unable to create new content in namespace ns because it is being terminated"
    );
    assert_eq!(
        status.details["causes"],
        json!([{
            "reason": "NamespaceTerminating", "message": "namespace ns is being terminated",
            "field": "metadata.namespace",
        }])
    );
    let mut update = config("ns");
    update.operation = Operation::Update;
    assert_eq!(admit(&world, 36, update).await.map(drop), Ok(()));
    let mut end = request(Operation::Delete, &resources::NAMESPACES, "Namespace", json!({}));
    end.name = "kube-system".to_owned();
    assert_eq!(
        chain(36).mutate(&world, &mut end).await.unwrap_err().message,
        "namespaces \"kube-system\" is forbidden: this namespace may not be deleted"
    );
}

#[tokio::test(start_paused = true)]
async fn admin_access_needs_a_namespace_that_is_marked_for_it() {
    let claim = |kind: &str| {
        let devices = json!({"devices": {"requests": [
            {"name": "a", "exactly": {"deviceClassName": "gpu"}},
            {"name": "b", "exactly": {"deviceClassName": "gpu", "adminAccess": true}},
        ]}});
        let (of, spec) = match kind {
            "ResourceClaim" => (resources::RESOURCE_CLAIMS, devices),
            _ => (resources::RESOURCE_CLAIM_TEMPLATES, json!({"spec": devices})),
        };
        let object = json!({"metadata": {"namespace": "ns", "name": "c"}, "spec": spec});
        request(Operation::Create, &of, kind, object)
    };
    let mut world = world();
    for kind in ["ResourceClaim", "ResourceClaimTemplate"] {
        assert_eq!(
            admit(&world, 36, claim(kind)).await.unwrap_err(),
            format!(
                "{kind}.resource.k8s.io \"c\" is invalid: spec.devices.requests[1].adminAccess: Forbidden: admin access to \
                 devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"
            )
        );
    }
    let mut marked = Value::clone(&world.get(&resources::NAMESPACES, None, "ns").unwrap());
    marked["metadata"]["labels"] = json!({"resource.kubernetes.io/admin-access": "true"});
    world.put(&resources::NAMESPACES, marked);
    assert_eq!(admit(&world, 36, claim("ResourceClaim")).await.map(drop), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn only_one_priority_class_is_the_default_one() {
    let class = |name: &str| json!({"metadata": {"name": name}, "value": 5, "globalDefault": true});
    let world = world().with(&resources::PRIORITY_CLASSES, class("first"));
    let second = request(
        Operation::Create,
        &resources::PRIORITY_CLASSES,
        "PriorityClass",
        class("second"),
    );
    let status = chain(36).validate(&world, &mut { second }).await.unwrap_err();
    assert_eq!(status.reason, Reason::Forbidden);
    assert!(
        status
            .message
            .ends_with("PriorityClass first is already marked as default. Only one default can exist")
    );
    let spec = admit(&world, 36, new_pod(json!({}))).await.unwrap();
    assert_eq!(
        (&spec["priorityClassName"], &spec["priority"]),
        (&json!("first"), &json!(5))
    );
}

#[tokio::test(start_paused = true)]
async fn bound_pods_carry_their_nodes_topology() {
    let node =
        json!({"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z", "other": "x"}}});
    let world = world().with(&resources::NODES, node);
    for (minor, nodes_zone) in [(34, Value::Null), (35, json!("z"))] {
        let mut binding = new_pod(json!({"nodeName": "n"}));
        binding.operation = Operation::Update;
        binding.subresource = Some("binding".to_owned());
        for mut request in [binding, new_pod(json!({"nodeName": "n"}))] {
            assert_eq!(chain(minor).mutate(&world, &mut request).await, Ok(()));
            let labels = &request.object.unwrap()["metadata"]["labels"];
            assert_eq!(labels["topology.kubernetes.io/zone"], nodes_zone);
            assert_eq!(labels["other"], Value::Null);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_storage_gets_the_default_class_and_grows_only_where_that_allows_it() {
    let class = |name: &str, grows: bool| {
        json!({
            "metadata": {
                "name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": grows.to_string()},
            },
            "allowVolumeExpansion": grows,
        })
    };
    let world = world()
        .with(&resources::STORAGE_CLASSES, class("fast", true))
        .with(&resources::STORAGE_CLASSES, class("fixed", false));
    let claim = |size: &str, class: Value, phase: &str| {
        json!({
            "metadata": {"namespace": "ns", "name": "c"},
            "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}},
            "status": {"phase": phase},
        })
    };
    let of = resources::PERSISTENT_VOLUME_CLAIMS;
    let made = request(
        Operation::Create,
        &of,
        "PersistentVolumeClaim",
        claim("1Gi", Value::Null, "Pending"),
    );
    assert_eq!(admit(&world, 36, made).await.unwrap()["storageClassName"], "fast");
    for (class, phase, why) in [
        ("fast", "Bound", None),
        (
            "fast",
            "Pending",
            Some("Only bound persistent volume claims can be expanded"),
        ),
        ("fixed", "Bound", Some("must support resize")),
    ] {
        let new = claim("2Gi", json!(class), phase);
        let mut grown = request(Operation::Update, &of, "PersistentVolumeClaim", new);
        grown.old = Some(claim("1Gi", json!(class), phase).into());
        let refused = admit(&world, 36, grown).await.err();
        assert_eq!(refused.is_some(), why.is_some(), "{class} {phase}");
        assert!(refused.unwrap_or_default().ends_with(why.unwrap_or_default()));
    }
}

#[tokio::test(start_paused = true)]
async fn roles_that_aggregate_hold_their_rules_once_a_role_changes() {
    let mut world = World::default();
    for object in crate::policy::rbac::bootstrap() {
        if object["kind"] == "ClusterRole" {
            world.put(&resources::CLUSTER_ROLES, object);
        }
    }
    let custom = json!({
        "metadata": {"name": "w", "labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}},
        "rules": [{"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}],
    });
    world.put(&resources::CLUSTER_ROLES, custom);
    let writes = chain(36).settle(&world, &resources::CLUSTER_ROLES, None, None);
    let names: Vec<&str> = writes.iter().map(|write| write.name.as_str()).collect();
    assert_eq!(names, ["admin", "edit"]);
    world.apply(writes);
    assert_eq!(
        chain(36).settle(&world, &resources::CLUSTER_ROLES, None, None),
        []
    );
}
