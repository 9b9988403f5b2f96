//! An allocation as the API has it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    inventory::Reach,
    request::{Choice, ClaimRequest, Class},
    search::Chosen,
};

/// Writes the allocation of one claim; `share` names each share of a device.
pub(in crate::scheduler) fn allocation(
    claim: &ClaimRequest,
    chosen: &[Chosen],
    classes: &BTreeMap<String, Class>,
    share: &mut dyn FnMut() -> String,
) -> Value {
    let results: Vec<Value> = chosen.iter().map(|one| result(claim, one, share)).collect();
    let mut allocation = json!({"devices": {"results": results}});
    let config = configuration(claim, chosen, classes);
    if !config.is_empty() {
        allocation["devices"]["config"] = Value::Array(config);
    }
    if let Some(nodes) = nodes(chosen) {
        allocation["nodeSelector"] = nodes;
    }
    allocation
}

fn choice<'a>(claim: &'a ClaimRequest, chosen: &Chosen) -> &'a Choice {
    &claim.requests[chosen.request].choices[chosen.choice]
}

/// `request`, or `request/choice`.
fn name(claim: &ClaimRequest, chosen: &Chosen) -> String {
    let request = &claim.requests[chosen.request].name;
    match &choice(claim, chosen).name {
        Some(choice) => format!("{request}/{choice}"),
        None => request.clone(),
    }
}

fn result(claim: &ClaimRequest, chosen: &Chosen, share: &mut dyn FnMut() -> String) -> Value {
    let id = &chosen.device.id;
    let choice = choice(claim, chosen);
    let mut result = json!({
        "request": name(claim, chosen), "driver": id.driver, "pool": id.pool, "device": id.name,
    });
    if choice.is_admin {
        result["adminAccess"] = json!(true);
    }
    if choice
        .tolerations_asked
        .as_array()
        .is_some_and(|list| !list.is_empty())
    {
        result["tolerations"] = choice.tolerations_asked.clone();
    }
    for key in ["bindingConditions", "bindingFailureConditions"] {
        if let Some(conditions) = chosen.device.published.get(key) {
            result[key] = conditions.clone();
        }
    }
    if chosen.device.is_shared {
        result["shareID"] = json!(share());
        let consumed: Map<String, Value> = chosen
            .parts
            .iter()
            .map(|(name, part)| (name.clone(), json!(part.written)))
            .collect();
        if !consumed.is_empty() {
            result["consumedCapacity"] = Value::Object(consumed);
        }
    }
    result
}

/// What drivers are told: the configuration of each class once, then the claim's own.
fn configuration(claim: &ClaimRequest, chosen: &[Chosen], classes: &BTreeMap<String, Class>) -> Vec<Value> {
    // The choice that was made for each request, in the order of the requests.
    let mut made: BTreeMap<usize, &Chosen> = BTreeMap::new();
    for one in chosen {
        made.entry(one.request).or_insert(one);
    }
    let mut by_class: Vec<(&str, Vec<String>)> = Vec::new();
    for one in made.values() {
        let class = choice(claim, one).class.as_str();
        match by_class.iter_mut().find(|(name, _)| *name == class) {
            Some((_, requests)) => requests.push(name(claim, one)),
            None => by_class.push((class, vec![name(claim, one)])),
        }
    }
    let mut all = Vec::new();
    for (class, requests) in by_class {
        let entries = classes.get(class).and_then(|class| class.config.as_array());
        for entry in entries.into_iter().flatten() {
            all.push(entry_for(entry, "FromClass", json!(requests)));
        }
    }
    for entry in claim.config.as_array().into_iter().flatten() {
        let requests = crate::scheduler::labels::strings(&entry["requests"]);
        let is_about = |one: &&Chosen| {
            requests.contains(&name(claim, one)) || requests.contains(&claim.requests[one.request].name)
        };
        if requests.is_empty() || made.values().any(is_about) {
            all.push(entry_for(entry, "FromClaim", json!(requests)));
        }
    }
    all
}

fn entry_for(entry: &Value, source: &str, requests: Value) -> Value {
    let mut written = json!({"source": source});
    // About none in particular is about all.
    if requests.as_array().is_some_and(|requests| !requests.is_empty()) {
        written["requests"] = requests;
    }
    if let Some(opaque) = entry.get("opaque") {
        written["opaque"] = opaque.clone();
    }
    written
}

/// The nodes from which all the devices can be used; none where that is everywhere.
fn nodes(chosen: &[Chosen]) -> Option<Value> {
    let mut fields: Vec<Value> = Vec::new();
    let mut expressions: Vec<Value> = Vec::new();
    for one in chosen {
        match &one.device.reach {
            Reach::Node(node) => {
                let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
                push_new(&mut fields, &field);
            }
            Reach::Selected(_, published) => {
                // A device's selector has exactly one term.
                let term = &published["nodeSelectorTerms"][0];
                let list = |key: &str| term[key].as_array().into_iter().flatten();
                list("matchFields").for_each(|field| push_new(&mut fields, field));
                list("matchExpressions").for_each(|expression| push_new(&mut expressions, expression));
            }
            Reach::Everywhere | Reach::Nowhere => {}
        }
    }
    if fields.is_empty() && expressions.is_empty() {
        return None;
    }
    let mut term = json!({});
    if !fields.is_empty() {
        term["matchFields"] = Value::Array(fields);
    }
    if !expressions.is_empty() {
        term["matchExpressions"] = Value::Array(expressions);
    }
    Some(json!({"nodeSelectorTerms": [term]}))
}

fn push_new(list: &mut Vec<Value>, value: &Value) {
    if !list.contains(value) {
        list.push(value.clone());
    }
}
