//! Pods on simulated nodes, over an API server in process and virtual time.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use plimsoll_apiserver::{
    ApiServer, Change, Clock, Config, DeleteOptions, Direct, Gates, LogRequest, Nodes, Object, Seed, User,
    elapse, resources,
};
use plimsoll_probe::Transcript;
use plimsoll_vendors::Division;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Fleet, Images};
use crate::{
    Faults,
    platform::{Accelerators, Allocation, Latencies, NodeGroup, PlatformSpec},
};

/// A platform of one node without anything but its kubelet.
struct Bench {
    api: Direct,
    fleet: Fleet,
    _components: JoinSet<()>,
}

const PROBE: &str = "plimsoll.dev/probe:test";
const NODE: &str = "gpu-1";
const PATIENCE: Duration = Duration::from_secs(600);

impl Bench {
    fn new(allocation: Allocation, defects: &[&str]) -> Self {
        let mut group = NodeGroup::new("gpu", 1);
        group.accelerators = vec![Accelerators {
            vendor: "nvidia".to_owned(),
            count: 2,
            allocation,
            busy: 0,
            division: Division::default(),
            sharing: None,
            exporter: true,
        }];
        let mut spec = PlatformSpec::preset("minimal").unwrap();
        spec.kubernetes = 36;
        spec.latencies = Latencies::default();
        spec.nodes = vec![group];
        Self::of(&spec, defects)
    }

    fn of(spec: &PlatformSpec, defects: &[&str]) -> Self {
        let server = ApiServer::new(Config {
            minor: spec.kubernetes,
            clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
            seed: Seed::new(1),
            gates: Gates::default(),
            latency: Duration::ZERO,
        });
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"},
        });
        server.load(vec![account]).unwrap();
        let faults: Faults = defects.iter().copied().collect();
        let mut components = JoinSet::new();
        let fleet = Fleet::start(&mut components, &server, spec, &faults, Images::default()).unwrap();
        let api = server.direct(User::admin());
        Self {
            api,
            fleet,
            _components: components,
        }
    }

    /// Creates a pod and binds it, as a scheduler would.
    async fn run(&self, pod: Value) -> Object {
        let pod = self.api.create(pod).await.unwrap();
        let name = pod["metadata"]["name"].as_str().unwrap();
        self.api.bind("default", name, NODE).await.unwrap();
        pod
    }

    /// Waits until the pod is so.
    async fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Object {
        let mut changes = self.api.watch(&[resources::PODS]);
        let wanted = async {
            loop {
                let change = changes.next().await.unwrap();
                if matches!(change, Change::Deleted(..)) || change.object()["metadata"]["name"] != name {
                    continue;
                }
                let pod = self.get(name);
                if let Some(pod) = pod.filter(|pod| is(pod)) {
                    return pod;
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wanted).await;
        waited.unwrap_or_else(|_| panic!("{:#}", self.get(name).unwrap()["status"]))
    }

    async fn until_gone(&self, name: &str) {
        let mut changes = self.api.watch(&[resources::PODS]);
        while self.get(name).is_some() {
            tokio::time::timeout(PATIENCE, changes.next()).await.unwrap();
        }
    }

    fn get(&self, name: &str) -> Option<Object> {
        self.api.get(&resources::PODS, Some("default"), name)
    }

    async fn phase(&self, name: &str, phase: &str) -> Object {
        self.until(name, |pod| pod["status"]["phase"] == phase).await
    }

    async fn delete(&self, name: &str) {
        let options = DeleteOptions::default();
        self.api
            .delete(&resources::PODS, Some("default"), name, options)
            .await
            .unwrap();
    }

    async fn log(&self, pod: &str, container: &str, previous: bool) -> String {
        let request = LogRequest {
            namespace: "default".to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
            ..LogRequest::default()
        };
        let pieces: Vec<Bytes> = self.fleet.logs(request).await.unwrap().collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    async fn transcript(&self, pod: &str, container: &str) -> Transcript {
        Transcript::from_log(&self.log(pod, container, false).await)
    }

    fn events(&self, name: &str) -> Vec<String> {
        let mut events = self.api.list(&resources::EVENTS, Some("default"));
        events.sort_by_key(|event| {
            let version = event["metadata"]["resourceVersion"].as_str().unwrap();
            version.parse::<u64>().unwrap()
        });
        let about = events
            .iter()
            .filter(|event| event["involvedObject"]["name"] == name);
        about
            .map(|event| {
                format!(
                    "{} {}",
                    event["reason"].as_str().unwrap(),
                    event["message"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// A claim that was allocated a device of the node, reserved for a pod.
    async fn claim(&self, name: &str, devices: &[&str], pod: &Object) {
        let claim = json!({
            "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}},
        });
        let mut claim = match self.api.get(&resources::RESOURCE_CLAIMS, Some("default"), name) {
            Some(claim) => (*claim).clone(),
            None => (*self.api.create(claim).await.unwrap()).clone(),
        };
        let results: Vec<Value> = devices
            .iter()
            .map(|device| json!({"request": "r", "driver": "gpu.nvidia.com", "pool": NODE, "device": device}))
            .collect();
        let consumer = json!({
            "resource": "pods", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"],
        });
        let mut consumers = claim["status"]["reservedFor"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        consumers.push(consumer);
        claim["status"] = json!({
            "allocation": {"devices": {"results": results}}, "reservedFor": consumers,
        });
        self.api.update_status(claim).await.unwrap();
    }

    /// A pod with a claim for these devices, running.
    async fn holder(&self, name: &str, claim: &str, devices: &[&str], args: &[&str]) -> Object {
        let mut pod = pod(name, &[container("holder", args)]);
        pod["spec"]["resourceClaims"] = json!([{"name": "own", "resourceClaimName": claim}]);
        pod["spec"]["containers"][0]["resources"] = json!({"claims": [{"name": "own"}]});
        let pod = self.api.create(pod).await.unwrap();
        self.claim(claim, devices, &pod).await;
        self.api.bind("default", name, NODE).await.unwrap();
        pod
    }
}

fn container(name: &str, args: &[&str]) -> Value {
    json!({"name": name, "image": PROBE, "args": args, "imagePullPolicy": "IfNotPresent"})
}

fn pod(name: &str, containers: &[Value]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": containers},
    })
}

fn open(transcript: &Transcript) -> Vec<&str> {
    transcript
        .devices()
        .filter(|node| node.is_open())
        .map(|node| node.path.as_str())
        .collect()
}

fn condition<'a>(pod: &'a Value, kind: &str) -> &'a Value {
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap()
}

const LOOK: [&str; 2] = ["devices", "--match=/dev/nvidia*"];
const STAY: [&str; 3] = ["devices", "--match=/dev/nvidia*", "--hold"];

#[tokio::test(start_paused = true)]
async fn a_pod_runs_reports_and_ends_well() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.run(pod("p", &[container("c", &LOOK)])).await;
    let ended = bench.phase("p", "Succeeded").await;
    let terminated = &ended["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&terminated["exitCode"], &terminated["reason"]),
        (&json!(0), &json!("Completed"))
    );
    assert!(
        terminated["message"]
            .as_str()
            .unwrap()
            .contains("\"report\":\"finished\"")
    );
    assert_eq!(condition(&ended, "Ready")["reason"], "PodCompleted");
    let events = bench.api.list(&resources::EVENTS, Some("default"));
    assert!(
        events
            .iter()
            .all(|event| event["involvedObject"]["fieldPath"] == "spec.containers{c}")
    );
    let transcript = bench.transcript("p", "c").await;
    assert_eq!(transcript.started.as_ref().unwrap().hostname, "p");
    assert!(transcript.is_over() && open(&transcript).is_empty());
    assert_eq!(
        bench.events("p"),
        [
            format!("Pulling Pulling image \"{PROBE}\""),
            format!(
                "Pulled Successfully pulled image \"{PROBE}\" in 300ms (300ms including waiting). Image size: 1943552 bytes."
            ),
            "Created Container created".to_owned(),
            "Started Container started".to_owned(),
        ]
    );
}

/// How a pod's status changed, as far as one looks for it.
async fn changes(bench: &Bench, name: &str, last: impl Fn(&str) -> bool) -> Vec<String> {
    let mut changes = bench.api.watch(&[resources::PODS]);
    let mut told: Vec<String> = Vec::new();
    while !told.last().is_some_and(|line| last(line)) {
        let change = changes.next().await.unwrap();
        if change.object()["metadata"]["name"] != name {
            continue;
        }
        let status = &change.object()["status"];
        let mut line = status["phase"].as_str().unwrap().to_owned();
        for condition in status["conditions"].as_array().into_iter().flatten() {
            let (kind, reason) = (condition["type"].as_str().unwrap(), condition["reason"].as_str());
            let sign = if condition["status"] == "True" { '+' } else { '-' };
            let short: String = kind.chars().filter(char::is_ascii_uppercase).collect();
            line.push_str(&format!(
                " {sign}{short}{}",
                reason.map(|r| format!(":{r}")).unwrap_or_default()
            ));
        }
        for container in status["containerStatuses"].as_array().into_iter().flatten() {
            let state = container["state"].as_object().unwrap();
            let (state, detail) = state.iter().next().unwrap();
            let detail = detail["reason"].as_str().unwrap_or_default();
            line.push_str(&format!(
                " {}={state}/{detail}",
                container["name"].as_str().unwrap()
            ));
        }
        if !status["podIP"].is_null() {
            line.push_str(" ip");
        }
        if told.last() != Some(&line) {
            told.push(line);
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_pod_stands_as_a_real_one_does_at_every_moment() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.run(pod("p", &[container("c", &LOOK)])).await;
    let told = changes(&bench, "p", |line| line.starts_with("Succeeded")).await;
    assert_eq!(
        told,
        [
            "Pending +PS",
            "Pending -PRTSC +I -R:ContainersNotReady -CR:ContainersNotReady +PS c=waiting/ContainerCreating",
            "Pending +PRTSC +I -R:ContainersNotReady -CR:ContainersNotReady +PS c=waiting/ContainerCreating",
            "Running +PRTSC +I +R +CR +PS c=running/ ip",
            "Running +PRTSC +I:PodCompleted -R:PodCompleted -CR:PodCompleted +PS c=terminated/Completed ip",
            "Succeeded -PRTSC +I:PodCompleted -R:PodCompleted -CR:PodCompleted +PS c=terminated/Completed ip",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_in_the_image_is_named() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let mut pod = pod("p", &[container("c", &[])]);
    pod["spec"]["restartPolicy"] = json!("Always");
    pod["spec"]["containers"][0]["command"] = json!(["sh", "-c", "true"]);
    bench.run(pod).await;
    let pod = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "RunContainerError"
        })
        .await;
    let last = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(
        (&last["exitCode"], &last["reason"]),
        (&json!(128), &json!("StartError"))
    );
    assert!(
        last["message"]
            .as_str()
            .unwrap()
            .ends_with("exec: \"sh\": executable file not found in $PATH")
    );
    let held = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        })
        .await;
    assert_eq!(held["status"]["containerStatuses"][0]["restartCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_stays_is_ready_until_it_is_deleted() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.run(pod("p", &[container("c", &STAY)])).await;
    let running = bench
        .until("p", |pod| {
            pod["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        })
        .await;
    assert_eq!(running["status"]["phase"], "Running");
    assert_eq!(running["status"]["podIP"], "10.64.0.1");
    let status = &running["status"]["containerStatuses"][0];
    assert!(
        status["containerID"]
            .as_str()
            .unwrap()
            .starts_with("containerd://")
    );
    assert_eq!(
        (&status["started"], &status["ready"]),
        (&json!(true), &json!(true))
    );
    bench.delete("p").await;
    let before = tokio::time::Instant::now();
    bench.until_gone("p").await;
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "the program heeds the signal"
    );
    assert!(
        bench
            .events("p")
            .contains(&"Killing Stopping container c".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_claims_device_is_in_the_container_and_free_again_after_it() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.holder("one", "claim-1", &["gpu-1"], &STAY).await;
    let running = bench.phase("one", "Running").await;
    assert_eq!(open(&bench.transcript("one", "holder").await), ["/dev/nvidia1"]);
    let health = &running["status"]["containerStatuses"][0]["allocatedResourcesStatus"];
    assert_eq!(health[0]["name"], "claim:own");
    assert_eq!(health[0]["resources"][0]["health"], "Healthy");
    bench.delete("one").await;
    bench.holder("two", "claim-2", &["gpu-1"], &LOOK).await;
    bench.phase("two", "Succeeded").await;
    assert_eq!(open(&bench.transcript("two", "holder").await), ["/dev/nvidia1"]);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_not_registered_leaves_pods_waiting() {
    let bench = Bench::new(Allocation::Dra, &["dra.api-only"]);
    bench.holder("p", "claim", &["gpu-0"], &LOOK).await;
    elapse(Duration::from_secs(200)).await;
    let pod = bench.get("p").unwrap();
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(
        bench.events("p"),
        [
            "FailedPrepareDynamicResources Failed to prepare dynamic resources: prepare dynamic resources: DRA driver \
          gpu.nvidia.com is not registered"
        ]
    );
    let events = bench.api.list(&resources::EVENTS, Some("default"));
    assert!(
        (3..=4).contains(&events[0]["count"].as_i64().unwrap()),
        "about once a minute"
    );
    bench.delete("p").await;
    bench.until_gone("p").await;
}

#[tokio::test(start_paused = true)]
async fn defects_of_a_driver_show_in_the_container() {
    let lost = Bench::new(Allocation::Dra, &["dra.cdi-lost"]);
    lost.holder("p", "claim", &["gpu-0"], &LOOK).await;
    let pod = lost
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerError"
        })
        .await;
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert!(
        waiting["message"]
            .as_str()
            .unwrap()
            .contains("unresolvable CDI devices k8s.gpu.nvidia.com/claim=")
    );

    for (defect, seen) in [
        ("none", vec!["/dev/nvidia0", "/dev/nvidia1"]),
        ("dra.first-only", vec!["/dev/nvidia0"]),
        ("dra.no-injection", vec![]),
    ] {
        let bench = Bench::new(Allocation::Dra, &[defect]);
        bench.holder("p", "claim", &["gpu-0", "gpu-1"], &LOOK).await;
        bench.phase("p", "Succeeded").await;
        assert_eq!(open(&bench.transcript("p", "holder").await), seen, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_pods_on_one_claim_share_its_device_unless_the_kubelet_forgets_the_second() {
    for (defect, seen) in [("none", vec!["/dev/nvidia0"]), ("dra.second-pod", vec![])] {
        let bench = Bench::new(Allocation::Dra, &[defect]);
        bench.holder("one", "claim", &["gpu-0"], &STAY).await;
        bench.phase("one", "Running").await;
        bench.holder("two", "claim", &["gpu-0"], &STAY).await;
        bench.phase("two", "Running").await;
        assert_eq!(open(&bench.transcript("one", "holder").await), ["/dev/nvidia0"]);
        assert_eq!(open(&bench.transcript("two", "holder").await), seen, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_never_given_back_keeps_the_next_pod_waiting() {
    let bench = Bench::new(Allocation::Dra, &["dra.no-release"]);
    bench.holder("one", "claim-1", &["gpu-0"], &LOOK).await;
    bench.phase("one", "Succeeded").await;
    bench.holder("two", "claim-2", &["gpu-0"], &LOOK).await;
    elapse(Duration::from_secs(30)).await;
    let told = bench.events("two");
    assert!(
        told[0].contains("is busy: still prepared for claim `default/claim-1`"),
        "{told:?}"
    );
}

fn asking(name: &str, count: u32, args: &[&str]) -> Value {
    let mut pod = pod(name, &[container("holder", args)]);
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {"nvidia.com/gpu": count.to_string()}});
    pod
}

#[tokio::test(start_paused = true)]
async fn a_plugins_devices_are_allocated_once_and_what_is_too_much_is_rejected() {
    let bench = Bench::new(Allocation::Plugin, &[]);
    let node = bench.api.get(&resources::NODES, None, NODE).unwrap();
    assert_eq!(node["status"]["allocatable"]["nvidia.com/gpu"], "2");
    bench.run(asking("one", 1, &STAY)).await;
    bench.run(asking("two", 1, &STAY)).await;
    bench.phase("one", "Running").await;
    bench.phase("two", "Running").await;
    let (one, two) = (
        bench.transcript("one", "holder").await,
        bench.transcript("two", "holder").await,
    );
    assert_eq!(
        (open(&one), open(&two)),
        (vec!["/dev/nvidia0"], vec!["/dev/nvidia1"])
    );
    bench.run(asking("three", 1, &STAY)).await;
    let rejected = bench.phase("three", "Failed").await;
    assert_eq!(rejected["status"]["reason"], "UnexpectedAdmissionError");
    assert_eq!(
        rejected["status"]["message"],
        "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. \
         Requested: 1, Available: 0, which is unexpected"
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_that_fails_comes_again_with_its_volumes_and_its_device() {
    for (defect, seen) in [
        ("none", vec!["/dev/nvidia0"]),
        ("sec.restart", vec!["/dev/nvidia0", "/dev/nvidia1"]),
    ] {
        let bench = Bench::new(Allocation::Plugin, &[defect]);
        let args = [
            "devices",
            "--match=/dev/nvidia*",
            "--fail-first=/mark/failed",
            "--hold",
        ];
        let mut pod = asking("p", 1, &args);
        pod["spec"]["restartPolicy"] = json!("Always");
        pod["spec"]["volumes"] = json!([{"name": "mark", "emptyDir": {}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "mark", "mountPath": "/mark"}]);
        bench.run(pod).await;
        let again = bench
            .until("p", |pod| {
                let status = &pod["status"]["containerStatuses"][0];
                status["restartCount"] == 1 && !status["state"]["running"].is_null()
            })
            .await;
        let last = &again["status"]["containerStatuses"][0]["lastState"]["terminated"];
        assert_eq!((&last["exitCode"], &last["reason"]), (&json!(1), &json!("Error")));
        let before = Transcript::from_log(&bench.log("p", "holder", true).await);
        assert_eq!(open(&before), ["/dev/nvidia0"]);
        assert_eq!(open(&bench.transcript("p", "holder").await), seen, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_fails_again_and_again_is_held_back() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let mut failing = pod(
        "p",
        &[container("c", &["load", "--device=/dev/none", "--seconds=1"])],
    );
    failing["spec"]["restartPolicy"] = json!("Always");
    let created = bench.run(failing).await;
    let held = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        })
        .await;
    let uid = created["metadata"]["uid"].as_str().unwrap();
    let status = &held["status"]["containerStatuses"][0];
    assert_eq!(
        status["state"]["waiting"]["message"],
        format!("back-off 10s restarting failed container=c pod=p_default({uid})")
    );
    assert_eq!(status["restartCount"], 1);
    assert_eq!(held["status"]["phase"], "Running");
    let later = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["restartCount"] == 3
        })
        .await;
    let message = later["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"]
        .as_str()
        .unwrap();
    assert!(message.contains("opening /dev/none gave ENOENT"));
}

#[tokio::test(start_paused = true)]
async fn init_containers_sidecars_and_main_containers_have_their_order_and_their_own_devices() {
    for (defect, beside) in [("none", vec![]), ("sec.sidecar", vec!["/dev/nvidia0"])] {
        let bench = Bench::new(Allocation::Plugin, &[defect]);
        let mut pod = asking("p", 1, &LOOK);
        let mut sidecar = container("beside", &STAY);
        sidecar["restartPolicy"] = json!("Always");
        pod["spec"]["initContainers"] = json!([container("before", &LOOK), sidecar]);
        bench.run(pod).await;
        let waiting = bench
            .until("p", |pod| pod["status"]["initContainerStatuses"].is_array())
            .await;
        let main = &waiting["status"]["containerStatuses"][0];
        assert_eq!(main["state"]["waiting"]["reason"], "PodInitializing");
        bench.phase("p", "Succeeded").await;
        assert!(open(&bench.transcript("p", "before").await).is_empty());
        assert_eq!(open(&bench.transcript("p", "beside").await), beside, "{defect}");
        assert_eq!(open(&bench.transcript("p", "holder").await), ["/dev/nvidia0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_had_is_tried_again_ever_more_seldom() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let mut pod = pod("p", &[container("c", &[])]);
    pod["spec"]["containers"][0]["image"] = json!("example.com/none:1");
    bench.run(pod).await;
    let reason = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].clone();
    bench.until("p", |pod| reason(pod) == "ErrImagePull").await;
    let backing_off = bench.until("p", |pod| reason(pod) == "ImagePullBackOff").await;
    let waiting = &backing_off["status"]["containerStatuses"][0]["state"]["waiting"];
    assert!(waiting["message"].as_str().unwrap().starts_with(
        "Back-off pulling image \"example.com/none:1\": ErrImagePull: failed to pull and unpack image"
    ));
    let told = bench.events("p");
    assert!(
        told.contains(&"Failed Error: ErrImagePull".to_owned()),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn members_of_a_group_meet_by_name() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "g", "namespace": "default"},
        "spec": {"clusterIP": "None", "ports": [{"port": 7777}]},
    });
    bench.api.create(service).await.unwrap();
    for rank in 0..2 {
        let args = [
            "barrier".to_owned(),
            format!("--rank={rank}"),
            "--size=2".to_owned(),
            "--port=7777".to_owned(),
            "--peers=g-{rank}.g".to_owned(),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        bench
            .run(pod(&format!("g-{rank}"), &[container("member", &args)]))
            .await;
    }
    let first = bench.phase("g-0", "Running").await;
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": "g-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "g"},
        },
        "ports": [{"port": 7777}],
        "endpoints": [{"addresses": [first["status"]["podIP"]], "hostname": "g-0"}],
    });
    bench.api.create(slice).await.unwrap();
    for name in ["g-0", "g-1"] {
        bench.phase(name, "Succeeded").await;
        let barrier = bench.transcript(name, "member").await.barrier.unwrap();
        assert!(barrier.complete, "{barrier:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_takes_its_time_and_no_more() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let args = ["load", "--device=/dev/nvidia0", "--seconds=5", "--duty=0.5"];
    bench.holder("p", "claim", &["gpu-0"], &args).await;
    bench.phase("p", "Succeeded").await;
    let transcript = bench.transcript("p", "holder").await;
    assert_eq!(transcript.load_periods.len(), 5);
    assert!(transcript.load.unwrap().writes);
    assert!(
        transcript
            .load_periods
            .iter()
            .all(|period| (500..520).contains(&period.busy_ms) && period.operations > 0)
    );
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_device_is_tainted_and_its_pods_are_told() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.holder("p", "claim", &["gpu-0"], &STAY).await;
    bench.phase("p", "Running").await;
    let uuid = bench.fleet.accelerators(NODE)[0].clone();
    bench.fleet.set_device_health(NODE, &uuid, false).await;
    let slice = &bench.api.list(&resources::RESOURCE_SLICES, None)[0];
    assert_eq!(slice["spec"]["pool"]["generation"], 2);
    assert_eq!(
        slice["spec"]["devices"][0]["taints"][0]["key"],
        "gpu.nvidia.com/unhealthy"
    );
    bench
        .until("p", |pod| {
            let health = &pod["status"]["containerStatuses"][0]["allocatedResourcesStatus"];
            health[0]["resources"][0]["health"] == "Unhealthy"
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_kubelet_says_nothing_and_catches_up() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let lease = || {
        let lease = bench.api.get(&resources::LEASES, Some("kube-node-lease"), NODE);
        lease.unwrap()["spec"]["renewTime"].clone()
    };
    bench.fleet.silence(NODE);
    bench.run(pod("p", &[container("c", &LOOK)])).await;
    let before = lease();
    elapse(Duration::from_secs(120)).await;
    assert_eq!(bench.get("p").unwrap()["status"]["phase"], "Pending");
    assert_eq!(lease(), before);
    bench.fleet.restore(NODE).await;
    assert_ne!(lease(), before);
    bench.phase("p", "Succeeded").await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_ran_before_hold_what_they_hold_and_go_when_they_are_deleted() {
    let bench = Bench::new(Allocation::Plugin, &[]);
    let mut running = asking("old", 2, &STAY);
    running["spec"]["nodeName"] = json!(NODE);
    running["status"] = json!({"phase": "Running", "podIP": "10.64.0.9"});
    bench.api.create(running.clone()).await.unwrap();
    let patch = json!({"status": running["status"]});
    bench
        .api
        .merge(&resources::PODS, Some("default"), "old", Some("status"), patch)
        .await
        .unwrap();
    elapse(Duration::from_millis(1)).await;
    bench.delete("old").await;
    bench.until_gone("old").await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_forced_out_gives_its_device_back_later() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.holder("one", "claim-1", &["gpu-0"], &STAY).await;
    bench.phase("one", "Running").await;
    let options = DeleteOptions {
        grace_seconds: Some(0),
        ..DeleteOptions::default()
    };
    bench
        .api
        .delete(&resources::PODS, Some("default"), "one", options)
        .await
        .unwrap();
    assert!(bench.get("one").is_none());
    bench.holder("two", "claim-2", &["gpu-0"], &LOOK).await;
    bench.phase("two", "Succeeded").await;
    assert_eq!(open(&bench.transcript("two", "holder").await), ["/dev/nvidia0"]);
}
