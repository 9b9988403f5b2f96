//! R07 to R15: the fields of `metadata`.

use super::{
    judge::{FILE, Judge},
    path::version_of,
    shown::quoted,
};
use crate::{
    checklist::Place,
    submission::{MetadataField, MetadataValue, Submission},
};

/// The fields, and whether they are required.
pub(super) const FIELDS: [(&str, bool); 11] = [
    ("kubernetesVersion", true),
    ("platformName", true),
    ("platformVersion", true),
    ("vendorName", true),
    ("websiteUrl", true),
    ("repoUrl", false),
    ("documentationUrl", true),
    ("productLogoUrl", true),
    ("description", true),
    ("contactEmailAddress", true),
    ("k8sConformanceUrl", true),
];

impl Judge<'_> {
    pub(super) fn metadata(&mut self, submission: &Submission) {
        if submission.metadata.is_none() {
            self.error("R07", "", "`metadata` is absent", FILE);
            return;
        }
        // For a field that is not there: where the others are.
        let near = submission
            .metadata
            .iter()
            .flatten()
            .next()
            .map_or(FILE, |field| Place {
                column: 1,
                length: 0,
                ..field.place
            });
        for (name, required) in FIELDS {
            match submission.field(name) {
                None if required => {
                    self.error("R08", name, format!("required field `{name}` is absent"), near)
                }
                None => {}
                Some(field) => self.field(name, required, field),
            }
        }
    }

    fn field(&mut self, name: &str, required: bool, field: &MetadataField) {
        let place = field.place;
        let text = match &field.value {
            MetadataValue::Null => {
                if required {
                    self.error(
                        "R08",
                        name,
                        format!("required field `{name}` has no value"),
                        place,
                    );
                }
                return;
            }
            MetadataValue::Other(kind) => {
                self.error(
                    "R09",
                    name,
                    format!("`{name}` must be text, but YAML takes it for {kind}"),
                    place,
                );
                return;
            }
            MetadataValue::Text(text) => text,
        };
        if required && text.is_empty() {
            self.error("R10", name, format!("required field `{name}` is empty"), place);
        }
        let placeholder = text.starts_with('[') && text.ends_with(']');
        if placeholder {
            self.error("R11", name, format!("{} is a placeholder", quoted(text)), place);
        } else if name == "k8sConformanceUrl" {
            if conformance_version(text).is_none() {
                let message = format!("{} is no entry of cncf/k8s-conformance", quoted(text));
                self.error("R12", name, message, place);
            } else {
                self.unreachable("R13", name, text, place);
            }
        } else if text.starts_with("http") {
            self.unreachable("R14", name, text, place);
        }
        if name == "vendorName" {
            self.member(text.trim(), place);
        }
    }

    fn member(&mut self, name: &str, place: Place) {
        if name.is_empty() {
            return;
        }
        match &self.validator.members {
            None => {
                let message = format!(
                    "whether {} is a member was not decided: no list of members was given",
                    quoted(name)
                );
                self.note("R15", "vendorName", message, place);
            }
            Some(members) if members.contains(name) => {}
            Some(members) => {
                let nearest = members
                    .nearest(name)
                    .map(|nearest| format!("; the list has {}", quoted(nearest)));
                let message = format!(
                    "{} is not on the list of members{}",
                    quoted(name),
                    nearest.unwrap_or_default()
                );
                self.error("R15", "vendorName", message, place);
            }
        }
    }
}

/// Whether the link is that of an entry in `cncf/k8s-conformance`, as rule R12 wants it.
#[must_use]
pub fn is_conformance_url(url: &str) -> bool {
    conformance_version(url).is_some()
}

/// The version in the link of an entry in `cncf/k8s-conformance`; none if it is no such link.
pub(super) fn conformance_version(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://github.com/cncf/k8s-conformance/tree/")?;
    let rest = rest
        .strip_prefix("master/")
        .or_else(|| rest.strip_prefix("main/"))?;
    let (version, product) = rest.split_once('/')?;
    let product = product.strip_suffix('/').unwrap_or(product);
    let version = version_of(version)?;
    (!product.is_empty() && !product.contains('/')).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_link_of_an_entry_is_one() {
        let entry = "https://github.com/cncf/k8s-conformance/tree/master/v1.37/acme";
        assert_eq!(conformance_version(entry), Some("1.37"));
        assert_eq!(
            conformance_version(&format!("{entry}/").replace("master", "main")),
            Some("1.37")
        );
        for other in [
            "",
            "https://github.com/cncf/k8s-conformance/tree/master/v1.37",
            "https://github.com/cncf/k8s-conformance/tree/master/v1.37/",
            "https://github.com/cncf/k8s-conformance/tree/master/v1.37//",
            "https://github.com/cncf/k8s-conformance/tree/master/v1.37/acme//",
            "https://github.com/cncf/k8s-conformance/tree/master/v1.37/acme/PRODUCT.yaml",
            "http://github.com/cncf/k8s-conformance/tree/master/v1.37/acme",
            "https://github.com/cncf/k8s-conformance/pull/1",
        ] {
            assert_eq!(conformance_version(other), None, "{other}");
        }
    }
}
