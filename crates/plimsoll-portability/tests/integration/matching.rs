//! What meets a need, what does not, and what nobody can tell.

use plimsoll_portability::{Answers, Platform, Verdict, answer};
use plimsoll_record::PlatformKind;
use serde_json::{Value, json};

use super::manifests;

/// A platform of one large node, changed as a test wants it.
fn surveyed(change: impl FnOnce(&mut Value)) -> Platform {
    let mut inventory = json!({
        "kubernetes": "v1.36.3",
        "nodes": [{
            "name": "n", "ready": true, "schedulable": true, "os": "linux", "arch": "amd64",
            "labels": {}, "taints": [], "allocatable": {"cpu": "32", "memory": "256Gi", "pods": "110"},
            "accelerators": {"nvidia.com/gpu": {"allocatable": 4, "used": 0}},
        }],
        "accelerators": [{"path": "device-plugin/nvidia.com/gpu", "vendor": "nvidia", "node": "n", "total": 4, "free": 4}],
        "apis": [
            {"group": "", "version": "v1", "kinds": ["PersistentVolumeClaim"]},
            {"group": "ray.io", "version": "v1", "kinds": ["RayJob", "RayCluster"]},
        ],
    });
    change(&mut inventory);
    Platform::surveyed("p", PlatformKind::Cluster, &inventory).unwrap()
}

fn ask(text: &str, platform: Platform) -> Answers {
    answer(&manifests(text), &[platform])
}

/// The verdict on the first workload, whether it is certain, and the reasons.
fn told(text: &str, change: impl FnOnce(&mut Value)) -> (Verdict, bool, String) {
    let answers = ask(text, surveyed(change));
    let answer = &answers.answers[0];
    (answer.verdict, answer.certain, answer.reasons.join("; "))
}

fn pod(spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: [{{name: c, image: 'registry.example/c:1', resources: {{limits: {{nvidia.com/gpu: 2}}}}}}]{spec}}}}}"
    )
}

#[test]
fn devices_that_are_there_are_enough() {
    assert_eq!(told(&pod(""), |_| {}).0, Verdict::Runs);
}

#[test]
fn too_many_devices_on_one_node_or_in_all_do_not_run() {
    let many = pod("").replace("gpu: 2", "gpu: 8");
    let (verdict, certain, why) = told(&many, |_| {});
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, true));
    assert!(why.contains("at most 4"), "{why}");

    let training = "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: t}\nspec: {pytorchReplicaSpecs: {Master: {template: {spec: {containers: [{image: 'a/b:1', resources: {limits: {nvidia.com/gpu: 2}}}]}}}, Worker: {replicas: 2, template: {spec: {containers: [{image: 'a/b:1', resources: {limits: {nvidia.com/gpu: 2}}}]}}}}}\n";
    let (_, _, why) = told(training, |_| {});
    assert!(
        why.contains("1 of 2 worker find a node"),
        "master and workers together are too many: {why}"
    );
}

#[test]
fn a_node_autoscaler_makes_a_lack_of_devices_a_thing_nobody_knows() {
    let many = pod("").replace("gpu: 2", "gpu: 8");
    let (verdict, certain, why) = told(&many, |inventory| {
        inventory["autoscalers"] = json!([{"name": "karpenter", "because": "x"}]);
    });
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, false));
    assert!(why.starts_with("cannot tell: "), "{why}");
}

#[test]
fn a_vendors_taint_is_tolerated_by_a_change_and_a_strangers_is_not() {
    let taint = |key: &'static str| {
        move |inventory: &mut Value| {
            inventory["nodes"][0]["taints"] = json!([{"key": key, "effect": "NoSchedule"}]);
        }
    };
    assert_eq!(
        told(&pod(""), taint("nvidia.com/gpu")).0,
        Verdict::RunsWithChanges
    );
    let tolerant = pod(", tolerations: [{key: nvidia.com/gpu, operator: Exists}]");
    assert_eq!(told(&tolerant, taint("nvidia.com/gpu")).0, Verdict::Runs);
    let (verdict, certain, why) = told(&pod(""), taint("example.com/team"));
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, true));
    assert!(why.contains("example.com/team"), "{why}");
}

#[test]
fn a_label_that_a_survey_does_not_keep_is_neither_there_nor_absent() {
    let (verdict, certain, why) = told(&pod(", nodeSelector: {team: red}"), |_| {});
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, false));
    assert!(why.contains("does not keep the node label team"), "{why}");
    let present = pod(", nodeSelector: {nvidia.com/gpu.present: 'true'}");
    assert_eq!(told(&present, |_| {}).0, Verdict::RunsWithChanges);
    let product = pod(", nodeSelector: {nvidia.com/gpu.product: H100}");
    assert!(told(&product, |_| {}).1);
}

#[test]
fn an_operator_counts_when_it_is_there_at_the_version_and_has_a_ready_pod() {
    let job = "{apiVersion: ray.io/v1, kind: RayJob, metadata: {name: r}, spec: {rayClusterSpec: {}}}";
    let (verdict, certain, _) = told(job, |_| {});
    assert_eq!(
        (verdict, certain),
        (Verdict::DoesNotRun, false),
        "a CRD alone acts on nothing"
    );
    let operator = |because: &'static str| {
        move |inventory: &mut Value| inventory["operators"] = json!([{"name": "kuberay", "because": because}])
    };
    let ready = "ray.io/v1 is served; Deployment ray/kuberay has 1 ready pods";
    assert_eq!(told(job, operator(ready)).0, Verdict::Runs);
    assert!(!told(job, operator(ready.replace("1 ready", "0 ready").leak())).1);
    let (_, certain, why) = told(&job.replace("ray.io/v1", "ray.io/v1alpha1"), operator(ready));
    assert!(certain && why.contains("it is as v1"), "{why}");
}

#[test]
fn an_old_record_without_the_served_apis_still_tells_what_was_recognised() {
    let job = "{apiVersion: ray.io/v1, kind: RayJob, metadata: {name: r}, spec: {rayClusterSpec: {}}}";
    let old = |because: &'static str| {
        move |inventory: &mut Value| {
            inventory.as_object_mut().unwrap().remove("apis");
            inventory["operators"] = json!([{"name": "kuberay", "because": because}]);
        }
    };
    assert_eq!(
        told(job, old("ray.io/v1 is served; Deployment a/b has 1 ready pods")).0,
        Verdict::Runs
    );
    assert!(!told(job, old("Deployment a/b has 1 ready pods")).1);
}

#[test]
fn a_gang_that_no_run_has_shown_is_not_taken_for_one() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {parallelism: 2, template: {spec: {schedulingGroup: {podGroupName: g}, containers: [{image: 'a/b:1'}]}}}\n---\napiVersion: scheduling.k8s.io/v1alpha2\nkind: PodGroup\nmetadata: {name: g}\nspec: {schedulingPolicy: {gang: {minCount: 2}}}\n";
    let (verdict, certain, why) = told(job, |inventory| {
        inventory["gang_apis"] = json!([{"adapter": "native", "group": "scheduling.k8s.io", "version": "v1alpha2", "kind": "PodGroup"}]);
    });
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, false));
    assert!(why.contains("no run shows"), "{why}");
    let (_, certain, why) = told(job, |_| {});
    assert!(certain && why.contains("there is no native"), "{why}");
}

#[test]
fn a_shared_volume_takes_a_class_that_can_share() {
    let text = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: v}, spec: {accessModes: [ReadWriteMany], storageClassName: fast, resources: {requests: {storage: 1Ti}}}}";
    let class = |provisioner: &'static str, also: Option<&'static str>| {
        move |inventory: &mut Value| {
            let of = |provisioner: &str| format!("StorageClass of provisioner {provisioner}");
            let mut classes = vec![json!({"name": "fast", "because": of(provisioner)})];
            classes.extend(also.map(|also| json!({"name": "files", "because": of(also)})));
            inventory["storage"] = json!(classes);
        }
    };
    assert_eq!(told(text, class("efs.csi.aws.com", None)).0, Verdict::Runs);
    assert!(told(text, class("ebs.csi.aws.com", None)).1);
    assert_eq!(
        told(text, class("ebs.csi.aws.com", Some("efs.csi.aws.com"))).0,
        Verdict::RunsWithChanges
    );
    assert!(
        !told(text, class("storage.example", None)).1,
        "an unknown driver may or may not share"
    );
    assert_eq!(
        told(text, |_| {}),
        (
            Verdict::DoesNotRun,
            true,
            "there is no StorageClass `fast`".to_owned()
        )
    );
}

#[test]
fn a_metrics_api_that_is_down_scales_nothing() {
    let text = "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {metrics: [{type: Pods, pods: {metric: {name: m}}}]}}";
    let with = |because: &'static str| {
        move |inventory: &mut Value| {
            inventory["apis"] =
                json!([{"group": "autoscaling", "version": "v2", "kinds": ["HorizontalPodAutoscaler"]}]);
            inventory["metrics"] = json!([{"name": "custom.metrics.k8s.io", "because": because}]);
        }
    };
    assert_eq!(
        told(text, with("APIService served by a/b, available")).0,
        Verdict::Runs
    );
    let down = with("APIService served by a/b, not available: no endpoints");
    assert!(told(text, down).1);
}

#[test]
fn images_for_another_architecture_do_not_run() {
    let text = pod("").replace("c:1", "c:1-arm64");
    assert!(told(&text, |_| {}).2.contains("none is arm64"));
    let arm = |inventory: &mut Value| inventory["nodes"][0]["arch"] = json!("arm64");
    assert_eq!(told(&text, arm).0, Verdict::Runs);
    assert!(
        !told(&pod(""), arm).1,
        "a name that says nothing is not taken for arm64"
    );
}

#[test]
fn rights_over_the_host_are_not_in_a_record() {
    let text = pod(", hostNetwork: true");
    let (verdict, certain, why) = told(&text, |_| {});
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, false));
    assert!(why.contains("--context"), "{why}");
}

#[test]
fn unknown_kinds_are_answered_and_end_nothing() {
    let text = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}";
    assert!(told(text, |_| {}).1, "it is not served");
    let served = |inventory: &mut Value| {
        inventory["apis"] = json!([{"group": "example.com", "version": "v1", "kinds": ["Widget"]}]);
    };
    assert!(
        !told(text, served).1,
        "it is served, and nobody knows what it needs"
    );
}

#[test]
fn an_unrendered_template_is_no_workload_that_runs() {
    let (verdict, certain, why) = told(
        "kind: Deployment\napiVersion: apps/v1\nspec: {replicas: {{ .Values.n }}}\n",
        |_| {},
    );
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, false));
    assert!(
        why.contains("{{ .Values.n }}") && why.contains("helm template"),
        "{why}"
    );
}
