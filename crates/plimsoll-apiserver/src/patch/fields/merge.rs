//! Laying one object over another.

use serde_json::{Map, Value};

use super::{Owned, element::Element, owned};
use crate::schema::graph::View;

/// What both objects make together; the upper one wins where they differ.
pub(crate) fn merge(schema: View<'_>, lower: &Value, upper: &Value) -> Value {
    match (owned(schema, upper), lower, upper) {
        (Owned::ByField, Value::Object(lower), Value::Object(upper))
            if !upper.is_empty() || !lower.is_empty() =>
        {
            Value::Object(merge_fields(schema, lower, upper))
        }
        (Owned::ByElement(keys), Value::Array(lower), Value::Array(upper)) => {
            Value::Array(merge_items(schema, keys, lower, upper))
        }
        _ => upper.clone(),
    }
}

fn merge_fields(
    schema: View<'_>,
    lower: &Map<String, Value>,
    upper: &Map<String, Value>,
) -> Map<String, Value> {
    let mut merged = lower.clone();
    for (name, value) in upper {
        let value = match lower.get(name) {
            Some(below) => merge(schema.field(name), below, value),
            None => value.clone(),
        };
        merged.insert(name.clone(), value);
    }
    merged
}

/// Elements of both, in the order of the upper list; those of the lower one alone stay behind what they came after.
fn merge_items(schema: View<'_>, keys: &[String], lower: &[Value], upper: &[Value]) -> Vec<Value> {
    let identity = |item: &Value| Element::of_item(schema.items(), keys, item);
    let lower: Vec<(Option<Element>, &Value)> = lower.iter().map(|item| (identity(item), item)).collect();
    let upper: Vec<(Option<Element>, &Value)> = upper.iter().map(|item| (identity(item), item)).collect();
    let is_in = |list: &[(Option<Element>, &Value)], element: &Option<Element>| {
        element.is_some() && list.iter().any(|(other, _)| other == element)
    };
    let mut shared = upper
        .iter()
        .map(|(element, _)| element)
        .filter(|element| is_in(&lower, element))
        .peekable();
    let mut merged = Vec::new();
    let mut taken: Vec<&Option<Element>> = Vec::new();
    let (mut low, mut up) = (0, 0);
    while low < lower.len() || up < upper.len() {
        if let (Some((element, item)), Some((next, over))) = (lower.get(low), upper.get(up)) {
            if element.is_some() && element == next {
                merged.push(merge(schema.items(), item, over));
                taken.push(next);
                shared.next();
                low += 1;
                up += 1;
                continue;
            }
            // One that is shared, but whose turn comes later.
            if is_in(&upper, element) && shared.peek().is_some_and(|turn| *turn != element) {
                low += 1;
                continue;
            }
        }
        if let Some((element, item)) = lower.get(low) {
            if !is_in(&upper, element) {
                merged.push((*item).clone());
                low += 1;
                continue;
            }
            if taken.contains(&element) {
                low += 1;
            }
        }
        if let Some((element, item)) = upper.get(up) {
            let below = lower
                .iter()
                .find(|(other, _)| element.is_some() && other == element);
            merged.push(match below {
                Some((_, below)) => merge(schema.items(), below, item),
                None => (*item).clone(),
            });
            taken.push(element);
            shared.next_if(|turn| *turn == element);
            up += 1;
        }
    }
    merged
}
