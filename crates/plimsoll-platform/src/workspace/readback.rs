//! Comparing what was stored with what was sent: disabled feature gates drop fields without a word.

use serde_json::Value;

/// The fields of `sent` that `stored` does not have, as paths such as `/spec/schedulingGroup`. Values are not
/// compared: the API server writes some in another form.
#[must_use]
pub fn lost_fields(sent: &Value, stored: &Value) -> Vec<String> {
    let mut lost = Vec::new();
    compare(sent, stored, &mut String::new(), &mut lost);
    lost
}

fn compare(sent: &Value, stored: &Value, path: &mut String, lost: &mut Vec<String>) {
    let length = path.len();
    match (sent, stored) {
        (Value::Object(sent), Value::Object(stored)) => {
            for (name, value) in sent {
                path.push('/');
                path.push_str(name);
                match stored.get(name) {
                    Some(stored) => compare(value, stored, path, lost),
                    None if is_empty(value) => {}
                    None => lost.push(path.clone()),
                }
                path.truncate(length);
            }
        }
        (Value::Array(sent), Value::Array(stored)) => {
            for (index, value) in sent.iter().enumerate() {
                path.push_str(&format!("/{index}"));
                match stored.get(index) {
                    Some(stored) => compare(value, stored, path, lost),
                    None => lost.push(path.clone()),
                }
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// What the API server may leave out since it says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dropped_field_is_found_wherever_it_is() {
        let sent = json!({"spec": {"schedulingGroup": {"podGroupName": "g"}, "containers": [{"name": "c", "x": 1}]}});
        let stored = json!({"spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"}});
        assert_eq!(
            lost_fields(&sent, &stored),
            ["/spec/containers/0/x", "/spec/schedulingGroup"]
        );
    }

    #[test]
    fn other_forms_additions_and_empty_fields_are_no_loss() {
        let sent = json!({"cpu": "1000m", "labels": {}, "hostNetwork": false, "list": []});
        let stored = json!({"cpu": "1", "status": {}});
        assert_eq!(lost_fields(&sent, &stored), [""; 0]);
    }
}
