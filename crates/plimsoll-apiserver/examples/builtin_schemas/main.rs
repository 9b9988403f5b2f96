//! Writes the schemas of the built-in kinds (`src/schema/builtin/*.json`) anew from what real API servers publish.
//!
//! ```sh
//! mkdir 36 && kubectl get --raw /openapi/v3 | jq -r '.paths | keys[]' | while read path; do
//!   kubectl get --raw "/openapi/v3/$path" > "36/$(echo "$path" | tr / _).json"; done
//! cargo run -p plimsoll-apiserver --example builtin_schemas -- src/schema/builtin \
//!   go=k8s.io/api go=k8s.io/apimachinery/pkg/apis 35=FOLDER 36=FOLDER 37=FOLDER
//! ```
//!
//! Each folder of a version holds the `/openapi/v3` documents of one minor version, with every API turned on; a folder of
//! Go holds `GROUP/VERSION/types.go`, whose tags number the fields for protobuf. Only structure is kept: names, types,
//! defaults, how lists and maps merge, numbers, and since and until when there is a field. `builtin.rs` reads it.

#![expect(clippy::print_stderr, reason = "a command for developers of this crate")]

mod numbers;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
};

use serde_json::Value;

use numbers::Numbers;

/// The versions that are described; fields of all of them need no mark.
const MINORS: std::ops::RangeInclusive<u32> = 33..=37;

/// Whose wording counts where versions describe a field differently.
const PREFERRED: [u32; 5] = [36, 37, 35, 34, 33];

const KINDS: &[&str] = &[
    "APIService",
    "Binding",
    "CSIDriver",
    "CSINode",
    "CSIStorageCapacity",
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "DeleteOptions",
    "Deployment",
    "DeviceClass",
    "DeviceTaintRule",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Eviction",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "Job",
    "Lease",
    "LimitRange",
    "LocalSubjectAccessReview",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodGroup",
    "PodTemplate",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "ResourceQuota",
    "ResourceSlice",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "Scale",
    "Secret",
    "SelfSubjectAccessReview",
    "SelfSubjectReview",
    "SelfSubjectRulesReview",
    "Service",
    "ServiceAccount",
    "StatefulSet",
    "Status",
    "StorageClass",
    "SubjectAccessReview",
    "TokenRequest",
    "TokenReview",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "Workload",
];

type Fields = BTreeMap<String, BTreeMap<u32, String>>;

#[derive(Default)]
struct Data {
    /// `apps/v1 Deployment` → its type and in which versions it is.
    kinds: BTreeMap<String, (String, BTreeSet<u32>)>,
    types: BTreeMap<String, Fields>,
    numbers: Numbers,
}

fn main() {
    if let Err(error) = run() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments
        .next()
        .ok_or("usage: builtin_schemas TARGET go=FOLDER… MINOR=FOLDER…")?;
    let mut data = Data::default();
    for argument in arguments {
        let (what, folder) = argument
            .split_once('=')
            .ok_or("expected MINOR=FOLDER or go=FOLDER")?;
        match what {
            "go" => data.numbers.read(Path::new(folder))?,
            minor => data.read(minor.parse()?, Path::new(folder))?,
        }
    }
    for (group, text) in data.files()? {
        fs::write(Path::new(&target).join(format!("{group}.json")), text)?;
    }
    Ok(())
}

impl Data {
    fn read(&mut self, minor: u32, folder: &Path) -> Result<(), Box<dyn Error>> {
        let mut schemas = BTreeMap::new();
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let document: Value = serde_json::from_slice(&fs::read(&path)?)?;
                if let Some(found) = document.pointer("/components/schemas").and_then(Value::as_object) {
                    schemas.extend(found.clone());
                }
            }
        }
        let mut open = Vec::new();
        for (name, schema) in &schemas {
            for of in array(schema, "x-kubernetes-group-version-kind") {
                let (group, version, kind) = (text(of, "group"), text(of, "version"), text(of, "kind"));
                let is_shared =
                    matches!(kind, "DeleteOptions" | "Status") && !(group.is_empty() && version == "v1");
                // 1.37 has another kind called Eviction.
                let is_foreign = group == "lifecycle.k8s.io";
                if KINDS.contains(&kind) && !is_shared && !is_foreign {
                    let api_version = if group.is_empty() {
                        version.to_owned()
                    } else {
                        format!("{group}/{version}")
                    };
                    let entry = self.kinds.entry(format!("{api_version} {kind}")).or_default();
                    entry.0 = short(name);
                    entry.1.insert(minor);
                    open.push(name.clone());
                }
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let Some(schema) = schemas.get(&name) else {
                return Err(format!("{name} is referred to, but isn't there").into());
            };
            let fields = self.types.entry(short(&name)).or_default();
            if text(schema, "x-kubernetes-map-type") == "atomic" {
                fields
                    .entry(String::new())
                    .or_default()
                    .insert(minor, "atomic".to_owned());
            }
            let required: Vec<&str> = array(schema, "required")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            for (field, of) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let mut line = kind_of(of, &mut open);
                line.push_str(&attributes(of));
                if required.contains(&field.as_str()) {
                    line.push_str(" required");
                }
                fields.entry(field.clone()).or_default().insert(minor, line);
            }
        }
        Ok(())
    }

    fn files(&self) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
        let mut groups: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
        for (name, fields) in &self.types {
            let group = name.split('.').next().unwrap_or_default().to_owned();
            let mut text = String::new();
            for (index, (field, versions)) in fields.iter().enumerate() {
                let minors: BTreeSet<u32> = versions.keys().copied().collect();
                let line = PREFERRED
                    .iter()
                    .find_map(|minor| versions.get(minor))
                    .ok_or("a field of no version")?;
                let all = self.minors_of(name);
                let number = self.numbers.of(name, field);
                let comma = if index == 0 { "" } else { ",\n" };
                write!(
                    text,
                    "{comma}   {}: {}",
                    quoted(field),
                    quoted(&format!("{line}{}{number}", presence(&minors, &all)))
                )?;
            }
            groups.entry(group).or_default().insert(name, text);
        }
        let mut files = BTreeMap::new();
        for (group, types) in groups {
            let kinds: Vec<String> = self
                .kinds
                .iter()
                .filter(|(_, (name, _))| name.split('.').next() == Some(group.as_str()))
                .map(|(kind, (name, minors))| {
                    let all = MINORS.collect();
                    format!(
                        "  {}: {}",
                        quoted(kind),
                        quoted(&format!("{name}{}", presence(minors, &all)))
                    )
                })
                .collect();
            let types: Vec<String> = types
                .iter()
                .map(|(name, fields)| match fields.as_str() {
                    "" => format!("  {}: {{}}", quoted(name)),
                    fields => format!("  {}: {{\n{fields}\n  }}", quoted(name)),
                })
                .collect();
            let text = format!(
                "{{\n \"kinds\": {{\n{}\n }},\n \"types\": {{\n{}\n }}\n}}\n",
                kinds.join(",\n"),
                types.join(",\n")
            );
            files.insert(group, text);
        }
        Ok(files)
    }

    /// In which versions a type is used at all.
    fn minors_of(&self, name: &str) -> BTreeSet<u32> {
        self.types
            .get(name)
            .into_iter()
            .flatten()
            .flat_map(|(_, versions)| versions.keys().copied())
            .collect()
    }
}

/// ` since=35 until=36`, as far as that isn't so of `all`.
fn presence(minors: &BTreeSet<u32>, all: &BTreeSet<u32>) -> String {
    let mut text = String::new();
    if minors.first() > all.first()
        && let Some(first) = minors.first()
    {
        let _ = write!(text, " since={first}");
    }
    if minors.last() < all.last()
        && let Some(last) = minors.last()
    {
        let _ = write!(text, " until={last}");
    }
    text
}

/// The type of a field, as `builtin.rs` reads it; types that it refers to are put on the list.
fn kind_of(schema: &Value, open: &mut Vec<String>) -> String {
    if let Some(one) = array(schema, "allOf").first() {
        return kind_of(one, open);
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        let last = name.rsplit('.').next().unwrap_or_default();
        return match last {
            "Quantity" => "quantity".to_owned(),
            "IntOrString" => "int-or-string".to_owned(),
            "Time" => "time".to_owned(),
            "MicroTime" => "microtime".to_owned(),
            "RawExtension" | "FieldsV1" => "object".to_owned(),
            "JSON" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrStringArray" => {
                "any".to_owned()
            }
            _ => {
                open.push(name.to_owned());
                short(name)
            }
        };
    }
    match (text(schema, "type"), text(schema, "format")) {
        ("array", _) => format!(
            "[{}]",
            schema
                .get("items")
                .map_or("any".to_owned(), |items| kind_of(items, open))
        ),
        ("object", _) => match schema.get("additionalProperties") {
            Some(values) => format!("{{{}}}", kind_of(values, open)),
            None => "object".to_owned(),
        },
        ("integer", format) => if format.is_empty() { "int64" } else { format }.to_owned(),
        ("number", _) => "double".to_owned(),
        ("boolean", _) => "bool".to_owned(),
        ("string", "byte") => "bytes".to_owned(),
        ("string", "date-time") => "time".to_owned(),
        ("string", _) => "string".to_owned(),
        _ => "any".to_owned(),
    }
}

fn attributes(schema: &Value) -> String {
    let mut text_of = String::new();
    match text(schema, "x-kubernetes-list-type") {
        "set" => text_of.push_str(" list=set"),
        "map" => {
            let keys: Vec<&str> = array(schema, "x-kubernetes-list-map-keys")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let _ = write!(text_of, " list=map:{}", keys.join(","));
        }
        _ => {}
    }
    if text(schema, "x-kubernetes-map-type") == "atomic" {
        text_of.push_str(" atomic");
    }
    let strategy = text(schema, "x-kubernetes-patch-strategy");
    if !strategy.is_empty() {
        let _ = write!(text_of, " patch={strategy}");
        let key = text(schema, "x-kubernetes-patch-merge-key");
        if !key.is_empty() {
            let _ = write!(text_of, ":{key}");
        }
    }
    if let Some(default) = schema.get("default") {
        let _ = write!(text_of, " default={default}");
    }
    text_of
}

/// `io.k8s.api.core.v1.Pod` → `core.v1.Pod`.
fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    parts[parts.len().saturating_sub(3)..].join(".")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
