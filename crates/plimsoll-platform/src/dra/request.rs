//! Writing claims for whatever version is served.

use serde_json::{Value, json};

/// One request of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its name within the claim.
    pub name: String,
    /// The class to choose from.
    pub class: String,
    /// CEL expressions that each device must satisfy, besides the class's.
    pub selectors: Vec<String>,
    /// How many.
    pub count: Count,
    /// Whether for administration, beside the devices' users.
    pub admin_access: bool,
}

/// How many devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Exactly so many.
    Exactly(u32),
    /// All that match.
    All,
}

impl Request {
    /// One device of a class.
    #[must_use]
    pub fn one(name: impl Into<String>, class: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            class: class.into(),
            selectors: Vec::new(),
            count: Count::Exactly(1),
            admin_access: false,
        }
    }

    /// The same of as many devices.
    #[must_use]
    pub fn count(self, count: Count) -> Self {
        Self { count, ..self }
    }

    /// The same of devices that also satisfy a CEL expression.
    #[must_use]
    pub fn selector(mut self, expression: impl Into<String>) -> Self {
        self.selectors.push(expression.into());
        self
    }

    /// The same for administration.
    #[must_use]
    pub fn admin_access(self) -> Self {
        Self {
            admin_access: true,
            ..self
        }
    }

    fn facts(&self) -> Value {
        let mut facts = json!({"deviceClassName": self.class});
        match self.count {
            Count::Exactly(count) => {
                facts["allocationMode"] = json!("ExactCount");
                facts["count"] = json!(count);
            }
            Count::All => facts["allocationMode"] = json!("All"),
        }
        if !self.selectors.is_empty() {
            let selectors = self
                .selectors
                .iter()
                .map(|expression| json!({"cel": {"expression": expression}}));
            facts["selectors"] = selectors.collect();
        }
        if self.admin_access {
            facts["adminAccess"] = json!(true);
        }
        facts
    }
}

/// A claim's `spec`, for `resource.k8s.io/v1`, `…/v1beta2` or `…/v1beta1` (the group may be left out).
#[must_use]
pub fn claim_spec(api_version: &str, requests: &[Request]) -> Value {
    let flat = api_version.ends_with("/v1beta1") || api_version == "v1beta1";
    let requests = requests.iter().map(|request| {
        let mut facts = request.facts();
        if flat {
            facts["name"] = json!(request.name);
            facts
        } else {
            json!({"name": request.name, "exactly": facts})
        }
    });
    json!({"devices": {"requests": requests.collect::<Vec<_>>()}})
}
