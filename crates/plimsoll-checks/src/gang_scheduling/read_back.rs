//! What the API server stored, compared with what it was sent: a gate that is off drops a field without a word,
//! and an admission policy may change one.

use serde_json::Value;

use super::adapter::Standing;
use crate::probe_pod::Ruling;

/// Rules on a group whose members were `placed`, or should have been: does it say so itself?
pub(super) fn observation(stored: &str, standing: Option<Standing>, placed: bool) -> Ruling {
    match standing {
        None => Ruling::Right(format!("{stored}; this version has no status to observe")),
        Some(Standing::Placed(said)) => Ruling::Right(format!("{stored}; the group says {said}")),
        Some(Standing::Refused(said) | Standing::Other(said)) if placed => {
            Ruling::Wrong(format!("all members were bound, but the group says {said}"))
        }
        // It was observed; that it does not start is for G1 to say.
        Some(Standing::Refused(said) | Standing::Other(said)) => {
            Ruling::Right(format!("{stored}; the group says {said}"))
        }
        Some(Standing::Unobserved) if placed => Ruling::Wrong(
            "the group's status has no condition although its members were bound: the API accepts groups and \
             enforces nothing"
                .to_owned(),
        ),
        Some(Standing::Unobserved) => {
            Ruling::Wrong("the group's status has no condition: no component observes it".to_owned())
        }
    }
}

/// What is different in `stored` about everything that was `sent`, as text to follow a field's name; none if
/// all of it is there. What the server added is no difference.
pub(super) fn difference(sent: &Value, stored: Option<&Value>) -> Option<String> {
    let Some(stored) = stored.filter(|stored| !stored.is_null()) else {
        return Some(format!(" was dropped ({sent} was sent)"));
    };
    match (sent, stored) {
        (Value::Object(fields), Value::Object(there)) => fields
            .iter()
            .find_map(|(key, value)| difference(value, there.get(key)).map(|what| format!(".{key}{what}"))),
        (Value::Array(items), Value::Array(there)) if items.len() == there.len() => items
            .iter()
            .zip(there)
            .enumerate()
            .find_map(|(i, (item, found))| difference(item, Some(found)).map(|what| format!("[{i}]{what}"))),
        _ if sent == stored => None,
        _ => Some(format!(" is {stored} where {sent} was sent")),
    }
}

/// What is different about the spec of an object that was stored.
pub(super) fn spec_difference(sent: &Value, stored: &Value) -> Option<String> {
    let kind = sent["kind"].as_str().unwrap_or("object");
    difference(&sent["spec"], stored.get("spec")).map(|what| format!("the stored {kind}'s spec{what}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_adds_is_no_difference() {
        let sent = json!({"spec": {"a": 1, "l": [{"n": "x"}]}});
        let stored = json!({"spec": {"a": 1, "b": 2, "l": [{"n": "x", "d": true}]}, "status": {}});
        assert_eq!(spec_difference(&sent, &stored), None);
    }

    #[test]
    fn a_changed_field_is_named_with_both_values() {
        let sent = json!({"kind": "PodGroup", "spec": {"schedulingPolicy": {"gang": {"minCount": 3}}}});
        let stored = json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 1}}}});
        let expected = "the stored PodGroup's spec.schedulingPolicy.gang.minCount is 1 where 3 was sent";
        assert_eq!(spec_difference(&sent, &stored).as_deref(), Some(expected));
    }

    #[test]
    fn a_dropped_field_is_named() {
        let sent = json!({"kind": "PodGroup", "spec": {"schedulingPolicy": {"gang": {"minCount": 3}}}});
        for stored in [
            json!({}),
            json!({"spec": null}),
            json!({"spec": {}}),
            json!({"spec": {"schedulingPolicy": null}}),
        ] {
            assert!(
                spec_difference(&sent, &stored).unwrap().contains("dropped"),
                "{stored}"
            );
        }
    }

    #[test]
    fn a_group_nobody_observed_is_enforced_by_nobody() {
        for placed in [true, false] {
            assert!(observation("s", Some(Standing::Unobserved), placed).is_wrong());
        }
        assert!(observation("s", None, true).is_right());
        assert!(observation("s", Some(Standing::Placed("p".to_owned())), true).is_right());
        assert!(observation("s", Some(Standing::Refused("r".to_owned())), true).is_wrong());
        assert!(observation("s", Some(Standing::Refused("r".to_owned())), false).is_right());
    }

    #[test]
    fn a_list_of_another_length_is_a_difference() {
        assert!(difference(&json!([1, 2]), Some(&json!([1]))).is_some());
        assert_eq!(difference(&json!([]), Some(&json!([]))), None);
    }
}
