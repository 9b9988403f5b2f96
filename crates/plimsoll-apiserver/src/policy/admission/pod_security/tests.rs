use serde_json::json;

use super::{level::Level, *};
use crate::{User, policy::world::World};

/// A pod that every level accepts, with some fields changed.
fn pod(change: Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": "p", "annotations": {}},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "c",
                "image": "i",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    });
    for (of, field) in [
        ("/spec", "spec"),
        ("/metadata/annotations", "annotations"),
        ("/spec/containers/0", "container"),
    ] {
        if let Some(change) = change.get(field) {
            json_patch::merge(pod.pointer_mut(of).unwrap(), change);
        }
    }
    pod
}

fn found(level: Level, version: Option<u32>, minor: u32, pod: &Value) -> String {
    findings(Demand { level, version }, minor, &Subject::of(pod)).details()
}

#[test]
fn each_rule_of_the_baseline_refuses_its_pod_and_accepts_the_near_miss() {
    for (violates, detail, near_miss) in [
        (
            json!({"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}}),
            r#"forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined"")"#,
            json!({"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "localhost/x"}}),
        ),
        (
            json!({"spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}}),
            r#"forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")"#,
            json!({"spec": {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}}),
        ),
        (
            json!({"container": {"securityContext": {"capabilities": {"add": ["NET_RAW", "SYS_ADMIN", "KILL"]}}}}),
            r#"non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)"#,
            json!({"container": {"securityContext": {"capabilities": {"add": ["KILL"]}}}}),
        ),
        (
            json!({"spec": {"hostNetwork": true, "hostIPC": true}}),
            "host namespaces (hostNetwork=true, hostIPC=true)",
            json!({"spec": {"hostNetwork": false}}),
        ),
        (
            json!({"spec": {"volumes": [{"name": "dev", "hostPath": {"path": "/dev"}}]}}),
            r#"hostPath volumes (volume "dev")"#,
            json!({"spec": {"volumes": [{"name": "dev", "emptyDir": {}}]}}),
        ),
        (
            json!({"container": {"ports": [{"hostPort": 80, "containerPort": 80}]}}),
            r#"hostPort (container "c" uses hostPort 80)"#,
            json!({"container": {"ports": [{"hostPort": 0, "containerPort": 80}]}}),
        ),
        (
            json!({"container": {"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}}),
            r#"probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")"#,
            json!({"container": {"livenessProbe": {"httpGet": {"port": 80}}}}),
        ),
        (
            json!({"container": {"securityContext": {"privileged": true}}}),
            r#"privileged (container "c" must not set securityContext.privileged=true)"#,
            json!({"container": {"securityContext": {"privileged": false}}}),
        ),
        (
            json!({"container": {"securityContext": {"procMount": "Unmasked"}}}),
            r#"procMount (container "c" must not set securityContext.procMount to "Unmasked")"#,
            json!({"spec": {"hostUsers": false}, "container": {"securityContext": {"procMount": "Unmasked"}}}),
        ),
        (
            json!({"container": {"securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u"}}}}),
            r#"seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)"#,
            json!({"container": {"securityContext": {"seLinuxOptions": {"type": "container_engine_t"}}}}),
        ),
        (
            json!({"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}}),
            r#"seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")"#,
            json!({"spec": {"securityContext": {"seccompProfile": null}}}),
        ),
        (
            json!({"spec": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}}),
            "forbidden sysctls (kernel.msgmax)",
            json!({"spec": {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}}}),
        ),
        (
            json!({"spec": {"securityContext": {"windowsOptions": {"hostProcess": true}}}}),
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
            json!({"spec": {"securityContext": {"windowsOptions": {"hostProcess": false}}}}),
        ),
    ] {
        assert_eq!(found(Level::Baseline, None, 36, &pod(violates.clone())), detail);
        assert_eq!(
            found(Level::Baseline, None, 36, &pod(near_miss.clone())),
            "",
            "{near_miss}"
        );
        assert_eq!(found(Level::Privileged, None, 36, &pod(violates)), "");
    }
}

#[test]
fn each_rule_of_restricted_refuses_its_pod_and_accepts_the_near_miss() {
    for (violates, detail, near_miss) in [
        (
            json!({"container": {"securityContext": {"allowPrivilegeEscalation": null}}}),
            r#"allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)"#,
            json!({"spec": {"os": {"name": "windows"}}, "container": {"securityContext": {"allowPrivilegeEscalation": null}}}),
        ),
        (
            json!({"container": {"securityContext": {"capabilities": {"drop": ["KILL"], "add": ["CHOWN"]}}}}),
            r#"unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "CHOWN" in securityContext.capabilities.add)"#,
            json!({"container": {"securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}}}),
        ),
        (
            json!({"spec": {"hostUsers": false}, "container": {"securityContext": {"procMount": "Unmasked"}}}),
            r#"procMount (container "c" must not set securityContext.procMount to "Unmasked")"#,
            json!({"container": {"securityContext": {"procMount": "Default"}}}),
        ),
        (
            json!({"spec": {"volumes": [{"name": "a", "nfs": {}}, {"name": "b", "hostPath": {}}]}}),
            r#"restricted volume types (volumes "a", "b" use restricted volume types "hostPath", "nfs")"#,
            json!({"spec": {"volumes": [{"name": "a", "csi": {}}, {"name": "b", "projected": {}}]}}),
        ),
        (
            json!({"spec": {"securityContext": {"runAsNonRoot": null}}}),
            r#"runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)"#,
            json!({"spec": {"securityContext": {"runAsNonRoot": null}}, "container": {"securityContext": {"runAsNonRoot": true}}}),
        ),
        (
            json!({"container": {"securityContext": {"runAsNonRoot": false}}}),
            r#"runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)"#,
            json!({"spec": {"hostUsers": false}, "container": {"securityContext": {"runAsNonRoot": false}}}),
        ),
        (
            json!({"spec": {"securityContext": {"runAsUser": 0}}, "container": {"securityContext": {"runAsUser": 0}}}),
            r#"runAsUser=0 (pod and container "c" must not set runAsUser=0)"#,
            json!({"spec": {"securityContext": {"runAsUser": 1}}}),
        ),
        (
            json!({"spec": {"securityContext": {"seccompProfile": null}}}),
            r#"seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#,
            json!({"spec": {"securityContext": {"seccompProfile": null}}, "container": {"securityContext": {"seccompProfile": {"type": "Localhost"}}}}),
        ),
    ] {
        assert_eq!(found(Level::Restricted, None, 36, &pod(violates)), detail);
        assert_eq!(
            found(Level::Restricted, None, 36, &pod(near_miss.clone())),
            "",
            "{near_miss}"
        );
    }
}

#[test]
fn restricted_refuses_what_the_baseline_refuses() {
    let both = pod(json!({"spec": {"hostPID": true, "securityContext": {"runAsNonRoot": null}}}));
    assert_eq!(
        found(Level::Restricted, None, 36, &both),
        "host namespaces (hostPID=true), runAsNonRoot != true (pod or container \"c\" must set \
         securityContext.runAsNonRoot=true)"
    );
}

#[test]
fn rules_are_those_of_the_wanted_version_and_never_newer_than_the_server() {
    let probed = pod(json!({"container": {"livenessProbe": {"httpGet": {"host": "h"}}}}));
    assert_eq!(found(Level::Baseline, Some(33), 36, &probed), "");
    assert_ne!(found(Level::Baseline, Some(34), 36, &probed), "");
    assert_eq!(found(Level::Baseline, None, 33, &probed), "");
    assert_ne!(found(Level::Baseline, Some(40), 36, &probed), "");
}

fn namespace(labels: Value) -> Value {
    json!({"metadata": {"name": "ns", "labels": labels}})
}

fn request(of: &crate::GroupResource, kind: &str, object: Value) -> Request {
    let mut request = Request::new(User::named("u", &[]), Operation::Create, of.clone(), "v1", kind);
    request.namespace = Some("ns".to_owned());
    request.name = meta(&object, "name").to_owned();
    request.object = Some(object);
    request
}

#[test]
fn a_pod_is_refused_in_the_servers_words() {
    let world = World::default().with(
        &resources::NAMESPACES,
        namespace(json!({"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted"})),
    );
    let privileged = pod(json!({"container": {"securityContext": {"privileged": true}}}));
    let mut refused = request(&resources::PODS, "Pod", privileged);
    assert_eq!(
        validate(&world, 36, &mut refused).unwrap_err().message,
        "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": privileged (container \"c\" must not set \
         securityContext.privileged=true)"
    );
    let mut warned = request(
        &resources::PODS,
        "Pod",
        pod(json!({"spec": {"securityContext": {"runAsUser": 0}}})),
    );
    assert_eq!(validate(&world, 36, &mut warned), Ok(()));
    assert_eq!(
        warned.warnings,
        ["would violate PodSecurity \"restricted:latest\": runAsUser=0 (pod must not set runAsUser=0)"]
    );
}

#[test]
fn workloads_are_warned_about_what_their_pods_would_be_refused_for() {
    let world = World::default().with(
        &resources::NAMESPACES,
        namespace(json!({"pod-security.kubernetes.io/enforce": "baseline"})),
    );
    let template = pod(json!({"spec": {"hostNetwork": true}}));
    for (of, object) in [
        (
            resources::DEPLOYMENTS,
            json!({"metadata": {"name": "d"}, "spec": {"template": template}}),
        ),
        (
            resources::JOBS,
            json!({"metadata": {"name": "j"}, "spec": {"template": template}}),
        ),
        (
            resources::CRON_JOBS,
            json!({"metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": template}}}}),
        ),
    ] {
        let mut request = request(&of, "Any", object);
        assert_eq!(validate(&world, 36, &mut request), Ok(()));
        assert_eq!(
            request.warnings,
            ["would violate PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)"],
            "{of}"
        );
    }
}

#[test]
fn labels_that_make_no_sense_are_refused_and_changes_tell_of_pods_in_the_way() {
    let labels = json!({"pod-security.kubernetes.io/enforce": "strict"});
    let mut wrong = request(&resources::NAMESPACES, "Namespace", namespace(labels));
    assert_eq!(
        validate(&World::default(), 36, &mut wrong).unwrap_err().message,
        "Namespace \"ns\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": \
         must be one of privileged, baseline, restricted"
    );
    let mut world = World::default();
    for name in ["a", "b"] {
        let mut pod = pod(json!({"spec": {"hostNetwork": true}}));
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["namespace"] = json!("ns");
        world.put(&resources::PODS, pod);
    }
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    let mut stricter = request(&resources::NAMESPACES, "Namespace", namespace(labels));
    stricter.operation = Operation::Update;
    stricter.old = Some(namespace(json!({})).into());
    assert_eq!(validate(&world, 36, &mut stricter), Ok(()));
    assert_eq!(
        stricter.warnings,
        [
            "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "a (and 1 other pod): host namespaces",
        ]
    );
}

#[test]
fn an_update_that_brings_no_image_is_not_judged_again() {
    let world = World::default().with(
        &resources::NAMESPACES,
        namespace(json!({"pod-security.kubernetes.io/enforce": "restricted"})),
    );
    let old = pod(json!({"spec": {"hostNetwork": true}}));
    for (change, judged) in [(json!({}), false), (json!({"container": {"image": "new"}}), true)] {
        let mut change = change;
        change["spec"] = json!({"hostNetwork": true});
        let mut request = request(&resources::PODS, "Pod", pod(change));
        request.operation = Operation::Update;
        request.old = Some(old.clone().into());
        assert_eq!(validate(&world, 36, &mut request).is_err(), judged);
    }
}
