//! Puts onto a platform what its file says is installed there.

use plimsoll_apiserver::{Direct, Reason, Status};
use serde_json::Value;

use crate::{Faults, drivers::daemon_sets, platform::PlatformSpec};

/// Creates the pods of device plugins, the software's objects, then the file's own.
pub(super) async fn install(
    admin: &Direct,
    spec: &PlatformSpec,
    faults: &Faults,
) -> Result<(), (String, Status)> {
    let software = spec
        .installed
        .iter()
        .flat_map(|software| software.objects(faults));
    let plugins = daemon_sets(&spec.nodes).into_iter();
    for object in plugins.chain(software).chain(spec.objects.iter().cloned()) {
        let what = format!(
            "create the {} `{}`",
            text(&object, "/kind"),
            text(&object, "/metadata/name")
        );
        match admin.create(object).await {
            Ok(_) => (),
            // Two of a vendor's tools share a namespace, or the file names one that is there from the beginning.
            Err(status) if status.reason == Reason::AlreadyExists => (),
            Err(status) => return Err((what, status)),
        }
    }
    Ok(())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
