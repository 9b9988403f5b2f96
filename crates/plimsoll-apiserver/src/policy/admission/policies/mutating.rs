//! MutatingAdmissionPolicies.

use serde_json::{Value, json};

use super::{
    super::{
        Operation, Request,
        expressions::{Compiled, Inputs, Variables, name_of, versioned},
        matching,
        reinvocation::Rounds,
    },
    Policy, read, with_params,
};
use crate::{
    Reason, Status, convert,
    patch::{self, Manager},
    policy::{
        View,
        cached::Cached,
        fields::{items, meta, text},
    },
    resources,
    schema::{FieldValidation, Schema},
};

/// One mutation.
#[derive(Debug)]
enum Mutation {
    /// Fields to be applied.
    Apply(Compiled),
    /// Operations of a JSON patch.
    Patch(Compiled),
}

/// The policies, compiled.
#[derive(Debug)]
pub(in crate::policy::admission) struct Mutating {
    minor: u32,
    policies: Cached<Vec<Policy<Mutation>>>,
}

/// Why a policy refuses.
struct Denial {
    policy: String,
    binding: Option<String>,
    message: String,
    reason: Reason,
}

impl Mutating {
    pub(in crate::policy::admission) fn new(minor: u32) -> Self {
        Self {
            minor,
            policies: Cached::of(vec![
                resources::MUTATING_ADMISSION_POLICIES,
                resources::MUTATING_ADMISSION_POLICY_BINDINGS,
            ]),
        }
    }

    /// Changes what a request brings.
    pub(in crate::policy::admission) fn mutate(
        &self,
        view: &dyn View,
        request: &mut Request,
        rounds: &mut Rounds,
    ) -> Result<(), Status> {
        if matching::is_exempt(request) || request.operation == Operation::Delete {
            return Ok(());
        }
        let policies = self.policies.get(view, || {
            read(
                view,
                &resources::MUTATING_ADMISSION_POLICIES,
                &resources::MUTATING_ADMISSION_POLICY_BINDINGS,
                mutations,
            )
        });
        rounds.begin(request.object.as_ref());
        let mut denials = Vec::new();
        // Which policies are about the request is decided before the first of them changes it.
        let concerned: Vec<(&Policy<Mutation>, String, Vec<(String, Value)>)> = policies
            .iter()
            .filter_map(|policy| {
                let version = policy.version(view, request)?;
                let bound = invocations(policy, view, request, &mut denials);
                Some((policy, version, bound))
            })
            .collect();
        for (policy, version, bound) in concerned {
            for (binding, params) in bound {
                let invocation = Invocation {
                    policy,
                    binding,
                    version: &version,
                };
                let schema = self.schema(view, request, &version);
                invocation.run(view, request, rounds, schema.as_ref(), &params, &mut denials);
            }
        }
        rounds.end(request.object.as_ref());
        refuse(request, denials)
    }

    /// The schema of the request's kind in a version.
    fn schema(&self, view: &dyn View, request: &Request, version: &str) -> Option<Schema> {
        let api_version = match request.of.group.as_ref() {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        view.schema(&request.of, version)
            .or_else(|| Schema::builtin(self.minor, &api_version, &request.kind))
    }
}

fn mutations(spec: &Value, variables: &Variables, params: bool) -> Vec<Mutation> {
    items(spec, "mutations")
        .map(|mutation| {
            let compile =
                |field: &str| Compiled::new(text(&mutation[field], "expression"), variables, params);
            match text(mutation, "patchType") {
                "JSONPatch" => Mutation::Patch(compile("jsonPatch")),
                _ => Mutation::Apply(compile("applyConfiguration")),
            }
        })
        .collect()
}

/// The bindings that are about the request, each with every parameter it brings.
fn invocations(
    policy: &Policy<Mutation>,
    view: &dyn View,
    request: &Request,
    denials: &mut Vec<Denial>,
) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for binding in policy.bound(view, request) {
        match policy.params(view, request, binding) {
            Ok(params) => all.extend(
                params
                    .into_iter()
                    .map(|params| (name_of(binding).to_owned(), params)),
            ),
            Err(why) if !policy.ignores_failures() => {
                let blamed = why.starts_with("failed to configure binding");
                denials.push(Denial {
                    policy: policy.name().to_owned(),
                    binding: blamed.then(|| name_of(binding).to_owned()),
                    message: why,
                    reason: Reason::Forbidden,
                });
            }
            Err(_) => {}
        }
    }
    all
}

/// One policy by one binding.
struct Invocation<'a> {
    policy: &'a Policy<Mutation>,
    binding: String,
    version: &'a str,
}

impl Invocation<'_> {
    fn run(
        &self,
        view: &dyn View,
        request: &mut Request,
        rounds: &mut Rounds,
        schema: Option<&Schema>,
        params: &Value,
        denials: &mut Vec<Denial>,
    ) {
        let mut failed = |message: String| {
            if !self.policy.ignores_failures() {
                denials.push(Denial {
                    policy: self.policy.name().to_owned(),
                    binding: Some(self.binding.clone()),
                    message,
                    reason: Reason::Invalid,
                });
            }
        };
        let mut inputs = with_params(&Inputs::new(view, request, self.version), params);
        match self.policy.conditions.hold(&inputs) {
            Ok(true) => {}
            Ok(false) => return,
            Err(why) => return failed(why),
        }
        let key = format!(
            "{}/{}/{}/{}",
            self.policy.name(),
            self.binding,
            meta(params, "namespace"),
            meta(params, "name")
        );
        if !rounds.is_due(&key) {
            return;
        }
        let Some(before) = request.object.clone() else {
            return;
        };
        for mutation in &self.policy.rules {
            match mutation.apply(&inputs, schema) {
                Ok(object) => inputs.object = object,
                Err(why) => failed(why),
            }
        }
        let mut after = convert::to_hub(inputs.object);
        after["apiVersion"] = before["apiVersion"].clone();
        let changed = after != before
            && versioned(&after, request, self.version) != versioned(&before, request, self.version);
        if changed {
            request.object = Some(after);
        }
        let if_needed = text(self.policy.spec(), "reinvocationPolicy") == "IfNeeded";
        rounds.was_asked(key, changed, if_needed);
    }
}

impl Mutation {
    /// The object as the mutation leaves it.
    fn apply(&self, inputs: &Inputs, schema: Option<&Schema>) -> Result<Value, String> {
        let mut object = match self {
            Self::Apply(expression) => {
                let applied = expression.evaluate(inputs)?;
                applied_to(&inputs.object, applied, schema)?
            }
            Self::Patch(expression) => patched(&inputs.object, expression.evaluate(inputs)?)?,
        };
        if let Some(schema) = schema {
            schema
                .decode(&mut object, FieldValidation::Ignore, &[])
                .map_err(|status| status.message)?;
            schema.default(&mut object);
        }
        Ok(object)
    }
}

/// Merges fields as server-side apply does, without recording who manages them.
fn applied_to(object: &Value, mut applied: Value, schema: Option<&Schema>) -> Result<Value, String> {
    if !applied.is_object() {
        return Err("unsupported return type from ApplyConfiguration expression".to_owned());
    }
    let failed = |why: &str| format!("error applying patch: {why}");
    let schema = schema.ok_or_else(|| failed("type converter must not be nil"))?;
    for field in ["apiVersion", "kind"] {
        applied[field] = object[field].clone();
    }
    let mut live = object.clone();
    let managed = live["metadata"]
        .as_object_mut()
        .and_then(|metadata| metadata.remove("managedFields"));
    let by = Manager {
        name: String::new(),
        subresource: None,
        api_version: text(object, "apiVersion").to_owned(),
        time: jiff::Timestamp::UNIX_EPOCH,
        leaves: Vec::new(),
    };
    let mut merged =
        patch::apply(schema, Some(&live), &applied, &by, true).map_err(|status| failed(&status.message))?;
    if let Some(metadata) = merged["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if let Some(managed) = managed {
            metadata.insert("managedFields".to_owned(), managed);
        }
    }
    Ok(merged)
}

/// Applies a JSON patch; one whose test fails changes nothing.
fn patched(object: &Value, patch: Value) -> Result<Value, String> {
    if !patch.is_array() {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array".to_owned());
    }
    let patch: json_patch::Patch =
        serde_json::from_value(patch).map_err(|error| format!("type mismatch: {error}"))?;
    let mut patched = object.clone();
    match json_patch::patch(&mut patched, &patch) {
        Ok(()) => Ok(patched),
        Err(error) if matches!(error.kind, json_patch::PatchErrorKind::TestFailed) => Ok(object.clone()),
        Err(error) => Err(format!("JSON Patch: {error}")),
    }
}

fn refuse(request: &Request, denials: Vec<Denial>) -> Result<(), Status> {
    let messages: Vec<(String, Reason)> = denials
        .into_iter()
        .map(|denial| {
            let message = match denial.binding {
                Some(binding) => format!(
                    "policy '{}' with binding '{binding}' denied request: {}",
                    denial.policy, denial.message
                ),
                None => format!("policy {:?} denied request: {}", denial.policy, denial.message),
            };
            (message, denial.reason)
        })
        .collect();
    let Some((first, reason)) = messages.first() else {
        return Ok(());
    };
    let mut status = request.forbidden("");
    status.message.clone_from(first);
    status.reason = *reason;
    let causes: Vec<Value> = messages
        .iter()
        .map(|(message, _)| json!({"message": message}))
        .collect();
    status.details["causes"] = json!(causes);
    Err(status)
}
