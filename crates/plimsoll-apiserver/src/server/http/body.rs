//! What requests bring.

use http::header;
use serde_json::{Value, error::Category, json};

use super::Asked;
use crate::{
    Reason, Status,
    schema::{
        FieldValidation, Schema, duplicate_fields,
        protobuf::{Envelope, Malformed},
    },
    server::{DeleteOptions, Propagation, refusal},
};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

impl Asked {
    /// The media type of the body.
    pub(super) fn content_type(&self) -> &str {
        let header = self.header(header::CONTENT_TYPE);
        header.split(';').next().unwrap_or_default().trim()
    }

    /// The body, be it JSON, YAML or protobuf.
    pub(super) fn value(&self) -> Result<Value, Status> {
        match self.content_type() {
            PROTOBUF => self.protobuf(),
            media => read(media, &self.body, &self.served.kind),
        }
    }

    fn protobuf(&self) -> Result<Value, Status> {
        let malformed = |Malformed(why)| refusal::bad_request(format!("could not decode the body: {why}"));
        let envelope = Envelope::read(&self.body).map_err(malformed)?;
        // Every group has this one as its own, and it is the same in all.
        let api_version = if envelope.kind == "DeleteOptions" {
            "v1"
        } else {
            envelope.api_version
        };
        let schema = Schema::builtin(self.minor, api_version, envelope.kind)
            .filter(Schema::is_numbered)
            .ok_or_else(|| self.unknown_format())?;
        envelope.object(&schema).map_err(malformed)
    }

    fn unknown_format(&self) -> Status {
        Status::new(
            Reason::UnsupportedMediaType,
            format!(
                "the body of the request was in an unknown format - accepted media types include: application/json, \
                 application/yaml{} ({})",
                if self.served.custom.is_some() {
                    ""
                } else {
                    ", application/vnd.kubernetes.protobuf"
                },
                self.content_type()
            ),
        )
    }

    /// The object in the body, of the kind that is expected, and its duplicate fields if those matter.
    pub(super) fn object(&self, fields: FieldValidation) -> Result<(Value, Vec<String>), Status> {
        match self.content_type() {
            "" | "application/json" | "application/yaml" => {}
            PROTOBUF if self.served.custom.is_none() => {}
            _ => return Err(self.unknown_format()),
        }
        let mut object = self.value()?;
        let api_version = self.served.api_version(&self.path.version);
        check_kind(
            &mut object,
            &api_version,
            &self.served.kind,
            self.served.custom.is_some(),
        )?;
        let duplicates = match fields {
            _ if self.content_type() == PROTOBUF => Vec::new(),
            FieldValidation::Ignore => Vec::new(),
            FieldValidation::Warn | FieldValidation::Strict => duplicate_fields(&self.body),
        };
        Ok((object, duplicates))
    }

    /// How a deletion is to be done, by the body or by the query.
    pub(super) fn delete_options(&self) -> Result<DeleteOptions, Status> {
        let body = if self.body.is_empty() {
            json!({})
        } else {
            self.value()?
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let preconditions = &body["preconditions"];
        let propagation = text(&body["propagationPolicy"]).or_else(|| {
            Some(self.query.text("propagationPolicy").to_owned()).filter(|policy| !policy.is_empty())
        });
        let orphan = body["orphanDependents"].as_bool().or_else(|| {
            (!self.query.text("orphanDependents").is_empty()).then(|| self.query.flag("orphanDependents"))
        });
        let propagation = match (propagation.as_deref(), orphan) {
            (None, None) => None,
            (None, Some(true)) | (Some("Orphan"), _) => Some(Propagation::Orphan),
            (None, Some(false)) | (Some("Background"), _) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some(other), _) => {
                let message = format!(
                    "Unsupported value: \"{other}\": supported values: \"Background\", \"Foreground\", \"Orphan\""
                );
                return Err(refusal::invalid(
                    "DeleteOptions",
                    "meta.k8s.io",
                    "",
                    "propagationPolicy",
                    "FieldValueNotSupported",
                    &message,
                ));
            }
        };
        let grace = match &body["gracePeriodSeconds"] {
            Value::Null => self.query.number::<i64>("gracePeriodSeconds")?,
            seconds => seconds.as_i64(),
        };
        Ok(DeleteOptions {
            uid: text(&preconditions["uid"]),
            resource_version: text(&preconditions["resourceVersion"]),
            propagation,
            grace_seconds: grace.map(|seconds| u64::try_from(seconds).unwrap_or(1)),
        })
    }

    /// Whether the body asks for nothing to be stored.
    pub(super) fn body_asks_for_dry_run(&self) -> bool {
        self.value()
            .ok()
            .and_then(|body| body["dryRun"].as_array().cloned())
            .is_some_and(|values| values.iter().any(|value| value == "All"))
    }
}

/// Where the real server says that it looked for a kind.
pub(super) const SCHEME: &str = "pkg/api/legacyscheme/scheme.go:30";

/// What the real server calls its own form of a group's kinds.
fn package(api_version: &str) -> &str {
    match api_version.split_once('/') {
        Some((group, _)) => group.split('.').next().unwrap_or(group),
        None => "core",
    }
}

fn read(media: &str, bytes: &[u8], kind: &str) -> Result<Value, Status> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(_) if media.ends_with("yaml") => {
            let text = std::str::from_utf8(bytes).map_err(|error| refusal::bad_request(error.to_string()))?;
            serde_saphyr::from_str(text)
                .map_err(|error| refusal::bad_request(format!("error converting YAML to JSON: {error}")))
        }
        Err(error) => {
            let why = match error.classify() {
                Category::Eof => "unexpected end of JSON input".to_owned(),
                Category::Io | Category::Syntax | Category::Data => error.to_string(),
            };
            Err(refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse \
                 error: {why} ({})",
                summary(bytes)
            )))
        }
    }
}

/// What of a body that can't be read stands in a message.
fn summary(bytes: &[u8]) -> String {
    let begin = &bytes[..bytes.len().min(30)];
    let more = if bytes.len() > begin.len() { " ..." } else { "" };
    match begin.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(begin)),
        Some(_) => {
            let digits: Vec<String> = begin.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{more}", digits.concat())
        }
    }
}

/// Whether an object is what its place says; for kinds that are built in it may leave that out.
fn check_kind(object: &mut Value, api_version: &str, kind: &str, custom: bool) -> Result<(), Status> {
    let Some(fields) = object.as_object_mut() else {
        return Err(refusal::bad_request(
            "the object provided is unrecognized (must be a JSON object)",
        ));
    };
    let own = |field: &str| {
        fields
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (own_version, own_kind) = (own("apiVersion"), own("kind"));
    if custom && own_kind.is_empty() {
        return Err(refusal::bad_request(format!(
            "Object 'Kind' is missing in '{object}'"
        )));
    }
    if custom && own_version.is_empty() {
        return Err(refusal::bad_request(format!(
            "Object 'apiVersion' is missing in '{object}'"
        )));
    }
    if !own_kind.is_empty() && own_kind != kind {
        let version = own_version.rsplit('/').next().unwrap_or_default();
        return Err(refusal::bad_request(format!(
            "{own_kind} in version \"{version}\" cannot be handled as a {kind}: converting ({version}.{own_kind}) to \
             ({}.{kind}): unknown conversion",
            package(api_version)
        )));
    }
    if !own_version.is_empty() && own_version != api_version && !custom {
        return Err(refusal::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: no kind \"{kind}\" is registered for version \
             \"{own_version}\" in scheme \"{SCHEME}\"",
            api_version.rsplit('/').next().unwrap_or_default()
        )));
    }
    if !own_version.is_empty() && own_version != api_version {
        return Err(refusal::bad_request(format!(
            "the API version in the data ({own_version}) does not match the expected API version ({api_version})"
        )));
    }
    fields.insert("apiVersion".to_owned(), api_version.into());
    fields.insert("kind".to_owned(), kind.into());
    Ok(())
}
