//! As much of JSONPath as columns of custom resources use: fields, indices, `[*]` and `[?(@.a=="b")]`.

use serde_json::Value;

/// What a path such as `.status.conditions[?(@.type=="Ready")].status` finds; nothing for a path that can't be read.
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![object];
    let mut rest = path.trim().trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let Some(end) = closing(inside) else {
                return Vec::new();
            };
            found = found
                .into_iter()
                .flat_map(|value| index(value, &inside[..end]))
                .collect();
            rest = &inside[end + 1..];
        } else {
            let (field, after) = field(rest.strip_prefix('.').unwrap_or(rest));
            if field == "*" {
                found = found.into_iter().flat_map(children).collect();
            } else if !field.is_empty() {
                found = found.into_iter().filter_map(|value| value.get(&field)).collect();
            }
            if after.len() == rest.len() {
                return Vec::new();
            }
            rest = after;
        }
    }
    found.retain(|value| !value.is_null());
    found
}

/// A field's name, in which a backslash takes the meaning from a dot.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            '.' | '[' => return (name, &text[at..]),
            letter => name.push(letter),
        }
    }
    (name, "")
}

/// Where the bracket ends.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, ']') => return Some(at),
            (None, _) => {}
        }
    }
    None
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn index<'a>(value: &'a Value, inside: &str) -> Vec<&'a Value> {
    let inside = inside.trim();
    if inside == "*" {
        return children(value);
    }
    if let Some(condition) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return children(value)
            .into_iter()
            .filter(|item| holds(item, condition))
            .collect();
    }
    if let Some(name) = quoted(inside) {
        return value.get(&name).into_iter().collect();
    }
    let Ok(at) = inside.parse::<i64>() else {
        return Vec::new();
    };
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let at = if at < 0 {
        i64::try_from(items.len()).unwrap_or(i64::MAX) + at
    } else {
        at
    };
    usize::try_from(at)
        .ok()
        .and_then(|at| items.get(at))
        .into_iter()
        .collect()
}

fn quoted(text: &str) -> Option<String> {
    ['\'', '"'].into_iter().find_map(|quote| {
        text.strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
            .map(|name| name.replace('\\', ""))
    })
}

/// `@.a=="b"`, `@.a!="b"` or `@.a`.
fn holds(item: &Value, condition: &str) -> bool {
    let (path, wanted, equal) = match (condition.split_once("=="), condition.split_once("!=")) {
        (Some((path, wanted)), _) => (path, Some(wanted), true),
        (None, Some((path, wanted))) => (path, Some(wanted), false),
        (None, None) => (condition, None, true),
    };
    let found = find(item, path.trim().trim_start_matches('@'));
    let Some(wanted) = wanted.map(str::trim) else {
        return !found.is_empty();
    };
    let wanted = quoted(wanted).unwrap_or_else(|| wanted.to_owned());
    let same = found
        .first()
        .is_some_and(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned) == wanted);
    same == equal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_find_their_values() {
        let object = json!({
            "metadata": {"labels": {"a.b/c": "x"}},
            "spec": {"items": [{"n": 1}, {"n": 2}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        });
        for (path, found) in [
            (".spec.items[1].n", vec![json!(2)]),
            (".spec.items[-1].n", vec![json!(2)]),
            (".spec.items[*].n", vec![json!(1), json!(2)]),
            (".metadata.labels.a\\.b/c", vec![json!("x")]),
            (".metadata.labels['a\\.b/c']", vec![json!("x")]),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                vec![json!("True")],
            ),
            (
                ".status.conditions[?(@.type!='Ready')].status",
                vec![json!("False")],
            ),
            (".missing.field", vec![]),
            (".spec.items[", vec![]),
        ] {
            assert_eq!(find(&object, path), found.iter().collect::<Vec<_>>(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "[.a\\[\\]()?@='\\\\*0-9-]{0,20}|\\PC{0,20}") {
            let _ = find(&json!({"a": [{"a": 1}]}), &path);
        }
    }
}
