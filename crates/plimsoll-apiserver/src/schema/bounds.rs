//! What a custom resource's schema says about values beyond their type.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Number, Value};

use super::{Cause, number::go_float, path::Path};

/// Limits on one value, and combinations of them.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) enumeration: Option<Vec<Value>>,
    pub(crate) minimum: Option<Number>,
    pub(crate) above_minimum: bool,
    pub(crate) maximum: Option<Number>,
    pub(crate) below_maximum: bool,
    pub(crate) multiple_of: Option<Number>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique_items: bool,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) all_of: Vec<Branch>,
    pub(crate) any_of: Vec<Branch>,
    pub(crate) one_of: Vec<Branch>,
    pub(crate) not: Option<Box<Branch>>,
}

/// A part of `allOf`, `anyOf`, `oneOf` or `not`: bounds on a value and on what is in it.
#[derive(Debug, Default)]
pub(crate) struct Branch {
    pub(crate) bounds: Bounds,
    pub(crate) required: Vec<String>,
    pub(crate) properties: BTreeMap<String, Branch>,
    pub(crate) others: Option<Box<Branch>>,
    pub(crate) items: Option<Box<Branch>>,
}

impl Bounds {
    /// What of a value breaks them.
    pub(crate) fn check(&self, value: &Value, path: &Path, causes: &mut Vec<Cause>) {
        let Some(value) = not_null(value) else { return };
        match value {
            Value::Number(number) => self.check_number(number, path, causes),
            Value::String(text) => self.check_text(text, path, causes),
            Value::Array(items) => self.check_items(items, path, causes),
            Value::Object(fields) => self.check_size(fields.len(), path, causes),
            Value::Null | Value::Bool(_) => {}
        }
        if let Some(values) = &self.enumeration
            && !values.contains(value)
        {
            let supported: Vec<String> = values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect();
            let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
            causes.push(Cause::not_supported(path, value, &supported));
        }
        self.check_combinations(value, path, causes);
    }

    fn check_number(&self, number: &Number, path: &Path, causes: &mut Vec<Cause>) {
        let value = number.as_f64().unwrap_or_default();
        // Bounds are printed in the way of what they bound.
        let shown = |bound: f64| match number.is_f64() || bound.fract() != 0.0 {
            true => go_float(bound),
            false => format!("{bound}"),
        };
        let mut refuse = |detail: String| {
            causes.push(Cause::invalid(
                path,
                &Value::Number(number.clone()),
                &format!("{path} in body {detail}"),
            ));
        };
        if let Some(most) = self.maximum.as_ref().and_then(Number::as_f64) {
            match self.below_maximum {
                true if value >= most => refuse(format!("should be less than {}", shown(most))),
                false if value > most => refuse(format!("should be less than or equal to {}", shown(most))),
                true | false => {}
            }
        }
        if let Some(least) = self.minimum.as_ref().and_then(Number::as_f64) {
            match self.above_minimum {
                true if value <= least => refuse(format!("should be greater than {}", shown(least))),
                false if value < least => {
                    refuse(format!("should be greater than or equal to {}", shown(least)))
                }
                true | false => {}
            }
        }
        if let Some(unit) = self.multiple_of.as_ref().and_then(Number::as_f64)
            && unit > 0.0
            && (value / unit).fract() != 0.0
        {
            refuse(format!("should be a multiple of {}", shown(unit)));
        }
    }

    fn check_text(&self, text: &str, path: &Path, causes: &mut Vec<Cause>) {
        let length = text.chars().count() as u64;
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            causes.push(Cause::too_long(path, most));
        }
        let value = Value::from(text);
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            let detail = format!("{path} in body should be at least {least} chars long");
            causes.push(Cause::invalid(path, &value, &detail));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            causes.push(Cause::invalid(
                path,
                &value,
                &format!("{path} in body should match '{pattern}'"),
            ));
        }
    }

    fn check_items(&self, items: &[Value], path: &Path, causes: &mut Vec<Cause>) {
        let count = items.len() as u64;
        if let Some(least) = self.min_items.filter(|least| count < *least) {
            let detail = format!("{path} in body should have at least {least} items");
            causes.push(Cause::invalid(path, &Value::from(count), &detail));
        }
        if let Some(most) = self.max_items.filter(|most| count > *most) {
            causes.push(Cause::too_many(path, items.len(), most));
        }
        if self.unique_items
            && items
                .iter()
                .enumerate()
                .any(|(index, item)| items[..index].contains(item))
        {
            let detail = format!("{path} in body shouldn't contain duplicates");
            causes.push(Cause::invalid(path, &Value::from(""), &detail));
        }
    }

    fn check_size(&self, count: usize, path: &Path, causes: &mut Vec<Cause>) {
        if let Some(least) = self.min_properties.filter(|least| (count as u64) < *least) {
            let detail = format!("{path} in body should have at least {least} properties");
            causes.push(Cause::invalid(path, &Value::from(count), &detail));
        }
        if let Some(most) = self.max_properties.filter(|most| count as u64 > *most) {
            causes.push(Cause::too_many(path, count, most));
        }
    }

    fn check_combinations(&self, value: &Value, path: &Path, causes: &mut Vec<Cause>) {
        if !self.any_of.is_empty() && !self.any_of.iter().any(|branch| branch.allows(value, path)) {
            causes.push(combination(path, "must validate at least one schema (anyOf)"));
            if let Some(nearest) = nearest(&self.any_of, value, path) {
                causes.extend(nearest);
            }
        }
        if !self.one_of.is_empty() {
            let valid = self
                .one_of
                .iter()
                .filter(|branch| branch.allows(value, path))
                .count();
            if valid != 1 {
                let found = match valid {
                    0 => "Found none valid".to_owned(),
                    many => format!("Found {many} valid alternatives"),
                };
                causes.push(combination(
                    path,
                    &format!("must validate one and only one schema (oneOf). {found}"),
                ));
                if let Some(nearest) = nearest(&self.one_of, value, path).filter(|_| valid == 0) {
                    causes.extend(nearest);
                }
            }
        }
        let valid = self
            .all_of
            .iter()
            .filter(|branch| branch.allows(value, path))
            .count();
        if valid != self.all_of.len() {
            let found = if valid == 0 { ". None validated" } else { "" };
            causes.push(combination(
                path,
                &format!("must validate all the schemas (allOf){found}"),
            ));
            for branch in &self.all_of {
                branch.check(value, path, causes);
            }
        }
        if self.not.as_ref().is_some_and(|branch| branch.allows(value, path)) {
            causes.push(combination(path, "must not validate the schema (not)"));
        }
    }
}

/// A broken combination, which the API reports at no field in particular.
fn combination(path: &Path, what: &str) -> Cause {
    Cause::invalid("<nil>", &Value::from(""), &format!("\"{path}\" {what}"))
}

/// What is wrong by the branch that is wrong in the least.
fn nearest(branches: &[Branch], value: &Value, path: &Path) -> Option<Vec<Cause>> {
    let wrong = branches.iter().map(|branch| {
        let mut causes = Vec::new();
        branch.check(value, path, &mut causes);
        causes
    });
    wrong.min_by_key(Vec::len)
}

impl Branch {
    fn allows(&self, value: &Value, path: &Path) -> bool {
        let mut causes = Vec::new();
        self.check(value, path, &mut causes);
        causes.is_empty()
    }

    fn check(&self, value: &Value, path: &Path, causes: &mut Vec<Cause>) {
        self.bounds.check(value, path, causes);
        match value {
            Value::Object(fields) => {
                for name in self.required.iter().filter(|name| !fields.contains_key(*name)) {
                    causes.push(Cause::required(path.child(name), ""));
                }
                for (name, field) in fields {
                    if let Some(branch) = self.properties.get(name).or(self.others.as_deref()) {
                        branch.check(field, &path.child(name), causes);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(branch) = &self.items {
                    for (index, item) in items.iter().enumerate() {
                        branch.check(item, &path.index(index), causes);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn not_null(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}
