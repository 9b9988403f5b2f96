//! A pod for a Job.

use plimsoll_apiserver::Object;
use serde_json::{Value, json};

use super::{
    super::{
        facts::meta,
        pods::template::{hold, mark, pod_of},
    },
    member::{FAILURES, FINALIZER, IGNORED_FAILURES, INDEX},
    plan,
    tally::{Tally, limit_by_index},
};

/// The variable that tells a container its index.
const VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// The longest first part of a name whose end is generated.
const LONGEST_BASE: usize = 58;

/// A pod for a Job, or for one index of it.
pub(super) fn pod(job: &Value, tally: &Tally, pods: &[Object], index: Option<i64>) -> Value {
    let mut pod = pod_of(job, &job["spec"]["template"]);
    hold(&mut pod, FINALIZER);
    let Some(index) = index else { return pod };
    for field in ["containers", "initContainers"] {
        for container in pod["spec"]
            .get_mut(field)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            tell_index(container);
        }
    }
    mark(&mut pod, "annotations", INDEX, index.to_string());
    mark(&mut pod, "labels", INDEX, index.to_string());
    pod["spec"]["hostname"] = json!(format!("{}-{index}", meta::name(job)));
    let end = format!("-{index}-");
    let mut base = meta::name(job).to_owned();
    base.truncate(LONGEST_BASE - end.len());
    pod["metadata"]["generateName"] = json!(base + &end);
    if limit_by_index(job).is_some() {
        let (failures, ignored) = plan::failures_of_index(job, tally, pods, index);
        mark(&mut pod, "annotations", FAILURES, failures.to_string());
        if ignored > 0 {
            mark(&mut pod, "annotations", IGNORED_FAILURES, ignored.to_string());
        }
    }
    pod
}

fn tell_index(container: &mut Value) {
    let mut variables = meta::items(&container["env"]).to_vec();
    if variables.iter().any(|variable| variable["name"] == VARIABLE) {
        return;
    }
    let path = format!("metadata.labels['{INDEX}']");
    variables.push(json!({"name": VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": path}}}));
    container["env"] = Value::Array(variables);
}
