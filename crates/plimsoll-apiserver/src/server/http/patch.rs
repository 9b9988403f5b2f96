//! Patches of every kind.

use http::StatusCode;
use serde_json::Value;

use super::{Asked, answer::Answer, body::SCHEME};
use crate::{
    Reason, Status, convert, patch,
    schema::{Cause, Schema, invalid},
    server::{Inner, Target, metadata, refusal},
};

/// The ways to say what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Asked {
    pub(super) fn patch_kind(&self) -> Result<Kind, Status> {
        let custom = self.served.custom.is_some();
        match self.content_type() {
            "application/json-patch+json" => Ok(Kind::Json),
            "application/merge-patch+json" => Ok(Kind::Merge),
            "application/strategic-merge-patch+json" if !custom => Ok(Kind::Strategic),
            "application/apply-patch+yaml" => Ok(Kind::Apply),
            _ => Err(Status::new(
                Reason::UnsupportedMediaType,
                format!(
                    "the body of the request was in an unknown format - accepted media types include: \
                     application/json-patch+json, application/merge-patch+json, {}application/apply-patch+yaml",
                    if custom {
                        ""
                    } else {
                        "application/strategic-merge-patch+json, "
                    }
                ),
            )),
        }
    }
}

/// An object after a patch, both in the version of the request.
pub(super) fn patched(
    kind: Kind,
    schema: Option<&Schema>,
    object: &Value,
    change: &Value,
) -> Result<Value, Status> {
    match (kind, schema) {
        (Kind::Json, _) => patch::json(object, change),
        (Kind::Strategic, Some(schema)) => patch::strategic(schema, object, change),
        (Kind::Merge | Kind::Strategic | Kind::Apply, _) => Ok(patch::merge(object, change)),
    }
}

impl Inner {
    pub(super) async fn patch(&self, asked: &Asked) -> Result<Answer, Status> {
        let kind = asked.patch_kind()?;
        let mut target = asked.target()?;
        let change = asked.value()?;
        if kind != Kind::Json && !change.is_object() {
            return Err(refusal::bad_request("the patch is not a JSON object"));
        }
        let schema = asked.served.schema(self.config.minor, &asked.path.version);
        if kind == Kind::Apply {
            return self.apply(asked, target, schema, change).await;
        }
        if asked.query.text("force") == "true" {
            return Err(refusal::invalid(
                "PatchOptions",
                "meta.k8s.io",
                "",
                "force",
                "FieldValueForbidden",
                "Forbidden: may not be specified for non-apply patch",
            ));
        }
        target.options.duplicates = Vec::new();
        let api_version = asked.served.api_version(&asked.path.version);
        let stored = self
            .change(&target, |current| {
                let shown = convert::from_hub(current, &api_version);
                let new = patched(kind, schema.as_ref(), &shown, &change)?;
                keeps_identity(&shown, &new, &asked.path.name)?;
                let quoted = match kind {
                    Kind::Strategic => patch::printed(&change),
                    Kind::Json | Kind::Merge | Kind::Apply => new.to_string(),
                };
                self.decode(&target, new)
                    .map_err(|refusal| undecodable(&refusal, quoted))
            })
            .await?;
        Ok(self.shown(asked, StatusCode::OK, &stored))
    }

    async fn apply(
        &self,
        asked: &Asked,
        mut target: Target<'_>,
        schema: Option<Schema>,
        applied: Value,
    ) -> Result<Answer, Status> {
        if asked.query.text("fieldManager").is_empty() {
            return Err(refusal::invalid(
                "PatchOptions",
                "meta.k8s.io",
                "",
                "fieldManager",
                "FieldValueRequired",
                "Required value: is required for apply patch",
            ));
        }
        let Some(schema) = schema else {
            return Err(Status::new(
                Reason::UnsupportedMediaType,
                "server-side apply needs a schema, and this kind has none",
            ));
        };
        let force = asked.query.text("force") == "true";
        let manager = target.manager(self);
        target.options.tracked = true;
        let (applied, duplicates) = self.applied(asked, applied)?;
        target.options.duplicates = duplicates;
        let present = self
            .store
            .lock()
            .get(&asked.served.stored_as, &target.key())
            .is_some();
        if !present {
            if !asked.path.subresource.is_empty() {
                return Err(refusal::not_found(&asked.served.of, &asked.path.name));
            }
            let uid = metadata::text(&applied, "uid");
            if !uid.is_empty() {
                let why = format!(
                    "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                );
                return Err(refusal::conflict(&asked.served.of, &asked.path.name, &why));
            }
            self.may_create(&asked.user, &asked.path)?;
            let object = patch::apply(&schema, None, &applied, &manager, force)?;
            let created = self.create(&target, object).await?;
            return Ok(self.shown(asked, StatusCode::CREATED, &created));
        }
        let api_version = asked.served.api_version(&asked.path.version);
        let stored = self
            .change(&target, |current| {
                let live = convert::from_hub(current, &api_version);
                let mut new = patch::apply(&schema, Some(&live), &applied, &manager, force)?;
                keeps_identity(&live, &new, &asked.path.name)?;
                if metadata::text(&applied, "resourceVersion").is_empty() {
                    metadata::metadata(&mut new).remove("resourceVersion");
                }
                self.decode(&target, new)
            })
            .await?;
        Ok(self.shown(asked, StatusCode::OK, &stored))
    }

    /// What is applied, checked to be about the object in the path.
    fn applied(&self, asked: &Asked, mut applied: Value) -> Result<(Value, Vec<String>), Status> {
        let api_version = asked.served.api_version(&asked.path.version);
        for (field, wanted) in [("apiVersion", api_version.as_str()), ("kind", &asked.served.kind)] {
            match applied[field].as_str() {
                Some(own) if own == wanted => {}
                Some(own) => {
                    return Err(refusal::bad_request(format!(
                        "the {field} of the applied object ({own}) is not that of the request ({wanted})"
                    )));
                }
                None => return Err(refusal::bad_request(format!("the applied object lacks {field}"))),
            }
        }
        if !applied["metadata"]["managedFields"].is_null() {
            return Err(refusal::bad_request("metadata.managedFields must be nil"));
        }
        let name = metadata::text(&applied, "name");
        if !name.is_empty() && name != asked.path.name {
            return Err(refusal::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                asked.path.name
            )));
        }
        let fields = metadata::metadata(&mut applied);
        fields.insert("name".to_owned(), asked.path.name.clone().into());
        let duplicates = crate::schema::duplicate_fields(&asked.body);
        Ok((applied, duplicates))
    }
}

/// What a patch makes of an object is refused as the patch's fault.
fn undecodable(refusal: &Status, quoted: String) -> Status {
    let why = match refusal.message.split_once(" cannot be handled as a ") {
        Some((_, rest)) => rest.split_once(": ").map_or(rest, |(_, why)| why),
        None => &refusal.message,
    };
    invalid("", "", "", &[Cause::invalid("patch", &quoted.into(), why)])
}

/// Name, kind and place can't be patched.
fn keeps_identity(old: &Value, new: &Value, name: &str) -> Result<(), Status> {
    let same = |field: &str| metadata::text(old, field) == metadata::text(new, field);
    if !same("name") {
        return Err(refusal::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            metadata::text(new, "name")
        )));
    }
    if !same("namespace") {
        return Err(refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if old["kind"] != new["kind"] || old["apiVersion"] != new["apiVersion"] {
        let text = |field: &str| new[field].as_str().unwrap_or_default();
        let why = format!(
            "no kind \"{}\" is registered for version \"{}\" in scheme \"{SCHEME}\"",
            text("kind"),
            text("apiVersion")
        );
        let cause = Cause::invalid("patch", &new.to_string().into(), &why);
        return Err(invalid("", "", "", &[cause]));
    }
    Ok(())
}
