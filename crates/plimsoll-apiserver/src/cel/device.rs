//! Selectors of devices, as DeviceClasses and requests of ResourceClaims have them.

use std::collections::BTreeMap;

use cel::common::{
    types::{CelBool, CelInt, CelList, CelString},
    value::Val,
};
use serde_json::Value;

use super::{expression::Expression, json::Object, quantity::Amount, semver};
use crate::Quantity;

/// A compiled selector of devices: of a DeviceClass or of a request.
#[derive(Debug)]
pub struct DeviceSelector(Expression);

impl DeviceSelector {
    /// Compiles a selector; its one variable is `device`.
    ///
    /// # Errors
    /// What is wrong with it, as the API words it.
    pub fn compile(expression: &str) -> Result<Self, String> {
        let selector = Expression::compile(expression, &["device"])?;
        selector.kinds().select_devices(expression)?;
        Ok(Self(selector))
    }

    /// Whether it selects a device of that driver, with the maps `attributes` and `capacity` of a v1 ResourceSlice.
    ///
    /// # Errors
    /// A fault at evaluation, such as an attribute that the device doesn't have.
    pub fn matches(&self, driver: &str, attributes: &Value, capacity: &Value) -> Result<bool, String> {
        self.matches_shared(driver, attributes, capacity, false)
    }

    /// As [`DeviceSelector::matches`], of a device that may be allocated more than once.
    ///
    /// # Errors
    /// As [`DeviceSelector::matches`].
    pub fn matches_shared(
        &self,
        driver: &str,
        attributes: &Value,
        capacity: &Value,
        allow_multiple_allocations: bool,
    ) -> Result<bool, String> {
        let attributes = by_domain(driver, attributes, attribute)?;
        let capacity = by_domain(driver, capacity, amount)?;
        let shared: Box<dyn Val> = Box::new(CelBool::from(allow_multiple_allocations));
        let device = Object::new(
            [
                ("driver", Box::new(CelString::from(driver)) as Box<dyn Val + '_>),
                ("attributes", Box::new(attributes)),
                ("capacity", Box::new(capacity)),
                ("allowMultipleAllocations", shared),
            ]
            .into_iter(),
        );
        self.0
            .holds_with(std::iter::once(("device", Box::new(device) as Box<dyn Val + '_>)))
    }
}

/// What is called so, and what it is.
type Entry<'v> = (&'v str, Box<dyn Val + 'v>);

type Read = for<'v> fn(&'v Value) -> Result<Box<dyn Val + 'v>, String>;

/// Qualified names under their domains: without one, it is the driver's. An unknown domain is an empty one.
fn by_domain<'v>(driver: &'v str, values: &'v Value, read: Read) -> Result<Object<'v>, String> {
    let mut domains: BTreeMap<&'v str, Vec<Entry<'v>>> = BTreeMap::new();
    for (name, value) in values.as_object().into_iter().flatten() {
        let (domain, id) = name.split_once('/').unwrap_or((driver, name));
        let value = read(value).map_err(|error| format!("attribute {name}: {error}"))?;
        domains.entry(domain).or_default().push((id, value));
    }
    let domains = domains.into_iter().map(|(domain, values)| {
        (
            domain,
            Box::new(Object::new(values.into_iter())) as Box<dyn Val + 'v>,
        )
    });
    Ok(Object::new(domains).with_empty_default())
}

fn attribute<'v>(value: &'v Value) -> Result<Box<dyn Val + 'v>, String> {
    let unsupported = || "unsupported attribute value".to_owned();
    let (kind, value) = value
        .as_object()
        .and_then(|fields| fields.iter().next())
        .ok_or_else(unsupported)?;
    match (kind.as_str(), value) {
        (kind, Value::Array(items)) => {
            let kind = kind.strip_suffix('s').unwrap_or(kind);
            let items: Result<Vec<_>, String> = items
                .iter()
                .map(|item| scalar(kind, item).ok_or_else(unsupported)?)
                .collect();
            Ok(Box::new(CelList::from(items?)))
        }
        (kind, value) => scalar(kind, value).ok_or_else(unsupported)?,
    }
}

/// One value; `None` for what no attribute has.
fn scalar<'v>(kind: &str, value: &'v Value) -> Option<Result<Box<dyn Val + 'v>, String>> {
    Some(Ok(match (kind, value) {
        ("string", Value::String(text)) => Box::new(CelString::from(text.as_str())) as Box<dyn Val + 'v>,
        ("version", Value::String(text)) => match semver::parse(text) {
            Ok(version) => Box::new(version),
            Err(error) => return Some(Err(format!("parse semantic version: {error}"))),
        },
        ("int", Value::Number(number)) => Box::new(CelInt::from(number.as_i64()?)),
        ("bool", Value::Bool(is)) => Box::new(CelBool::from(*is)),
        _ => return None,
    }))
}

fn amount<'v>(value: &'v Value) -> Result<Box<dyn Val + 'v>, String> {
    let value = value.get("value").unwrap_or(value);
    let quantity = Quantity::read(value).ok_or_else(|| crate::NoQuantity.to_string())?;
    Ok(Box::new(Amount(quantity)))
}
