//! Pods, and the templates for them.

mod container;
mod resources;
mod update;
mod volume;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{formed, metadata, names, one_of, printed, quoting, read, selector};
use crate::{
    Quantity,
    schema::{Cause, path::Path},
};

/// What is wrong with a pod, or with what it is changed to.
pub(super) fn check(pod: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    check_spec(&pod["spec"], &Path::new("spec"), causes);
    if let Some(old) = old {
        update::check(&pod["spec"], &old["spec"], causes);
    }
}

/// What is wrong with the containers that are added for a look.
pub(super) fn check_ephemeral(pod: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let path = Path::new("spec").child("ephemeralContainers");
    let containers = read::list(&pod["spec"], "ephemeralContainers");
    for before in read::list(&old["spec"], "ephemeralContainers") {
        let name = read::text(before, "name");
        match containers
            .iter()
            .find(|container| read::text(container, "name") == name)
        {
            None => causes.push(Cause::forbidden(
                &path,
                &format!("existing ephemeral containers \"{name}\" may not be removed\n"),
            )),
            Some(container) if container != before => {
                let detail = format!("existing ephemeral containers \"{name}\" may not be changed\n");
                causes.push(Cause::forbidden(&path, &detail));
            }
            Some(_) => {}
        }
    }
    check_spec(&pod["spec"], &Path::new("spec"), causes);
}

/// What is wrong with a template for pods.
pub(super) fn check_template(template: &Value, path: &Path, causes: &mut Vec<Cause>) {
    metadata::check_labels(&template["metadata"]["labels"], &path.child("labels"), causes);
    metadata::check_annotations(
        &template["metadata"]["annotations"],
        &path.child("annotations"),
        causes,
    );
    check_spec(&template["spec"], &path.child("spec"), causes);
    if !read::list(&template["spec"], "ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        causes.push(Cause::forbidden(
            path.child("spec").child("ephemeralContainers"),
            detail,
        ));
    }
}

fn check_spec(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let volumes = volume::check(spec, &path.child("volumes"), causes);
    let claims = check_claims(spec, &path.child("resourceClaims"), causes);
    let known = container::Known {
        volumes: &volumes,
        claims: &claims,
    };
    container::check_all(spec, &known, path, causes);
    resources::check_pod_level(spec, &path.child("resources"), causes);
    check_host_network(spec, path, causes);
    one_of(
        spec,
        "restartPolicy",
        &["Always", "OnFailure", "Never"],
        path,
        causes,
    );
    one_of(
        spec,
        "dnsPolicy",
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        path,
        causes,
    );
    metadata::check_labels(&spec["nodeSelector"], &path.child("nodeSelector"), causes);
    check_affinity(&spec["affinity"], &path.child("affinity"), causes);
    check_gates(spec, &path.child("schedulingGates"), causes);
    check_spread(spec, &path.child("topologySpreadConstraints"), causes);
    for (field, check) in [
        (
            "serviceAccountName",
            names::dns1123_subdomain as fn(&str) -> Vec<String>,
        ),
        ("nodeName", names::dns1123_subdomain),
        ("priorityClassName", names::dns1123_subdomain),
        ("runtimeClassName", names::dns1123_subdomain),
        ("hostname", names::dns1123_label),
        ("subdomain", names::dns1123_label),
    ] {
        let text = read::text(spec, field);
        if !text.is_empty() {
            formed(text, check(text), &path.child(field), causes);
        }
    }
    if let Some(seconds) = read::whole(spec, "activeDeadlineSeconds").filter(|seconds| *seconds < 1) {
        let detail = format!("must be between 1 and {}, inclusive", i32::MAX);
        causes.push(Cause::invalid(
            path.child("activeDeadlineSeconds"),
            &seconds.into(),
            &detail,
        ));
    }
    check_tolerations(spec, &path.child("tolerations"), causes);
    let policy = read::text(spec, "preemptionPolicy");
    if !policy.is_empty() {
        one_of(
            spec,
            "preemptionPolicy",
            &["PreemptLowerPriority", "Never"],
            path,
            causes,
        );
    }
    if read::has(spec, "schedulingGroup") {
        let group = read::text_at(spec, "/schedulingGroup/podGroupName");
        let path = path.child("schedulingGroup").child("podGroupName");
        match group {
            "" => causes.push(Cause::invalid(
                path,
                &Value::Null,
                "must specify one of: `podGroupName`",
            )),
            group => formed(group, names::dns1123_subdomain(group), &path, causes),
        }
    }
    if read::has(spec, "workloadRef") {
        let path = path.child("workloadRef");
        for field in ["name", "podGroup"] {
            if read::text(&spec["workloadRef"], field).is_empty() {
                causes.push(Cause::required(path.child(field), ""));
            }
        }
    }
}

fn check_claims<'a>(spec: &'a Value, path: &Path, causes: &mut Vec<Cause>) -> BTreeSet<&'a str> {
    let mut known = BTreeSet::new();
    for (index, claim) in read::list(spec, "resourceClaims").iter().enumerate() {
        let path = path.index(index);
        match read::text(claim, "name") {
            "" => causes.push(Cause::required(path.child("name"), "")),
            name if known.contains(name) => causes.push(Cause::duplicate(path.child("name"), &name.into())),
            name => {
                formed(name, names::dns1123_label(name), &path.child("name"), causes);
                known.insert(name);
            }
        }
        let (by_name, by_template) = (
            read::has(claim, "resourceClaimName"),
            read::has(claim, "resourceClaimTemplateName"),
        );
        if by_name && by_template {
            let detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
            causes.push(quoting(&printed::POD_CLAIM, claim, &path, detail));
        }
        if !by_name && !by_template {
            let detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            causes.push(quoting(&printed::POD_CLAIM, claim, &path, detail));
        }
        for field in ["resourceClaimName", "resourceClaimTemplateName"] {
            if read::has(claim, field) {
                let text = read::text(claim, field);
                formed(text, names::dns1123_subdomain(text), &path.child(field), causes);
            }
        }
    }
    known
}

fn check_host_network(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    if !read::is(spec, "hostNetwork") {
        return;
    }
    for list in ["containers", "initContainers"] {
        for (index, container) in read::list(spec, list).iter().enumerate() {
            for (number, port) in read::list(container, "ports").iter().enumerate() {
                if read::whole(port, "hostPort") != read::whole(port, "containerPort") {
                    let path = path
                        .child(list)
                        .index(index)
                        .child("ports")
                        .index(number)
                        .child("hostPort");
                    let detail = "must match `containerPort` when `hostNetwork` is true";
                    causes.push(Cause::invalid(path, &port["hostPort"], detail));
                }
            }
        }
    }
}

fn check_gates(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, gate) in read::list(spec, "schedulingGates").iter().enumerate() {
        let name = read::text(gate, "name");
        formed(name, names::qualified_name(name), &path.index(index), causes);
        if !seen.insert(name) {
            causes.push(Cause::duplicate(path.index(index), &name.into()));
        }
    }
}

fn check_spread(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for (index, constraint) in read::list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = path.index(index);
        if read::whole(constraint, "maxSkew").unwrap_or_default() <= 0 {
            causes.push(Cause::invalid(
                path.child("maxSkew"),
                &constraint["maxSkew"],
                "must be greater than zero",
            ));
        }
        if read::text(constraint, "topologyKey").is_empty() {
            causes.push(Cause::required(path.child("topologyKey"), "can not be empty"));
        }
        one_of(
            constraint,
            "whenUnsatisfiable",
            &["DoNotSchedule", "ScheduleAnyway"],
            &path,
            causes,
        );
        selector::check(&constraint["labelSelector"], &path.child("labelSelector"), causes);
    }
}

/// What is wrong with tolerations.
fn check_tolerations(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for (index, toleration) in read::list(spec, "tolerations").iter().enumerate() {
        let path = path.index(index);
        let (key, operator) = (read::text(toleration, "key"), read::text(toleration, "operator"));
        let (value, effect) = (read::text(toleration, "value"), read::text(toleration, "effect"));
        if !key.is_empty() {
            formed(key, names::qualified_name(key), &path.child("key"), causes);
        } else if operator != "Exists" {
            let detail =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            causes.push(Cause::invalid(path.child("operator"), &operator.into(), detail));
        }
        if read::has(toleration, "tolerationSeconds") && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            causes.push(Cause::invalid(path.child("effect"), &effect.into(), detail));
        }
        match operator {
            "" | "Equal" => {
                let wrong = names::label_value(value);
                if !wrong.is_empty() {
                    causes.push(Cause::invalid(
                        path.child("operator"),
                        &value.into(),
                        &wrong.join(";"),
                    ));
                }
            }
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                causes.push(Cause::invalid(path.child("operator"), &value.into(), detail));
            }
            "Exists" => {}
            other => causes.push(Cause::not_supported(
                path.child("operator"),
                &other.into(),
                &["Equal", "Exists"],
            )),
        }
        if !effect.is_empty() {
            one_of(
                toleration,
                "effect",
                &["NoSchedule", "PreferNoSchedule", "NoExecute"],
                &path,
                causes,
            );
        }
    }
}

fn check_affinity(affinity: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let node = &affinity["nodeAffinity"];
    let path_of_node = path.child("nodeAffinity");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    if read::has(node, required) {
        check_node_selector(&node[required], &path_of_node.child(required), causes);
    }
    for (index, term) in read::list(node, preferred).iter().enumerate() {
        let path = path_of_node.child(preferred).index(index);
        check_weight(term, &path, causes);
        check_node_term(&term["preference"], &path.child("preference"), causes);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let path = path.child(kind);
        for (index, term) in read::list(&affinity[kind], required).iter().enumerate() {
            check_pod_term(term, &path.child(required).index(index), causes);
        }
        for (index, term) in read::list(&affinity[kind], preferred).iter().enumerate() {
            let path = path.child(preferred).index(index);
            check_weight(term, &path, causes);
            check_pod_term(&term["podAffinityTerm"], &path.child("podAffinityTerm"), causes);
        }
    }
}

fn check_weight(term: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let weight = read::whole(term, "weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        causes.push(Cause::invalid(
            path.child("weight"),
            &weight.into(),
            "must be in the range 1-100",
        ));
    }
}

fn check_pod_term(term: &Value, path: &Path, causes: &mut Vec<Cause>) {
    selector::check(&term["labelSelector"], &path.child("labelSelector"), causes);
    let (key, path) = (read::text(term, "topologyKey"), path.child("topologyKey"));
    if key.is_empty() {
        causes.push(Cause::required(&path, "can not be empty"));
    }
    formed(key, names::qualified_name(key), &path, causes);
}

/// What is wrong with a selector of nodes.
pub(super) fn check_node_selector(selector: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let terms = read::list(selector, "nodeSelectorTerms");
    let path = path.child("nodeSelectorTerms");
    if terms.is_empty() {
        causes.push(Cause::required(
            &path,
            "must have at least one node selector term",
        ));
    }
    for (index, term) in terms.iter().enumerate() {
        check_node_term(term, &path.index(index), causes);
    }
}

fn check_node_term(term: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for (index, requirement) in read::list(term, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(index);
        let values = read::list(requirement, "values");
        let key = read::text(requirement, "key");
        match read::text(requirement, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                causes.push(Cause::required(
                    path.child("values"),
                    "must be specified when `operator` is 'In' or 'NotIn'",
                ));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                causes.push(Cause::forbidden(path.child("values"), detail));
            }
            "Gt" | "Lt" if values.len() != 1 => {
                let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                causes.push(Cause::required(path.child("values"), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            other => causes.push(Cause::invalid(
                path.child("operator"),
                &other.into(),
                "not a valid selector operator",
            )),
        }
        formed(key, names::qualified_name(key), &path.child("key"), causes);
    }
}

/// How well a pod is looked after where resources are short.
pub(super) fn qos_class(spec: &Value) -> &'static str {
    let containers = || {
        read::list(spec, "containers")
            .iter()
            .chain(read::list(spec, "initContainers"))
    };
    let amount = |container: &Value, kind: &str, name: &str| {
        let amount = container
            .pointer(&format!("/resources/{kind}/{name}"))
            .and_then(Quantity::read);
        amount.filter(|amount| !amount.is_zero())
    };
    let mut is_best_effort = true;
    let mut is_guaranteed = true;
    for container in containers() {
        for name in ["cpu", "memory"] {
            let (request, limit) = (
                amount(container, "requests", name),
                amount(container, "limits", name),
            );
            is_best_effort &= request.is_none() && limit.is_none();
            is_guaranteed &= limit.is_some() && request.is_none_or(|request| Some(request) == limit);
        }
    }
    match (is_best_effort, is_guaranteed) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}
