//! What a Job's policies make of pods that failed and of indexes that succeeded.

use serde_json::Value;

use super::{
    super::facts::meta::{self, items},
    indexes::Indexes,
};

/// What becomes of a pod's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It counts.
    Counts,
    /// It doesn't.
    Ignored,
    /// It fails the pod's index.
    FailsIndex,
    /// It fails the Job; the message.
    FailsJob(String),
}

impl Failure {
    /// Whether it counts towards a limit.
    pub(super) fn counts(&self) -> bool {
        *self != Self::Ignored
    }
}

/// The first rule that a failed pod matches.
pub(super) fn of_failed(job: &Value, pod: &Value) -> Failure {
    for (index, rule) in items(&job["spec"]["podFailurePolicy"]["rules"])
        .iter()
        .enumerate()
    {
        let action = rule["action"].as_str().unwrap_or_default();
        let place = format!("{}/{}", meta::namespace(pod), meta::name(pod));
        let message = if rule["onExitCodes"].is_object() {
            let Some((container, code)) = matching_container(pod, &rule["onExitCodes"]) else {
                continue;
            };
            format!(
                "Container {container} for pod {place} failed with exit code {code} matching {action} rule at index {index}"
            )
        } else {
            let Some(condition) = matching_condition(pod, &rule["onPodConditions"]) else {
                continue;
            };
            format!("Pod {place} has condition {condition} matching {action} rule at index {index}")
        };
        match action {
            "Ignore" => return Failure::Ignored,
            "FailIndex" => return Failure::FailsIndex,
            "FailJob" => return Failure::FailsJob(message),
            "Count" => return Failure::Counts,
            _ => {}
        }
    }
    Failure::Counts
}

fn matching_container<'a>(pod: &'a Value, rule: &Value) -> Option<(&'a str, i64)> {
    ["containerStatuses", "initContainerStatuses"]
        .iter()
        .flat_map(|field| items(&pod["status"][*field]))
        .find_map(|status| {
            let code = status["state"]["terminated"]["exitCode"]
                .as_i64()
                .filter(|code| *code != 0)?;
            let name = status["name"].as_str()?;
            if rule["containerName"]
                .as_str()
                .is_some_and(|wanted| wanted != name)
            {
                return None;
            }
            let listed = items(&rule["values"])
                .iter()
                .any(|value| value.as_i64() == Some(code));
            let matches = match rule["operator"].as_str() {
                Some("In") => listed,
                Some("NotIn") => !listed,
                _ => false,
            };
            matches.then_some((name, code))
        })
}

fn matching_condition<'a>(pod: &'a Value, patterns: &Value) -> Option<&'a str> {
    items(&pod["status"]["conditions"]).iter().find_map(|condition| {
        items(patterns)
            .iter()
            .any(|pattern| {
                pattern["type"] == condition["type"]
                    && pattern["status"].as_str().unwrap_or("True")
                        == condition["status"].as_str().unwrap_or_default()
            })
            .then(|| condition["type"].as_str())
            .flatten()
    })
}

/// The index of the success rule that the completed indexes satisfy.
pub(super) fn success_rule(job: &Value, completed: &Indexes, completions: i64) -> Option<usize> {
    if completed.len() == 0 {
        return None;
    }
    items(&job["spec"]["successPolicy"]["rules"])
        .iter()
        .position(|rule| {
            let count = rule["succeededCount"].as_i64();
            match rule["succeededIndexes"].as_str() {
                Some(text) => {
                    let wanted = Indexes::parse(text, completions);
                    let overlap = wanted.overlap(completed);
                    wanted.len() > 0
                        && (overlap == wanted.len() || count.is_some_and(|count| overlap >= count))
                }
                None => count.is_some_and(|count| completed.len() >= count),
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_matching_rule_decides() {
        let job = json!({"spec": {"podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
            {"action": "FailIndex", "onExitCodes": {"operator": "NotIn", "values": [1]}},
        ]}}});
        let pod = |code: i64, disrupted: bool| {
            json!({"metadata": {"namespace": "n", "name": "p"}, "status": {
                "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": code}}}],
                "conditions": if disrupted { json!([{"type": "DisruptionTarget", "status": "True"}]) } else { json!([]) }}})
        };
        assert_eq!(of_failed(&job, &pod(42, true)), Failure::Ignored);
        assert_eq!(
            of_failed(&job, &pod(42, false)),
            Failure::FailsJob(
                "Container main for pod n/p failed with exit code 42 matching FailJob rule at index 1"
                    .to_owned()
            )
        );
        assert_eq!(of_failed(&job, &pod(3, false)), Failure::FailsIndex);
        assert_eq!(of_failed(&job, &pod(1, false)), Failure::Counts);
    }

    #[test]
    fn a_success_rule_wants_certain_indexes_or_so_many_of_them() {
        let job = json!({"spec": {"successPolicy": {"rules": [
            {"succeededIndexes": "0"}, {"succeededIndexes": "2-4", "succeededCount": 2}]}}});
        let rule = |indexes: &[i64]| success_rule(&job, &indexes.iter().copied().collect(), 5);
        assert_eq!(rule(&[1, 2]), None);
        assert_eq!(rule(&[0]), Some(0));
        assert_eq!(rule(&[2, 4]), Some(1));
    }
}
