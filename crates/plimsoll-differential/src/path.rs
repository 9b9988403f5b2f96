//! Places in an object: `spec.containers[0].name`, `status.conditions[type=Ready].status`, `metadata.labels['a/b']`.

use serde_json::Value;

/// What is there; null where nothing is. `[*]` collects over a list.
pub(crate) fn at(object: &Value, path: &str) -> Value {
    if path.is_empty() {
        return object.clone();
    }
    follow(object, &steps(path))
}

#[derive(Debug, PartialEq)]
enum Place {
    Field(String),
    Index(usize),
    Each,
    Where(String, String),
}

fn follow(value: &Value, places: &[Place]) -> Value {
    let Some((first, rest)) = places.split_first() else {
        return value.clone();
    };
    let items = || value.as_array().map(Vec::as_slice).unwrap_or_default();
    match first {
        Place::Field(name) => value.get(name).map_or(Value::Null, |value| follow(value, rest)),
        Place::Index(index) => items()
            .get(*index)
            .map_or(Value::Null, |value| follow(value, rest)),
        Place::Each => items().iter().map(|value| follow(value, rest)).collect(),
        Place::Where(name, wanted) => items()
            .iter()
            .find(|item| item.get(name).is_some_and(|found| plain(found) == *wanted))
            .map_or(Value::Null, |value| follow(value, rest)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn steps(path: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']').unwrap_or((inner, ""));
            places.push(bracket(inside));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if !name.is_empty() {
                places.push(Place::Field(name.to_owned()));
            }
            rest = after;
        }
    }
    places
}

fn bracket(inside: &str) -> Place {
    if inside == "*" {
        Place::Each
    } else if let Ok(index) = inside.parse() {
        Place::Index(index)
    } else if let Some(quoted) = inside.strip_prefix('\'') {
        Place::Field(quoted.trim_end_matches('\'').to_owned())
    } else if let Some((name, wanted)) = inside.split_once('=') {
        Place::Where(name.to_owned(), wanted.to_owned())
    } else {
        Place::Field(inside.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_found_by_field_index_and_key() {
        let pod = json!({"metadata": {"labels": {"a.b/c": "d"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}]}});
        assert_eq!(at(&pod, "status.conditions[type=Ready].status"), json!("True"));
        assert_eq!(at(&pod, "status.conditions[1].type"), json!("Initialized"));
        assert_eq!(
            at(&pod, "status.conditions[*].type"),
            json!(["Ready", "Initialized"])
        );
        assert_eq!(at(&pod, "metadata.labels['a.b/c']"), json!("d"));
        assert_eq!(at(&pod, "status.phase"), Value::Null);
        assert_eq!(at(&pod, ""), pod);
    }
}
