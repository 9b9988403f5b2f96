//! ResourceClaims and their templates, in every version of the API that is in use.

use serde_json::{Map, Value, json};

/// How many devices a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Exactly(usize),
    /// All that fit.
    All,
}

/// One request of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    class: String,
    count: Count,
    selectors: Vec<String>,
    capacity: Vec<(String, String)>,
    admin: bool,
}

impl Request {
    /// One device of the DeviceClass `class`.
    #[must_use]
    pub fn of(class: impl Into<String>) -> Self {
        Self {
            class: class.into(),
            count: Count::Exactly(1),
            selectors: Vec::new(),
            capacity: Vec::new(),
            admin: false,
        }
    }

    /// Asks for another number of devices.
    #[must_use]
    pub fn count(mut self, count: Count) -> Self {
        self.count = count;
        self
    }

    /// Only devices for which the CEL expression is true.
    #[must_use]
    pub fn select(mut self, expression: impl Into<String>) -> Self {
        self.selectors.push(expression.into());
        self
    }

    /// Asks for so much of a device's capacity of that name.
    #[must_use]
    pub fn capacity(mut self, name: impl Into<String>, amount: impl Into<String>) -> Self {
        self.capacity.push((name.into(), amount.into()));
        self
    }

    /// Asks for access to devices whoever holds them, as only administrators may.
    #[must_use]
    pub fn admin(mut self) -> Self {
        self.admin = true;
        self
    }

    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("deviceClassName".to_owned(), json!(self.class));
        match self.count {
            Count::Exactly(count) => {
                body.insert("allocationMode".to_owned(), json!("ExactCount"));
                body.insert("count".to_owned(), json!(count));
            }
            Count::All => {
                body.insert("allocationMode".to_owned(), json!("All"));
            }
        }
        if !self.selectors.is_empty() {
            let selectors: Vec<Value> = self
                .selectors
                .iter()
                .map(|cel| json!({"cel": {"expression": cel}}))
                .collect();
            body.insert("selectors".to_owned(), json!(selectors));
        }
        if !self.capacity.is_empty() {
            let amounts: Map<String, Value> = self
                .capacity
                .iter()
                .map(|(name, amount)| (name.clone(), json!(amount)))
                .collect();
            body.insert("capacity".to_owned(), json!({"requests": amounts}));
        }
        if self.admin {
            body.insert("adminAccess".to_owned(), json!(true));
        }
        body
    }
}

/// What a claim asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    One(Request),
    First(Vec<Request>),
}

/// Writes a ResourceClaim, or a template for such claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSpec {
    version: String,
    wishes: Vec<(String, Wish)>,
    alike: Option<String>,
}

impl ClaimSpec {
    /// A claim without requests as yet, in the API version `version` of `resource.k8s.io`.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            wishes: Vec::new(),
            alike: None,
        }
    }

    /// A claim for a single request.
    #[must_use]
    pub fn single(version: impl Into<String>, request: Request) -> Self {
        Self::new(version).request("device", request)
    }

    /// Adds a request.
    #[must_use]
    pub fn request(mut self, name: impl Into<String>, request: Request) -> Self {
        self.wishes.push((name.into(), Wish::One(request)));
        self
    }

    /// Adds a request that is met by the first of `requests` that can be met.
    #[must_use]
    pub fn first_of(mut self, name: impl Into<String>, requests: impl IntoIterator<Item = Request>) -> Self {
        self.wishes
            .push((name.into(), Wish::First(requests.into_iter().collect())));
        self
    }

    /// Requires that all devices of the claim agree in an attribute, given with its domain.
    #[must_use]
    pub fn alike(mut self, attribute: impl Into<String>) -> Self {
        self.alike = Some(attribute.into());
        self
    }

    /// A ResourceClaim called `name`.
    #[must_use]
    pub fn claim(&self, name: &str) -> Value {
        json!({
            "apiVersion": format!("resource.k8s.io/{}", self.version),
            "kind": "ResourceClaim",
            "metadata": {"name": name},
            "spec": self.spec(),
        })
    }

    /// A ResourceClaimTemplate called `name`.
    #[must_use]
    pub fn template(&self, name: &str) -> Value {
        json!({
            "apiVersion": format!("resource.k8s.io/{}", self.version),
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": name},
            "spec": {"spec": self.spec()},
        })
    }

    fn spec(&self) -> Value {
        let requests: Vec<Value> = self
            .wishes
            .iter()
            .map(|(name, wish)| self.entry(name, wish))
            .collect();
        let mut devices = json!({"requests": requests});
        if let Some(attribute) = &self.alike {
            devices["constraints"] = json!([{"matchAttribute": attribute}]);
        }
        json!({"devices": devices})
    }

    fn entry(&self, name: &str, wish: &Wish) -> Value {
        let mut entry = Map::new();
        match wish {
            // The first beta has a request's fields in the request itself.
            Wish::One(request) if self.version == "v1beta1" => entry = request.body(),
            Wish::One(request) => {
                entry.insert("exactly".to_owned(), Value::Object(request.body()));
            }
            Wish::First(requests) => {
                let alternatives: Vec<Value> = requests
                    .iter()
                    .enumerate()
                    .map(|(position, request)| {
                        let mut body = request.body();
                        body.insert("name".to_owned(), json!(format!("choice-{position}")));
                        Value::Object(body)
                    })
                    .collect();
                entry.insert("firstAvailable".to_owned(), Value::Array(alternatives));
            }
        }
        entry.insert("name".to_owned(), json!(name));
        Value::Object(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_moved_into_exactly_after_the_first_beta() {
        let request = Request::of("c").select("true");
        for (version, path) in [("v1beta1", ""), ("v1beta2", "/exactly"), ("v1", "/exactly")] {
            let claim = ClaimSpec::single(version, request.clone()).claim("x");
            let body = claim.pointer(&format!("/spec/devices/requests/0{path}")).unwrap();
            assert_eq!(body["deviceClassName"], "c", "{version}");
            assert_eq!(
                body["selectors"],
                json!([{"cel": {"expression": "true"}}]),
                "{version}"
            );
            assert_eq!(
                claim["spec"]["devices"]["requests"][0]["name"], "device",
                "{version}"
            );
        }
    }

    #[test]
    fn all_devices_are_asked_for_without_a_count() {
        let claim = ClaimSpec::single("v1", Request::of("c").count(Count::All)).claim("x");
        let body = &claim["spec"]["devices"]["requests"][0]["exactly"];
        assert_eq!(
            (body["allocationMode"].as_str(), body.get("count")),
            (Some("All"), None)
        );
    }

    #[test]
    fn a_template_wraps_the_spec_once_more() {
        let spec = ClaimSpec::single("v1", Request::of("c"));
        assert_eq!(spec.template("t")["spec"]["spec"], spec.claim("x")["spec"]);
    }

    #[test]
    fn alternatives_have_names_of_their_own() {
        let spec = ClaimSpec::new("v1").first_of("any", [Request::of("a"), Request::of("b")]);
        let request = &spec.claim("x")["spec"]["devices"]["requests"][0];
        assert_eq!(request["firstAvailable"][1]["name"], "choice-1");
        assert_eq!(request["firstAvailable"][1]["deviceClassName"], "b");
        assert_eq!(request["name"], "any");
    }
}
