//! Versions and kinds that clients are warned of.

use crate::catalog::Served;

/// What is said of a version that is on its way out, or of a kind that has a successor.
pub(super) fn warning(minor: u32, served: &Served, version: &str) -> Option<String> {
    let api_version = served.api_version(version);
    // Since when it is deprecated, and the minor version that won't have it any more.
    let (since, until) = match (api_version.as_str(), served.kind.as_str()) {
        ("v1", "Endpoints") if minor >= 33 => {
            let successor = "use discovery.k8s.io/v1 EndpointSlice";
            return Some(format!("v1 Endpoints is deprecated in v1.33+; {successor}"));
        }
        ("resource.k8s.io/v1beta1", _) => (35, 38),
        ("resource.k8s.io/v1beta2" | "resource.k8s.io/v1alpha3", _) => (36, 39),
        _ => return None,
    };
    (minor >= since && served.custom.is_none()).then(|| {
        format!(
            "{api_version} {} is deprecated in v1.{since}+, unavailable in v1.{until}+",
            served.kind
        )
    })
}
