//! MutatingAdmissionPolicies.

use serde_json::{Value, json};

use super::{
    super::{
        Operation, Request,
        expressions::{Compiled, Inputs, Variables, name_of},
        matching,
        reinvocation::Rounds,
    },
    Policy,
    apply::{applied, patched},
    read, with_params,
};
use crate::{
    Reason, Status, convert,
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
        let mut invocations = Vec::new();
        for policy in policies.iter() {
            if let Some(version) = policy.version(view, request) {
                invocations.extend(concerned(policy, view, request, &version, &mut denials));
            }
        }
        for invocation in &invocations {
            let schema = self.schema(view, request, &invocation.version);
            let ran = invocation.run(view, request, rounds, schema.as_ref());
            if !invocation.policy.ignores_failures() {
                denials.extend(ran.into_iter().map(|message| invocation.denial(message)));
            }
        }
        rounds.end(request.object.as_ref());
        refuse(request, &denials)
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

/// One policy by one binding with one parameter.
struct Invocation<'a> {
    policy: &'a Policy<Mutation>,
    binding: String,
    version: String,
    params: Value,
}

/// What is to be run for a policy that is about the request.
fn concerned<'a>(
    policy: &'a Policy<Mutation>,
    view: &dyn View,
    request: &Request,
    version: &str,
    denials: &mut Vec<Denial>,
) -> Vec<Invocation<'a>> {
    let mut all = Vec::new();
    for binding in policy.bound(view, request) {
        match policy.params(view, request, binding) {
            Ok(params) => all.extend(params.into_iter().map(|params| Invocation {
                policy,
                binding: name_of(binding).to_owned(),
                version: version.to_owned(),
                params,
            })),
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

impl Invocation<'_> {
    /// What it is known again by in a second round.
    fn key(&self) -> String {
        let param = |field: &str| meta(&self.params, field).to_owned();
        [
            self.policy.name().to_owned(),
            self.binding.clone(),
            param("namespace"),
            param("name"),
        ]
        .join("/")
    }

    fn denial(&self, message: String) -> Denial {
        Denial {
            policy: self.policy.name().to_owned(),
            binding: Some(self.binding.clone()),
            message,
            reason: Reason::Unmutated,
        }
    }

    /// Changes the object as the policy says; returns what went wrong.
    fn run(
        &self,
        view: &dyn View,
        request: &mut Request,
        rounds: &mut Rounds,
        schema: Option<&Schema>,
    ) -> Vec<String> {
        let mut inputs = with_params(&Inputs::new(view, request, &self.version), &self.params);
        match self.policy.conditions.hold(&inputs) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(why) => return vec![why],
        }
        let (key, Some(before)) = (self.key(), request.object.as_ref()) else {
            return Vec::new();
        };
        if !rounds.is_due(&key) {
            return Vec::new();
        }
        let shown = inputs.object.clone();
        let mut faults = Vec::new();
        for mutation in &self.policy.rules {
            match mutation.apply(&inputs, schema) {
                Ok(object) => inputs.object = object,
                Err(why) => faults.push(why),
            }
        }
        let changed = inputs.object != shown;
        if changed {
            let mut after = convert::to_hub(inputs.object);
            after["apiVersion"] = before["apiVersion"].clone();
            request.object = Some(after);
        }
        let if_needed = text(self.policy.spec(), "reinvocationPolicy") == "IfNeeded";
        rounds.was_asked(key, changed, if_needed);
        faults
    }
}

impl Mutation {
    /// The object as the mutation leaves it.
    fn apply(&self, inputs: &Inputs, schema: Option<&Schema>) -> Result<Value, String> {
        let mut object = match self {
            Self::Apply(expression) => applied(&inputs.object, expression.evaluate(inputs)?, schema)?,
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

fn refuse(request: &Request, denials: &[Denial]) -> Result<(), Status> {
    let Some(first) = denials.first() else {
        return Ok(());
    };
    let causes: Vec<Value> = denials
        .iter()
        .map(|denial| json!({"message": denial.to_string()}))
        .collect();
    let mut status = request.forbidden("");
    status.message = first.to_string();
    status.reason = first.reason;
    status.details["causes"] = json!(causes);
    Err(status)
}

/// As the server says it; unlike other plugins without a word about the object.
impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (policy, message) = (&self.policy, &self.message);
        match &self.binding {
            Some(binding) => write!(
                f,
                "policy '{policy}' with binding '{binding}' denied request: {message}"
            ),
            None => write!(f, "policy {policy:?} denied request: {message}"),
        }
    }
}
