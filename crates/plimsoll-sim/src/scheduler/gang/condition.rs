//! What is said of a group.

use serde_json::{Value, json};

/// What became of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scheduler) enum Standing {
    /// All that must start together are placed.
    Placed,
    /// It was refused, for this reason.
    Refused(String),
}

/// The minor version of Kubernetes from which on groups have a status.
const STATUS_SINCE: u32 = 36;

/// The minor version from which on the condition says that it is about the first placing only.
const INITIALLY_SINCE: u32 = 37;

/// The conditions of a group with what is said of it now; none where nothing changes, or nothing can be said.
pub(in crate::scheduler) fn conditions(
    group: &Value,
    standing: &Standing,
    minor: u32,
    now: &str,
) -> Option<Value> {
    if minor < STATUS_SINCE {
        return None;
    }
    let kind = if minor < INITIALLY_SINCE {
        "PodGroupScheduled"
    } else {
        "PodGroupInitiallyScheduled"
    };
    let (status, reason, message) = match standing {
        Standing::Placed => ("True", "Scheduled", ""),
        Standing::Refused(why) => ("False", "Unschedulable", why.as_str()),
    };
    let mut conditions = group["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let known = conditions.iter_mut().find(|condition| condition["type"] == kind);
    // Once placed, it stays so whatever becomes of later members.
    if known
        .as_ref()
        .is_some_and(|known| known["status"] == "True" && status != "True")
    {
        return None;
    }
    let since = match &known {
        Some(known) if known["status"] == status => known["lastTransitionTime"].clone(),
        _ => json!(now),
    };
    let mut condition = json!({
        "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
    });
    if let Some(generation) = group["metadata"]["generation"].as_i64() {
        condition["observedGeneration"] = json!(generation);
    }
    match known {
        Some(known) if *known == condition => return None,
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
    Some(Value::Array(conditions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_says_why_it_waits_and_then_for_good_that_it_was_placed() {
        let mut group = json!({"metadata": {"generation": 2}});
        let refused = Standing::Refused("room for 3".to_owned());
        let said = conditions(&group, &refused, 36, "t0").unwrap();
        assert_eq!(
            said,
            json!([{"type": "PodGroupScheduled", "status": "False", "reason": "Unschedulable", "message": "room for 3",
                    "observedGeneration": 2, "lastTransitionTime": "t0"}])
        );
        group["status"]["conditions"] = said;
        assert_eq!(conditions(&group, &refused, 36, "t1"), None);
        let placed = conditions(&group, &Standing::Placed, 36, "t2").unwrap();
        assert_eq!(
            (&placed[0]["status"], &placed[0]["lastTransitionTime"]),
            (&json!("True"), &json!("t2"))
        );
        group["status"]["conditions"] = placed;
        assert_eq!(conditions(&group, &refused, 36, "t3"), None);
    }

    #[test]
    fn the_condition_is_called_by_its_version() {
        let kind =
            |minor| conditions(&json!({}), &Standing::Placed, minor, "t").map(|said| said[0]["type"].clone());
        assert_eq!(kind(35), None);
        assert_eq!(kind(36), Some(json!("PodGroupScheduled")));
        assert_eq!(kind(37), Some(json!("PodGroupInitiallyScheduled")));
    }
}
