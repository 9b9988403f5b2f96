use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    convert::tests::any_json,
    schema::{FieldValidation, Schema},
};

const ON: Features = Features {
    minor: 36,
    generic_workload: true,
    topology_aware: false,
};

/// An object as it is after decoding and defaulting.
fn ready(mut object: Value) -> Value {
    let api_version = read::text(&object, "apiVersion").to_owned();
    let kind = read::text(&object, "kind").to_owned();
    let schema = Schema::builtin(36, &api_version, &kind).unwrap();
    schema.decode(&mut object, FieldValidation::Strict, &[]).unwrap();
    schema.default(&mut object);
    default(&mut object);
    prepare_create(&mut object, &ON);
    object
}

fn refusals(object: Value) -> Vec<String> {
    let namespaced = object.pointer("/metadata/namespace").is_some();
    validate_create(&ready(object), namespaced, &ON)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn changes(old: Value, new: Value) -> Vec<String> {
    validate_update(&ready(new), &ready(old), None)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn pod(spec: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    json_patch::merge(&mut pod["spec"], &spec);
    pod
}

#[test]
fn a_pod_gets_the_defaults_that_the_real_server_gives() {
    let pod = ready(pod(
        json!({"containers": [{"name": "c", "image": "r/i:1", "resources": {"limits": {"cpu": "1"}},
        "ports": [{"containerPort": 80}], "livenessProbe": {"httpGet": {"port": 80}}}], "volumes": [{"name": "v"}]}),
    ));
    assert_eq!(
        pod,
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": {
            "containers": [{"name": "c", "image": "r/i:1", "imagePullPolicy": "IfNotPresent",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30, "enableServiceLinks": true,
        }, "status": {"phase": "Pending", "qosClass": "Burstable"}})
    );
    assert!(validate_create(&pod, true, &ON).is_empty());
}

#[test]
fn the_class_of_service_follows_requests_and_limits() {
    for (resources, class) in [
        (json!({}), "BestEffort"),
        (json!({"requests": {"cpu": "1"}}), "Burstable"),
        (json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed"),
        (json!({"limits": {"example.com/gpu": "1"}}), "BestEffort"),
    ] {
        let pod = ready(pod(
            json!({"containers": [{"name": "c", "image": "i", "resources": resources}]}),
        ));
        assert_eq!(pod["status"]["qosClass"], class);
    }
}

#[test]
fn what_is_wrong_with_a_pod_is_worded_as_the_real_server_does() {
    let container = |more: Value| {
        let mut container = json!({"name": "c", "image": "i"});
        json_patch::merge(&mut container, &more);
        json!({"containers": [container]})
    };
    for (spec, refusal) in [
        (json!({"containers": []}), "spec.containers: Required value"),
        (
            container(json!({"name": "C"})),
            "spec.containers[0].name: Invalid value: \"C\": a lowercase RFC 1123 label must consist",
        ),
        (
            container(json!({"image": null})),
            "spec.containers[0].image: Required value",
        ),
        (
            json!({"restartPolicy": "Sometimes"}),
            "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
        ),
        (
            json!({"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]}),
            "spec.containers[1].name: Duplicate value: \"c\"",
        ),
        (
            container(json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})),
            "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
        ),
        (
            container(json!({"resources": {"limits": {"example.com/gpu": "500m"}}})),
            "spec.containers[0].resources.limits[example.com/gpu]: Invalid value: \"500m\": must be an integer",
        ),
        (
            container(json!({"resources": {"requests": {"example.com/gpu": "1"}}})),
            "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
        ),
        (
            container(
                json!({"resources": {"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}}}),
            ),
            "spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to example.com/gpu limit of 2",
        ),
        (
            container(json!({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})),
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        ),
        (
            container(json!({"resources": {"claims": [{"name": "x"}]}})),
            "spec.containers[0].resources.claims[0]: Not found: \"x\"",
        ),
        (
            json!({"resourceClaims": [{"name": "x"}]}),
            "spec.resourceClaims[0]: Invalid value: {\"Name\":\"x\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
        ),
        (
            container(json!({"ports": [{"containerPort": 80, "hostPort": 70000}]})),
            "spec.containers[0].ports[0].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            json!({"tolerations": [{"operator": "Equal"}]}),
            "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty",
        ),
        (
            json!({"nodeSelector": {"a b": "c"}}),
            "spec.nodeSelector: Invalid value: \"a b\": name part must consist",
        ),
        (
            json!({"schedulingGroup": {}}),
            "spec.schedulingGroup.podGroupName: Invalid value: null: must specify one of: `podGroupName`",
        ),
    ] {
        let found = refusals(pod(spec));
        assert!(
            found.iter().any(|found| found.starts_with(refusal)),
            "{refusal}\n{found:#?}"
        );
    }
}

#[test]
fn metadata_keeps_the_rules_of_every_object() {
    let of = |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    for (metadata, refusal) in [
        (
            json!({"name": "A", "namespace": "d"}),
            "metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain",
        ),
        (
            json!({"namespace": "d"}),
            "metadata.name: Required value: name or generateName is required",
        ),
        (
            json!({"name": "a", "namespace": "d", "labels": {"a": "b c"}}),
            "metadata.labels: Invalid value: \"b c\": a valid label must be",
        ),
        (
            json!({"name": "a", "namespace": "d", "annotations": {"/a": ""}}),
            "metadata.annotations: Invalid value: \"/a\": prefix part must be non-empty",
        ),
        (
            json!({"name": "a", "namespace": "d", "finalizers": ["x y"]}),
            "metadata.finalizers: Invalid value: \"x y\": name part",
        ),
        (
            json!({"name": "a", "namespace": "d", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]}),
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
        ),
    ] {
        let found = refusals(of(metadata));
        assert!(
            found.iter().any(|found| found.starts_with(refusal)),
            "{refusal}\n{found:#?}"
        );
    }
}

#[test]
fn only_few_fields_of_a_pod_may_change() {
    let old = pod(json!({}));
    assert!(
        changes(
            old.clone(),
            pod(json!({"containers": [{"name": "c", "image": "other"}]}))
        )
        .is_empty()
    );
    assert!(
        changes(
            old.clone(),
            pod(json!({"tolerations": [{"key": "k", "operator": "Exists"}]}))
        )
        .is_empty()
    );
    let found = changes(old.clone(), pod(json!({"nodeSelector": {"a": "b"}})));
    assert!(
        found[0].starts_with(
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        ),
        "{found:?}"
    );
    let gated = pod(json!({"schedulingGates": [{"name": "g"}]}));
    assert!(changes(gated.clone(), pod(json!({"nodeSelector": {"a": "b"}}))).is_empty());
    let found = changes(old, gated);
    assert_eq!(
        found,
        [
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"
        ]
    );
}

fn deployment(spec: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

#[test]
fn deployments_are_defaulted_and_their_selector_stays() {
    let object = ready(deployment(json!({})));
    assert_eq!(
        object["spec"]["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    assert_eq!(object["spec"]["replicas"], 1);
    assert!(validate_create(&object, true, &ON).is_empty());
    assert_eq!(
        refusals(deployment(json!({"selector": {"matchLabels": {"a": "c"}}}))),
        [
            "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"
        ]
    );
    assert_eq!(
        refusals(deployment(json!({"selector": null}))),
        [
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"
        ]
    );
    assert_eq!(
        refusals(deployment(json!({"replicas": -1}))),
        ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]
    );
    let other = deployment(
        json!({"selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}),
    );
    assert_eq!(
        changes(deployment(json!({})), other),
        ["spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"x\":\"y\"}}: field is immutable"]
    );
}

fn job(spec: Value) -> Value {
    let mut object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "d", "uid": "u"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

#[test]
fn a_job_gets_a_selector_and_its_template_stays() {
    let object = ready(job(json!({})));
    assert_eq!(
        object["spec"]["selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}})
    );
    assert_eq!(object["spec"]["template"]["metadata"]["labels"]["job-name"], "j");
    assert_eq!(
        (&object["spec"]["backoffLimit"], &object["spec"]["completions"]),
        (&json!(6), &json!(1))
    );
    assert!(validate_create(&object, true, &ON).is_empty());
    assert_eq!(
        refusals(job(json!({"template": {"spec": {"restartPolicy": "Always"}}}))),
        ["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""]
    );
    assert_eq!(
        refusals(job(
            json!({"completionMode": "Indexed", "parallelism": 2, "completions": null})
        )),
        ["spec.completions: Required value: when completion mode is Indexed"]
    );
    let found = changes(
        job(json!({})),
        job(json!({"template": {"spec": {"nodeSelector": {"a": "b"}}}})),
    );
    assert!(
        found[0].starts_with("spec.template: Invalid value: {") && found[0].ends_with("field is immutable"),
        "{found:?}"
    );
    let suspended = job(json!({"suspend": true}));
    assert!(
        changes(
            suspended,
            job(json!({"template": {"spec": {"nodeSelector": {"a": "b"}}}}))
        )
        .is_empty()
    );
}

fn claim(devices: Value) -> Value {
    json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "c", "namespace": "d"},
        "spec": {"devices": devices}})
}

#[test]
fn claims_are_defaulted_and_checked() {
    let exactly = |more: Value| {
        let mut request = json!({"deviceClassName": "gpu.example.com"});
        json_patch::merge(&mut request, &more);
        json!({"requests": [{"name": "gpu", "exactly": request}]})
    };
    let object = ready(claim(exactly(json!({}))));
    let request = &object["spec"]["devices"]["requests"][0]["exactly"];
    assert_eq!(
        (&request["allocationMode"], &request["count"]),
        (&json!("ExactCount"), &json!(1))
    );
    assert!(validate_create(&object, true, &ON).is_empty());
    let at = "spec.devices.requests[0]";
    for (devices, refusal) in [
        (exactly(json!({"deviceClassName": null})), format!("{at}.exactly.deviceClassName: Required value")),
        (exactly(json!({"count": -1})), format!("{at}.exactly.count: Invalid value: -1: must be greater than zero")),
        (exactly(json!({"allocationMode": "All", "count": 2})), format!("{at}.exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'")),
        (exactly(json!({"selectors": [{"cel": {"expression": "devicee.driver == 'x'"}}]})), format!("{at}.exactly.selectors[0].cel.expression: Invalid value: \"devicee.driver == 'x'\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'devicee' (in container '')")),
        (json!({"requests": [{"name": "gpu"}]}), format!("{at}: Required value: exactly one of `exactly` or `firstAvailable` is required")),
        (json!({"requests": [{"name": "G", "exactly": {"deviceClassName": "c"}}]}), format!("{at}.name: Invalid value: \"G\": a lowercase RFC 1123 label")),
        (json!({"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}, {"name": "a", "exactly": {"deviceClassName": "c"}}]}), "spec.devices.requests[1]: Duplicate value: \"a\"".to_owned()),
        (json!({"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}], "constraints": [{"requests": ["b"], "matchAttribute": "d.e/f"}]}), "spec.devices.constraints[0].requests[0]: Invalid value: \"b\": must be the name of a request in the claim".to_owned()),
    ] {
        let found = refusals(claim(devices));
        assert!(found.iter().any(|found| found.starts_with(&refusal)), "{refusal}\n{found:#?}");
    }
    let found = changes(claim(exactly(json!({}))), claim(exactly(json!({"count": 2}))));
    assert!(
        found[0].starts_with("spec: Invalid value: {") && found[0].ends_with("field is immutable"),
        "{found:?}"
    );
}

#[test]
fn an_allocation_is_made_once_for_requests_of_the_claim() {
    let of = |status: Value| {
        let mut claim = ready(claim(
            json!({"requests": [{"name": "gpu", "exactly": {"deviceClassName": "c"}}]}),
        ));
        claim["status"] = status;
        claim
    };
    let result = |request: &str| json!({"devices": {"results": [{"request": request, "driver": "d", "pool": "p", "device": "x"}]}});
    let consumer = json!([{"resource": "pods", "name": "p", "uid": "u"}]);
    let check = |new: Value, old: Value| -> Vec<String> {
        validate_update(&of(new), &of(old), Some("status"))
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert!(
        check(
            json!({"allocation": result("gpu"), "reservedFor": consumer}),
            json!({})
        )
        .is_empty()
    );
    assert_eq!(
        check(json!({"reservedFor": consumer}), json!({})),
        ["status.reservedFor: Forbidden: may not be specified when `allocated` is not set"]
    );
    assert!(
        check(json!({"allocation": result("tpu")}), json!({}))[0].starts_with(
            "status.allocation.devices.results[0].request: Invalid value: \"tpu\": must be the name"
        )
    );
    assert!(
        check(
            json!({"allocation": result("gpu")}),
            json!({"allocation": result("gpu/x")})
        )[0]
        .ends_with("field is immutable")
    );
    assert!(check(json!({}), json!({"allocation": result("gpu")})).is_empty());
}

#[test]
fn slices_groups_services_and_others_are_checked() {
    for (object, refusal) in [
        (
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": {"driver": "d.e", "pool": {"name": "p", "resourceSliceCount": 1}}}),
            "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
        ),
        (
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": {"driver": "d.e", "nodeName": "n", "pool": {"name": "p", "resourceSliceCount": 1}, "devices": [{"name": "x", "attributes": {"a": {"version": "1"}}}]}}),
            "spec.devices[0].attributes[a].version: Invalid value: \"1\": must be a string compatible with semver.org spec 2.0.0",
        ),
        (
            json!({"apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup", "metadata": {"name": "g", "namespace": "d"}, "spec": {"schedulingPolicy": {"gang": {"minCount": 0}}}}),
            "spec.schedulingPolicy.gang.minCount: Required value",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "d"}, "spec": {}}),
            "spec.ports: Required value",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "S", "namespace": "d"}, "spec": {"ports": [{"port": 80}]}}),
            "metadata.name: Invalid value: \"S\": a lowercase RFC 1123 label",
        ),
        (
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "d"}, "spec": {"minReplicas": 3, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}}),
            "spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`",
        ),
        (
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "d"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
            "spec.accessModes: Required value: at least 1 access mode is required",
        ),
        (
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "d"}, "rules": [{"verbs": ["get"], "apiGroups": [""]}]}),
            "rules[0].resources: Required value: resource rules must supply at least one resource",
        ),
        (
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {"group": "e.x", "scope": "Namespaced", "names": {"plural": "ws", "kind": "W"}, "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": {}}}}}]}}),
            "spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"}, "spec": {"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}, "validations": [{"expression": "foo(object)"}]}}),
            "spec.validations[0].expression: Invalid value: \"foo(object)\": compilation failed: ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')",
        ),
    ] {
        let found = refusals(object);
        assert!(
            found.iter().any(|found| found.starts_with(refusal)),
            "{refusal}\n{found:#?}"
        );
    }
}

#[test]
fn without_its_gate_a_pod_loses_its_group() {
    let off = Features {
        generic_workload: false,
        ..ON
    };
    let mut object = pod(json!({"schedulingGroup": {"podGroupName": "g"}}));
    let mut stored = object.clone();
    prepare_create(&mut object, &off);
    assert_eq!(object["spec"].get("schedulingGroup"), None);
    let old = stored.clone();
    prepare_update(&mut stored, &old, None, &off);
    assert!(stored["spec"].get("schedulingGroup").is_some());
}

#[test]
fn before_its_time_admin_access_is_lost_and_what_is_stored_stays() {
    let old_server = Features { minor: 33, ..ON };
    let claim = json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "c"},
        "spec": {"devices": {"requests": [
            {"name": "a", "exactly": {"deviceClassName": "gpu", "adminAccess": true}},
            {"name": "b", "firstAvailable": [{"name": "c", "deviceClassName": "gpu"}]},
        ]}},
    });
    let mut object = claim.clone();
    prepare_create(&mut object, &old_server);
    assert_eq!(
        object.pointer("/spec/devices/requests/0/exactly"),
        Some(&json!({"deviceClassName": "gpu"}))
    );
    assert_eq!(
        object.pointer("/spec/devices/requests/1"),
        claim.pointer("/spec/devices/requests/1")
    );
    let mut stored = claim.clone();
    prepare_update(&mut stored, &claim, None, &old_server);
    assert_eq!(stored, claim);
    let mut newer = claim.clone();
    prepare_create(&mut newer, &ON);
    assert_eq!(newer, claim);
}

#[test]
fn a_gated_pod_says_so() {
    let pod = ready(pod(json!({"schedulingGates": [{"name": "g"}]})));
    assert_eq!(pod["status"]["conditions"][0]["reason"], "SchedulingGated");
}

proptest! {
    #[test]
    fn no_object_panics(
        mut object in any_json(),
        mut old in any_json(),
        of in prop::sample::select(vec![
            ("v1", "Pod"), ("v1", "PodTemplate"), ("v1", "Service"), ("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Node"),
            ("v1", "Namespace"), ("v1", "LimitRange"), ("v1", "PersistentVolume"), ("v1", "PersistentVolumeClaim"),
            ("v1", "ReplicationController"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"),
            ("batch/v1", "Job"), ("batch/v1", "CronJob"), ("autoscaling/v2", "HorizontalPodAutoscaler"),
            ("resource.k8s.io/v1", "ResourceClaim"), ("resource.k8s.io/v1", "ResourceClaimTemplate"),
            ("resource.k8s.io/v1", "DeviceClass"), ("resource.k8s.io/v1", "ResourceSlice"),
            ("scheduling.k8s.io/v1", "PriorityClass"), ("scheduling.k8s.io/v1alpha2", "PodGroup"),
            ("scheduling.k8s.io/v1alpha1", "Workload"), ("storage.k8s.io/v1", "StorageClass"), ("storage.k8s.io/v1", "CSIDriver"),
            ("node.k8s.io/v1", "RuntimeClass"), ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"), ("networking.k8s.io/v1", "NetworkPolicy"),
            ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"),
            ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("discovery.k8s.io/v1", "EndpointSlice"), ("e.x/v1", "Widget"),
        ]),
    ) {
        for object in [&mut object, &mut old] {
            if let Some(fields) = object.as_object_mut() {
                fields.insert("apiVersion".to_owned(), of.0.into());
                fields.insert("kind".to_owned(), of.1.into());
            }
        }
        if let Some(schema) = Schema::builtin(36, of.0, of.1) {
            let _ = schema.decode(&mut object.clone(), FieldValidation::Strict, &[]);
            schema.default(&mut object.clone());
        }
        let off = Features { generic_workload: false, ..ON };
        default(&mut object);
        prepare_create(&mut object, &off);
        prepare_update(&mut object, &old, Some("status"), &off);
        let _ = (validate_create(&object, true, &ON), validate_update(&object, &old, None), validate_update(&object, &old, Some("status")));
        let _ = changes_generation(&object, &old);
    }
}
