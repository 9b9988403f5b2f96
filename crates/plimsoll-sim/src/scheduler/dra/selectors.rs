//! Whether a selector's expression selects a device; each is asked once per device.

use std::collections::{BTreeMap, HashMap};

use plimsoll_apiserver::cel::DeviceSelector;
use serde_json::Value;

use super::inventory::Device;

/// Why an expression selects neither way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scheduler) enum SelectorFailure {
    /// It is no expression.
    Compile(String),
    /// It failed on that device.
    Run(String),
}

/// Decides about devices by expressions.
pub(in crate::scheduler) trait Selects {
    /// Whether the expression selects the device.
    ///
    /// # Errors
    /// Where it can't be told.
    fn selects(&mut self, expression: &str, device: &Device) -> Result<bool, SelectorFailure>;
}

/// How many answers are remembered.
const MEMORY: usize = 200_000;

/// Expressions by CEL.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Selectors {
    compiled: BTreeMap<String, (u64, Result<DeviceSelector, String>)>,
    /// By the number of the expression and the serial of the device. Only looked up, so its order plays no part.
    answers: HashMap<(u64, u64), Result<bool, SelectorFailure>>,
}

impl Selects for Selectors {
    fn selects(&mut self, expression: &str, device: &Device) -> Result<bool, SelectorFailure> {
        if !self.compiled.contains_key(expression) {
            let number = u64::try_from(self.compiled.len()).unwrap_or(u64::MAX);
            let compiled = DeviceSelector::compile(expression);
            self.compiled.insert(expression.to_owned(), (number, compiled));
        }
        let Some((number, selector)) = self.compiled.get(expression) else {
            return Ok(false);
        };
        let selector = selector
            .as_ref()
            .map_err(|why| SelectorFailure::Compile(why.clone()))?;
        let key = (*number, device.serial);
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let empty = Value::Object(serde_json::Map::new());
        let part = |key: &str| device.published.get(key).unwrap_or(&empty);
        let answer = selector
            .matches(&device.id.driver, part("attributes"), part("capacity"))
            .map_err(SelectorFailure::Run);
        if self.answers.len() >= MEMORY {
            self.answers.clear();
        }
        self.answers.insert(key, answer.clone());
        answer
    }
}
