use proptest::prelude::*;

use super::*;
use crate::{User, policy::world::World};

fn quota(name: &str, hard: Value) -> Value {
    json!({"metadata": {"namespace": "ns", "name": name}, "spec": {"hard": hard}})
}

/// Stores something and what follows from it.
fn store(quotas: &Quotas, world: &mut World, of: &GroupResource, object: Value) {
    let old = world.get(of, Some("ns"), meta(&object, "name"));
    world.put(of, object.clone());
    let stored = world.get(of, Some("ns"), meta(&object, "name"));
    let writes = quotas.settle(world, of, old.as_deref(), stored.as_deref());
    world.apply(writes);
}

fn remove(quotas: &Quotas, world: &mut World, of: &GroupResource, name: &str) {
    let old = world.remove(of, Some("ns"), name);
    let writes = quotas.settle(world, of, old.as_deref(), None);
    world.apply(writes);
}

fn create(of: &GroupResource, object: &Value) -> Request {
    let mut request = Request::new(User::named("u", &[]), Operation::Create, of.clone(), "v1", "Any");
    request.namespace = Some("ns".to_owned());
    request.name = meta(object, "name").to_owned();
    request.object = Some(object.clone());
    request
}

fn pod(name: &str, requests: Value, limits: Value) -> Value {
    json!({
        "metadata": {"namespace": "ns", "name": name},
        "spec": {"containers": [{"name": "c", "resources": {"requests": requests, "limits": limits}}]},
        "status": {"phase": "Pending"},
    })
}

fn used(world: &World, quota: &str) -> Value {
    world
        .get(&resources::RESOURCE_QUOTAS, Some("ns"), quota)
        .map(|quota| quota["status"]["used"].clone())
        .unwrap_or_default()
}

#[test]
fn what_is_too_much_is_refused_in_the_servers_words() {
    let (quotas, mut world) = (Quotas::new(36), World::default());
    let hard = json!({"requests.nvidia.com/gpu": "2", "pods": "4", "count/jobs.batch": "1"});
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, quota("q", hard));
    assert_eq!(
        used(&world, "q"),
        json!({"count/jobs.batch": "0", "pods": "0", "requests.nvidia.com/gpu": "0"})
    );
    let one = pod(
        "a",
        json!({"nvidia.com/gpu": "1"}),
        json!({"nvidia.com/gpu": "1"}),
    );
    assert_eq!(quotas.allow(&world, &create(&resources::PODS, &one)), Ok(()));
    store(&quotas, &mut world, &resources::PODS, one);
    let two = pod("b", json!({"nvidia.com/gpu": "2"}), json!({}));
    assert_eq!(
        quotas
            .allow(&world, &create(&resources::PODS, &two))
            .unwrap_err()
            .message,
        "pods \"b\" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2, used: \
         requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=2"
    );
    let job = json!({"metadata": {"namespace": "ns", "name": "j"}});
    assert_eq!(quotas.allow(&world, &create(&resources::JOBS, &job)), Ok(()));
    store(&quotas, &mut world, &resources::JOBS, job.clone());
    assert_eq!(
        quotas
            .allow(&world, &create(&resources::JOBS, &job))
            .unwrap_err()
            .message,
        "jobs.batch \"j\" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=1, \
         limited: count/jobs.batch=1"
    );
}

#[test]
fn containers_must_name_what_a_quota_bounds() {
    let (quotas, mut world) = (Quotas::new(36), World::default());
    let hard = json!({"limits.cpu": "2", "requests.memory": "1Gi"});
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, quota("q", hard));
    let bare = pod("p", json!({}), json!({"memory": "1Gi"}));
    assert_eq!(
        quotas
            .allow(&world, &create(&resources::PODS, &bare))
            .unwrap_err()
            .message,
        "pods \"p\" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.memory for: c"
    );
    let named = pod("p", json!({"memory": "1Gi"}), json!({"cpu": "1"}));
    assert_eq!(quotas.allow(&world, &create(&resources::PODS, &named)), Ok(()));
}

#[test]
fn devices_of_claims_count_by_class_and_at_their_most() {
    let (quotas, mut world) = (Quotas::new(36), World::default());
    let hard =
        json!({"gpu.deviceclass.resource.k8s.io/devices": "4", "count/resourceclaims.resource.k8s.io": "2"});
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, quota("q", hard));
    let claim = |name: &str, requests: Value| json!({"metadata": {"namespace": "ns", "name": name}, "spec": {"devices": {"requests": requests}}});
    let exact = claim(
        "a",
        json!([{"name": "r", "exactly": {"deviceClassName": "gpu", "count": 3}}]),
    );
    assert_eq!(
        quotas.allow(&world, &create(&resources::RESOURCE_CLAIMS, &exact)),
        Ok(())
    );
    store(&quotas, &mut world, &resources::RESOURCE_CLAIMS, exact);
    let alternatives = claim(
        "b",
        json!([{"name": "r", "firstAvailable": [
            {"name": "x", "deviceClassName": "gpu", "count": 2}, {"name": "y", "deviceClassName": "gpu", "count": 1},
        ]}]),
    );
    assert_eq!(
        quotas
            .allow(&world, &create(&resources::RESOURCE_CLAIMS, &alternatives))
            .unwrap_err()
            .message,
        "resourceclaims.resource.k8s.io \"b\" is forbidden: exceeded quota: q, requested: \
         gpu.deviceclass.resource.k8s.io/devices=2, used: gpu.deviceclass.resource.k8s.io/devices=3, limited: \
         gpu.deviceclass.resource.k8s.io/devices=4"
    );
    let all = claim(
        "c",
        json!([{"name": "r", "exactly": {"deviceClassName": "gpu", "allocationMode": "All"}}]),
    );
    assert!(
        quotas
            .allow(&world, &create(&resources::RESOURCE_CLAIMS, &all))
            .is_err()
    );
}

#[test]
fn a_claim_for_a_pods_extended_resource_is_not_counted_twice() {
    let (quotas, mut world) = (Quotas::new(36), World::default());
    let class = json!({"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "example.com/gpu"}});
    world.put(&resources::DEVICE_CLASSES, class);
    let hard = json!({"requests.example.com/gpu": "2"});
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, quota("q", hard));
    let mut asking = pod(
        "p",
        json!({"example.com/gpu": "2"}),
        json!({"example.com/gpu": "2"}),
    );
    asking["metadata"]["uid"] = json!("u1");
    store(&quotas, &mut world, &resources::PODS, asking);
    assert_eq!(used(&world, "q"), json!({"requests.example.com/gpu": "2"}));
    let claim = json!({
        "metadata": {
            "namespace": "ns", "name": "p-extended",
            "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1", "controller": true}],
        },
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu", "count": 2}}]}},
    });
    assert_eq!(
        quotas.allow(&world, &create(&resources::RESOURCE_CLAIMS, &claim)),
        Ok(())
    );
    store(&quotas, &mut world, &resources::RESOURCE_CLAIMS, claim);
    assert_eq!(used(&world, "q"), json!({"requests.example.com/gpu": "2"}));
    remove(&quotas, &mut world, &resources::PODS, "p");
    assert_eq!(
        used(&world, "q"),
        json!({"requests.example.com/gpu": "2"}),
        "the claim still holds the devices"
    );
    remove(&quotas, &mut world, &resources::RESOURCE_CLAIMS, "p-extended");
    assert_eq!(used(&world, "q"), json!({"requests.example.com/gpu": "0"}));
}

#[test]
fn a_scoped_quota_is_about_pods_in_its_scopes_only() {
    let (quotas, mut world) = (Quotas::new(36), World::default());
    let mut scoped = quota("q", json!({"pods": "1"}));
    scoped["spec"]["scopeSelector"] = json!({"matchExpressions": [
        {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]},
    ]});
    let mut best_effort = quota("b", json!({"pods": "1"}));
    best_effort["spec"]["scopes"] = json!(["BestEffort"]);
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, scoped);
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, best_effort);
    let mut high = pod("h", json!({"cpu": "1"}), json!({}));
    high["spec"]["priorityClassName"] = json!("high");
    store(&quotas, &mut world, &resources::PODS, high.clone());
    store(
        &quotas,
        &mut world,
        &resources::PODS,
        pod("n", json!({"cpu": "1"}), json!({})),
    );
    assert_eq!(
        (used(&world, "q"), used(&world, "b")),
        (json!({"pods": "1"}), json!({"pods": "0"}))
    );
    assert!(quotas.allow(&world, &create(&resources::PODS, &high)).is_err());
    let idle = pod("i", json!({}), json!({}));
    assert_eq!(quotas.allow(&world, &create(&resources::PODS, &idle)), Ok(()));
}

#[test]
fn finished_pods_and_smaller_services_give_back_what_they_used() {
    let (quotas, mut world) = (Quotas::new(36), World::default());
    let hard = json!({"pods": "1", "count/pods": "9", "requests.cpu": "1", "services.nodeports": "2"});
    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, quota("q", hard));
    let mut done = pod("p", json!({"cpu": "1"}), json!({}));
    store(&quotas, &mut world, &resources::PODS, done.clone());
    done["status"]["phase"] = json!("Succeeded");
    store(&quotas, &mut world, &resources::PODS, done);
    let mut service = json!({
        "metadata": {"namespace": "ns", "name": "s"},
        "spec": {"type": "NodePort", "ports": [{"port": 1}, {"port": 2}]},
    });
    store(&quotas, &mut world, &resources::SERVICES, service.clone());
    assert_eq!(
        used(&world, "q"),
        json!({"count/pods": "1", "pods": "0", "requests.cpu": "0", "services.nodeports": "2"})
    );
    service["spec"]["type"] = json!("ClusterIP");
    store(&quotas, &mut world, &resources::SERVICES, service);
    assert_eq!(used(&world, "q")["services.nodeports"], "0");
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        name: u8,
        cpu: u8,
        gpu: u8,
        phase: u8,
        ends: bool,
    },
    Remove {
        name: u8,
    },
    Claim {
        name: u8,
        count: u8,
    },
    Unclaim {
        name: u8,
    },
    Bound {
        pods: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6u8, 0..4u8, 0..3u8, 0..3u8, any::<bool>())
            .prop_map(|(name, cpu, gpu, phase, ends)| Step::Put { name, cpu, gpu, phase, ends }),
        2 => (0..6u8).prop_map(|name| Step::Remove { name }),
        2 => (0..4u8, 1..5u8).prop_map(|(name, count)| Step::Claim { name, count }),
        1 => (0..4u8).prop_map(|name| Step::Unclaim { name }),
        1 => (0..9u8).prop_map(|pods| Step::Bound { pods }),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn what_is_used_is_what_counting_finds(steps in steps(), minor in 33..=37_u32) {
        let (quotas, mut world) = (Quotas::new(minor), World::default());
        let hard = json!({
            "pods": "5", "count/pods": "9", "requests.cpu": "100", "cpu": "7", "limits.memory": "1Gi",
            "requests.example.com/gpu": "8", "gpu.deviceclass.resource.k8s.io/devices": "9",
        });
        store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, quota("all", hard));
        let mut scoped = quota("scoped", json!({"pods": "5"}));
        scoped["spec"]["scopes"] = json!(["Terminating"]);
        store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, scoped);
        for step in steps {
            match step {
                Step::Put { name, cpu, gpu, phase, ends } => {
                    let requests = json!({"cpu": format!("{}m", u32::from(cpu) * 250), "example.com/gpu": gpu.to_string()});
                    let mut pod = pod(&format!("p{name}"), requests, json!({"memory": format!("{cpu}Mi")}));
                    pod["status"]["phase"] = json!(["Pending", "Running", "Succeeded"][usize::from(phase)]);
                    if ends {
                        pod["spec"]["activeDeadlineSeconds"] = json!(5);
                    }
                    store(&quotas, &mut world, &resources::PODS, pod);
                }
                Step::Remove { name } => remove(&quotas, &mut world, &resources::PODS, &format!("p{name}")),
                Step::Claim { name, count } => {
                    let claim = json!({
                        "metadata": {"namespace": "ns", "name": format!("c{name}")},
                        "spec": {"devices": {"requests": [{"exactly": {"deviceClassName": "gpu", "count": count}}]}},
                    });
                    store(&quotas, &mut world, &resources::RESOURCE_CLAIMS, claim);
                }
                Step::Unclaim { name } => {
                    remove(&quotas, &mut world, &resources::RESOURCE_CLAIMS, &format!("c{name}"));
                }
                Step::Bound { pods } => {
                    let mut all = Value::clone(&world.get(&resources::RESOURCE_QUOTAS, Some("ns"), "all").unwrap());
                    all["spec"]["hard"]["pods"] = json!(pods.to_string());
                    store(&quotas, &mut world, &resources::RESOURCE_QUOTAS, all);
                }
            }
            for quota in world.list(&resources::RESOURCE_QUOTAS, Some("ns")) {
                prop_assert_eq!(naive(&world, &quota), pods::amounts(&quota["status"]["used"]));
                prop_assert_eq!(&quota["status"]["hard"], &quota["spec"]["hard"]);
            }
        }
    }
}

/// What the objects of these tests use, added up without any of the code above.
fn naive(world: &World, quota: &Value) -> Amounts {
    let scoped = !quota["spec"]["scopes"].is_null();
    let mut used: Amounts = hard(&quota["spec"])
        .map(|name| (name.to_owned(), Quantity::ZERO))
        .collect();
    let mut add = |name: &str, amount: Option<Quantity>| {
        if let (Some(own), Some(amount)) = (used.get_mut(name), amount) {
            *own = *own + amount;
        }
    };
    for pod in world.list(&resources::PODS, Some("ns")) {
        if scoped && pod["spec"]["activeDeadlineSeconds"].is_null() {
            continue;
        }
        add("count/pods", Some(Quantity::whole(1)));
        if pod["status"]["phase"] == "Succeeded" {
            continue;
        }
        let resources = &pod["spec"]["containers"][0]["resources"];
        add("pods", Some(Quantity::whole(1)));
        add("cpu", Quantity::read(&resources["requests"]["cpu"]));
        add("requests.cpu", Quantity::read(&resources["requests"]["cpu"]));
        add("limits.memory", Quantity::read(&resources["limits"]["memory"]));
        add(
            "requests.example.com/gpu",
            Quantity::read(&resources["requests"]["example.com/gpu"]),
        );
    }
    for claim in world.list(&resources::RESOURCE_CLAIMS, Some("ns")) {
        let count = &claim["spec"]["devices"]["requests"][0]["exactly"]["count"];
        add("gpu.deviceclass.resource.k8s.io/devices", Quantity::read(count));
    }
    used
}
