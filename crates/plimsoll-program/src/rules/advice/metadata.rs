//! Advice on `metadata`: versions that disagree, links that are none, logos that are no vectors.

use super::super::{
    judge::Judge,
    metadata::{FIELDS, conformance_version},
    shown::quoted,
};
use crate::{
    checklist::Place,
    submission::{MetadataValue, Submission, snake},
};

/// The endings of vector files that the programme accepts.
const VECTORS: [&str; 3] = ["svg", "ai", "eps"];

impl Judge<'_> {
    pub(super) fn advise_on_metadata(&mut self, submission: &Submission) {
        self.versions(submission);
        for (name, _) in FIELDS {
            let Some(field) = submission.field(name) else {
                continue;
            };
            let MetadataValue::Text(text) = &field.value else {
                continue;
            };
            self.form(name, text, field.place);
        }
        for field in submission.metadata.iter().flatten() {
            let known = FIELDS
                .iter()
                .any(|(name, _)| field.name == *name || field.name == snake(name));
            if !known {
                let mut message = format!(
                    "{} is no field of the programme; nothing reads it",
                    quoted(&field.name)
                );
                if let Some(nearest) = nearest(&field.name) {
                    message.push_str(&format!("; is `{nearest}` meant?"));
                }
                self.note(
                    "P10",
                    &super::super::shown::harmless(&field.name),
                    message,
                    field.place,
                );
            }
        }
        for (name, _) in FIELDS {
            let spelt = |name: &str| {
                submission
                    .metadata
                    .iter()
                    .flatten()
                    .any(|field| field.name == name)
            };
            if snake(name) != name && spelt(name) && spelt(&snake(name)) {
                let place = submission
                    .field(name)
                    .map(|field| field.place)
                    .unwrap_or_default();
                let message = format!("stands in both spellings; `{}` is not looked at", snake(name));
                self.note("N01", name, message, place);
            }
        }
    }

    /// N06 and N07: the directory, the version verified and the Kubernetes certificate.
    fn versions(&mut self, submission: &Submission) {
        let directory = self.location.version.clone();
        let field = |name| {
            submission
                .field(name)
                .map(|field| field.place)
                .unwrap_or_default()
        };
        if let Some(text) = submission.text("kubernetesVersion")
            && let Some(version) = minor_of(text)
            && version != directory
        {
            let message = format!("{} lies in the directory of v{directory}", quoted(text));
            self.note("P06", "kubernetesVersion", message, field("kubernetesVersion"));
        }
        let Some(certified) = submission.text("k8sConformanceUrl").and_then(conformance_version) else {
            return;
        };
        let place = field("k8sConformanceUrl");
        let number = |version: &str| {
            version
                .split_once('.')
                .and_then(|(_, minor)| minor.parse::<u32>().ok())
        };
        match (number(certified), number(&directory)) {
            // Kubernetes supports three minor versions; older certificates have run out by then.
            (Some(old), Some(new)) if old + 3 <= new => {
                let message = format!(
                    "the Kubernetes certificate is for v{certified}, which was out of support when v{directory} came"
                );
                self.note("P02", "k8sConformanceUrl", message, place);
            }
            (Some(old), Some(new)) if old != new => {
                let message = format!(
                    "the Kubernetes certificate is for v{certified}, the submission for v{directory}"
                );
                self.note("P09", "k8sConformanceUrl", message, place);
            }
            _ => {}
        }
    }

    fn form(&mut self, name: &str, text: &str, place: Place) {
        let bare = text.trim();
        if bare.is_empty() {
            if !text.is_empty() {
                self.note("N20", name, format!("`{name}` holds nothing but blanks"), place);
            }
            return;
        }
        if bare != text {
            self.note("N20", name, format!("`{name}` has blanks around it"), place);
            if bare.starts_with('[') && bare.ends_with(']') {
                self.note(
                    "Q13",
                    name,
                    format!("{} looks like a placeholder", quoted(text)),
                    place,
                );
            }
        }
        if bare.starts_with('[') && bare.ends_with(']') {
            return;
        }
        if is_template(bare) {
            let message = format!("{} is a template that nobody rendered", quoted(text));
            self.note("P08", name, message, place);
            return;
        }
        let is_link = bare.starts_with("https://") || bare.starts_with("http://");
        if name.ends_with("Url") && name != "k8sConformanceUrl" && !is_link {
            self.note("P08", name, format!("{} is no link", quoted(text)), place);
        }
        if name == "contactEmailAddress" && !is_address(bare) {
            self.note(
                "P08",
                name,
                format!("{} is no e-mail address", quoted(text)),
                place,
            );
        }
        if name == "productLogoUrl" && is_link {
            let path = bare.split(['?', '#']).next().unwrap_or_default();
            let file = path.rsplit('/').next().unwrap_or_default();
            let ending = file
                .rsplit_once('.')
                .map(|(_, ending)| ending.to_ascii_lowercase());
            if let Some(ending) = ending
                && !VECTORS.contains(&ending.as_str())
            {
                let message = format!(
                    "the logo ends in {}, not in svg, ai or eps",
                    quoted(&format!(".{ending}"))
                );
                self.note("P07", name, message, place);
            }
        }
    }
}

/// `1.37` of `v1.37.2` or `1.37`.
fn minor_of(text: &str) -> Option<String> {
    let text = text.trim();
    let mut parts = text.strip_prefix('v').unwrap_or(text).split(['.', '-', '+']);
    let (major, minor) = (
        parts.next()?.parse::<u32>().ok()?,
        parts.next()?.parse::<u32>().ok()?,
    );
    Some(format!("{major}.{minor}"))
}

/// Whether something in the text was to be put in by a tool: `{{ … }}`, `${…}` or `<% … %>`.
fn is_template(text: &str) -> bool {
    [("{{", "}}"), ("${", "}"), ("<%", "%>")]
        .iter()
        .any(|(begin, end)| text.split_once(begin).is_some_and(|(_, rest)| rest.contains(end)))
}

fn is_address(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else {
        return false;
    };
    let sound = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@');
    sound(user) && sound(host) && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
}

fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase().replace(['_', '-'], "");
    FIELDS
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(&wanted, &known.to_lowercase()), *known))
        .filter(|(similarity, _)| *similarity > 0.88)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_addresses_and_names_are_told_apart() {
        assert_eq!(minor_of("v1.34.2").as_deref(), Some("1.34"));
        assert_eq!(minor_of("latest"), None);
        assert!(is_template("Acme {{ .Values.name }}") && is_template("${NAME}"));
        assert!(!is_template("Acme {Orchard} $ }}{{"));
        assert!(is_address("conformance@acme.example"));
        for text in ["acme", "a@b", "a b@c.d", "@c.d", "a@.d"] {
            assert!(!is_address(text), "{text}");
        }
        assert_eq!(nearest("website"), Some("websiteUrl"));
        assert_eq!(nearest("colour"), None);
    }
}
