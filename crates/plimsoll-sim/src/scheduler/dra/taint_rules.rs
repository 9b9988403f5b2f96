//! Rules by which an administrator taints devices.

use std::collections::BTreeMap;

use serde_json::Value;

use super::inventory::DeviceId;
use crate::scheduler::taint::Taint;

/// All such rules, by name.
#[derive(Clone, Debug, Default)]
pub(in crate::scheduler) struct TaintRules(BTreeMap<String, Rule>);

#[derive(Clone, Debug)]
struct Rule {
    driver: Option<String>,
    pool: Option<String>,
    device: Option<String>,
    taint: Taint,
}

impl TaintRules {
    /// A rule came or changed.
    pub(in crate::scheduler) fn set(&mut self, object: &Value) {
        let selector = &object["spec"]["deviceSelector"];
        let text = |key: &str| selector[key].as_str().map(str::to_owned);
        let rule = Rule {
            driver: text("driver"),
            pool: text("pool"),
            device: text("device"),
            taint: Taint::read(&object["spec"]["taint"]),
        };
        self.0.insert(name(object), rule);
    }

    /// A rule went.
    pub(in crate::scheduler) fn remove(&mut self, object: &Value) {
        self.0.remove(&name(object));
    }

    /// The taints that the rules put on a device.
    pub(super) fn about<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = Taint> + 'a {
        let same =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        self.0
            .values()
            .filter(move |rule| {
                same(&rule.driver, &device.driver)
                    && same(&rule.pool, &device.pool)
                    && same(&rule.device, &device.name)
            })
            .map(|rule| rule.taint.clone())
    }
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}
