//! Changed manifests.

use std::{collections::BTreeMap, fs};

use plimsoll_portability::{AdaptError, Verdict, adapted, answer, write};

use super::{all_examples, expect, manifests, platform, platforms};

/// What a text becomes for a platform.
fn changed(text: &str, on: &str) -> String {
    let manifests = manifests(text);
    let platforms = [platform(on)];
    let answers = answer(&manifests, &platforms);
    let files = adapted(&manifests, &answers, &platforms, 0).unwrap();
    files.map_or_else(
        || format!("unchanged: {:?}\n", answers.answers[0].reasons),
        |files| files.into_values().collect(),
    )
}

const DEPLOYMENT: &str = "# kept
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}   # and this
data: {a: b}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: server
  namespace: team
spec:
  replicas: 2
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
        - name: one
          image: registry.example/server:1
          resources:
            requests: {cpu: 1}
            limits: {nvidia.com/gpu: 1}
        - name: two
          image: registry.example/server:1
          resources:
            limits: {nvidia.com/gpu: 2}
      runtimeClassName: special
";

#[test]
fn a_device_plugins_resource_becomes_a_claim() {
    let text = DEPLOYMENT.replace("      runtimeClassName: special\n", "");
    expect("resource-to-claim.yaml", &changed(&text, "nvidia"));
}

#[test]
fn a_claim_becomes_a_device_plugins_resource() {
    let text = "apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: t}
spec: {spec: {devices: {requests: [{name: d, exactly: {deviceClassName: gpu.nvidia.com, count: 2}}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  resourceClaims: [{name: c, resourceClaimTemplateName: t}]
  containers:
  - name: m
    image: registry.example/m:1
    resources: {claims: [{name: c}]}
";
    expect("claim-to-resource.yaml", &changed(text, "plugin-only"));
}

#[test]
fn a_queued_job_becomes_a_gang_of_the_scheduler() {
    let text = "apiVersion: batch/v1
kind: Job
metadata: {name: sweep, labels: {kueue.x-k8s.io/queue-name: q, keep: me}}
spec:
  suspend: true
  parallelism: 3
  template:
    metadata: {annotations: {kueue.x-k8s.io/podset-unconstrained-topology: 'true'}}
    spec: {restartPolicy: Never, containers: [{name: m, image: 'registry.example/m:1'}]}
";
    expect("queue-to-gang.yaml", &changed(text, "nvidia"));
}

#[test]
fn gangs_are_written_for_the_version_that_is_served() {
    let text = "apiVersion: scheduling.k8s.io/v1beta1
kind: PodGroup
metadata: {name: g}
spec: {schedulingPolicy: {gang: {minCount: 2}}, disruptionMode: {all: {}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec:
  parallelism: 2
  template:
    spec: {restartPolicy: Never, schedulingGroup: {podGroupName: g}, containers: [{name: m, image: 'registry.example/m:1'}]}
";
    expect("gang-version.yaml", &changed(text, "nvidia"));
}

#[test]
fn claims_of_an_old_version_are_written_anew() {
    let text = "apiVersion: resource.k8s.io/v1alpha3
kind: ResourceClaimTemplate
metadata: {name: t}
spec: {spec: {devices: {requests: [{name: d, deviceClassName: gpu.nvidia.com}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  resourceClaims: [{name: c, resourceClaimTemplateName: t}]
  containers: [{name: m, image: 'registry.example/m:1', resources: {claims: [{name: c}]}}]
";
    expect("claim-version.yaml", &changed(text, "nvidia"));
}

#[test]
fn other_vendors_devices_are_asked_for_only_where_the_images_are_declared_for_them() {
    let job = |declared: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n  template:\n    metadata: {{annotations: {{{declared}}}}}\n    spec:\n      restartPolicy: Never\n      containers:\n      - {{name: m, image: 'registry.example/m:1', resources: {{limits: {{nvidia.com/gpu: 1}}}}}}\n"
        )
    };
    assert!(changed(&job("a: b"), "amd").starts_with("unchanged: [\"cannot tell"));
    let text = changed(&job("plimsoll.dev/accelerator-vendors: 'nvidia,amd'"), "amd");
    assert!(
        text.contains("amd.com/gpu: 1") && !text.contains("nvidia.com/gpu"),
        "{text}"
    );
}

#[test]
fn what_does_not_run_is_not_written() {
    assert!(changed(DEPLOYMENT, "nvidia").starts_with("unchanged: [\"there is no RuntimeClass"));
}

#[test]
fn the_examples_run_once_they_are_changed() {
    let manifests = all_examples();
    let platforms = platforms();
    let answers = answer(&manifests, &platforms);
    let mut changed = 0;
    for number in 0..platforms.len() {
        let wanted = answers
            .answers
            .iter()
            .filter(|answer| answer.platform == number && answer.verdict == Verdict::RunsWithChanges)
            .count();
        // Asks again by itself, and is an error where anything still has to change.
        let files = adapted(&manifests, &answers, &platforms, number).unwrap();
        assert_eq!(files.is_some(), wanted > 0);
        changed += wanted;
    }
    assert!(changed > 3, "{changed}");
}

#[test]
fn all_is_written_or_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("adapted");
    let files = BTreeMap::from([(
        "nvidia".to_owned(),
        BTreeMap::from([("a.yaml".to_owned(), "x\n".to_owned())]),
    )]);
    write(&dir, &files).unwrap();
    assert_eq!(fs::read_to_string(dir.join("nvidia/a.yaml")).unwrap(), "x\n");
    assert!(matches!(write(&dir, &files), Err(AdaptError::Exists { .. })));

    let bad = BTreeMap::from([(
        "nvidia".to_owned(),
        BTreeMap::from([("no/such".to_owned(), String::new())]),
    )]);
    let dir = home.path().join("other");
    assert!(matches!(write(&dir, &bad), Err(AdaptError::Unwritable { .. })));
    assert!(!dir.exists());
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        1,
        "nothing begun is left"
    );
}
