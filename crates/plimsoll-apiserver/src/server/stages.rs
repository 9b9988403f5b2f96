//! The stages of a write that belong to others: conversion, validation, policy.

use serde_json::Value;

use super::{Inner, Target};
use crate::{Status, catalog::Served};

/// Brings an object that came in that version into the form in which it is kept.
pub(super) fn to_hub(served: &Served, version: &str, object: &mut Value) -> Result<(), Status> {
    let _ = version;
    if let Some(object) = object.as_object_mut() {
        object.insert("apiVersion".to_owned(), served.hub_api_version().into());
        object.insert("kind".to_owned(), served.kind.clone().into());
    }
    Ok(())
}

/// Admission that may change the object.
pub(super) async fn mutate(
    server: &Inner,
    target: &Target<'_>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), Status> {
    let _ = (target, old);
    server.faults.drop_fields(&target.served.stored_as, new);
    Ok(())
}

/// Whether the object keeps its kind's rules.
pub(super) fn validate(
    server: &Inner,
    target: &Target<'_>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), Status> {
    let _ = (server, target, old, new);
    Ok(())
}

/// Admission that may only refuse.
pub(super) async fn admit(
    server: &Inner,
    target: &Target<'_>,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    let _ = (server, target, old, new);
    Ok(())
}

/// Admission of a deletion.
pub(super) async fn admit_deletion(server: &Inner, target: &Target<'_>, old: &Value) -> Result<(), Status> {
    let _ = (server, target, old);
    Ok(())
}
