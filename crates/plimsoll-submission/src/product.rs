//! `product.toml`: what only the vendor knows.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use miette::{Diagnostic, NamedSource, SourceSpan};
use plimsoll_program::{checklist::Status, find, read_text_bounded, rules::is_conformance_url};
use serde::Deserialize;
use toml::Spanned;

/// A commented file to begin with.
pub const TEMPLATE: &str = include_str!("template.toml");

/// More than any vendor has to say; evidence lies in files of its own.
const MOST_BYTES: u64 = 1 << 20;

/// The vendor's part of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The directory below that of the version.
    pub directory: String,
    /// The fields of `metadata` by the programme's names, in its order; an optional one that is absent is none.
    pub metadata: Vec<(&'static str, Option<String>)>,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
    /// What is said of requirements.
    pub requirements: BTreeMap<String, Statement>,
    /// Where files of evidence are looked for: beside the file.
    pub base: PathBuf,
}

/// A layer of a product that stands on others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What requirements call it.
    pub name: String,
    /// The product.
    pub product: String,
    /// Its own certificate, if it has one.
    pub certificate: Option<String>,
}

/// What the vendor says of a requirement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// A status in place of that of the runs, with its reason.
    pub status: Option<(Status, String)>,
    /// Links and files.
    pub evidence: Vec<String>,
    /// Remarks.
    pub notes: String,
    /// The layer that owns it.
    pub owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    product: ProductTable,
    #[serde(default)]
    layer: Vec<Layer>,
    #[serde(default)]
    requirement: BTreeMap<String, RequirementTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ProductTable {
    directory: Spanned<String>,
    platform_name: Spanned<String>,
    platform_version: Spanned<String>,
    vendor_name: Spanned<String>,
    website_url: Spanned<String>,
    repo_url: Option<Spanned<String>>,
    documentation_url: Spanned<String>,
    product_logo_url: Spanned<String>,
    description: Spanned<String>,
    contact_email_address: Spanned<String>,
    k8s_conformance_url: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequirementTable {
    status: Option<Spanned<String>>,
    reason: Option<String>,
    #[serde(default)]
    evidence: Vec<Spanned<String>>,
    #[serde(default)]
    notes: String,
    owner: Option<Spanned<String>>,
}

/// The vendor's file can't be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProductError {
    /// It can't be read.
    #[error("could not read the product's file `{}`", path.display())]
    #[diagnostic(help("`plimsoll submission --init` writes one to begin with"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It says something that can't be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Faulty(#[from] Box<FaultyProduct>),
}

/// A file with all that is wrong with it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{file}` can't be used")]
pub struct FaultyProduct {
    /// The file's name.
    pub file: String,
    /// Its text.
    #[source_code]
    text: NamedSource<String>,
    /// The faults in the order of the file; at least one.
    #[related]
    pub faults: Vec<ProductFault>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("{place}: {message}")]
#[diagnostic(help("{help}"))]
pub struct ProductFault {
    place: String,
    message: String,
    help: String,
    #[label("here")]
    span: SourceSpan,
}

impl Product {
    /// Reads the file.
    ///
    /// # Errors
    /// When it can't be read, or with all that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ProductError> {
        let text = read_text_bounded(path, MOST_BYTES).map_err(|source| ProductError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self::parse(&path.display().to_string(), &text, base)?)
    }

    /// Parses the text; `file` is what errors call it, `base` where files of evidence lie.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn parse(file: &str, text: &str, base: PathBuf) -> Result<Self, Box<FaultyProduct>> {
        let mut checker = Checker {
            file,
            text,
            faults: Vec::new(),
        };
        let parsed = match toml::from_str::<File>(text) {
            Ok(parsed) => checker.product(parsed, base),
            Err(error) => {
                checker.syntax(&error);
                None
            }
        };
        match parsed {
            Some(product) if checker.faults.is_empty() => Ok(product),
            _ => {
                let mut faults = checker.faults;
                faults.sort_by_key(|fault| fault.span.offset());
                let text = NamedSource::new(file, text.to_owned());
                Err(Box::new(FaultyProduct {
                    file: file.to_owned(),
                    text,
                    faults,
                }))
            }
        }
    }
}

struct Checker<'t> {
    file: &'t str,
    text: &'t str,
    faults: Vec<ProductFault>,
}

impl Checker<'_> {
    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        self.faults.push(ProductFault {
            place: format!("{}:{}:{column}", self.file, before.matches('\n').count() + 1),
            message: message.into(),
            help: help.into(),
            span: (start, span.end.saturating_sub(start)).into(),
        });
    }

    fn syntax(&mut self, error: &toml::de::Error) {
        let message = error.message().to_owned();
        let help = nearest_field(&message).map_or_else(
            || "`plimsoll submission --init` writes a file with every key explained".to_owned(),
            |nearest| format!("did you mean `{nearest}`?"),
        );
        self.fault(error.span().unwrap_or(0..0), message, help);
    }

    fn product(&mut self, file: File, base: PathBuf) -> Option<Product> {
        let table = file.product;
        let directory = table.directory;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let name = directory.get_ref();
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let help = "use letters, digits, `-`, `_` and `.` only: blanks break the programme's workflow";
            self.fault(
                directory.span(),
                format!("`{name}` is no name of a product's directory"),
                help,
            );
        }
        let fields = [
            ("platformName", Some(table.platform_name)),
            ("platformVersion", Some(table.platform_version)),
            ("vendorName", Some(table.vendor_name)),
            ("websiteUrl", Some(table.website_url)),
            ("repoUrl", table.repo_url),
            ("documentationUrl", Some(table.documentation_url)),
            ("productLogoUrl", Some(table.product_logo_url)),
            ("description", Some(table.description)),
            ("contactEmailAddress", Some(table.contact_email_address)),
            ("k8sConformanceUrl", Some(table.k8s_conformance_url)),
        ];
        for (name, value) in &fields {
            if let Some(value) = value {
                self.field(name, value);
            }
        }
        let metadata = fields
            .into_iter()
            .map(|(name, value)| (name, value.map(|value| value.into_inner().trim().to_owned())))
            .collect();
        let requirements = self.requirements(file.requirement, &file.layer);
        Some(Product {
            directory: directory.into_inner(),
            metadata,
            layers: file.layer,
            requirements,
            base,
        })
    }

    fn field(&mut self, name: &str, value: &Spanned<String>) {
        let text = value.get_ref().trim();
        let span = || value.span();
        if text.is_empty() {
            self.fault(span(), format!("`{name}` is empty"), "fill it in");
        } else if text.starts_with('[') && text.ends_with(']') {
            self.fault(
                span(),
                format!("`{text}` is a placeholder"),
                "put the real value in its place",
            );
        } else if text.contains(char::is_control) {
            self.fault(
                span(),
                format!("`{name}` goes over lines, or has control characters"),
                "write one line",
            );
        } else if name == "k8sConformanceUrl" {
            if !is_conformance_url(text) {
                let help = "https://github.com/cncf/k8s-conformance/tree/master/v<major>.<minor>/<product>";
                self.fault(
                    span(),
                    format!("`{text}` is no entry of cncf/k8s-conformance"),
                    help,
                );
            }
        } else if name.ends_with("Url") && !is_link(text) {
            self.fault(
                span(),
                format!("`{text}` is no link"),
                "write a link that begins with https://",
            );
        } else if name == "contactEmailAddress" && !text.contains('@') {
            self.fault(
                span(),
                format!("`{text}` is no e-mail address"),
                "write the address for questions",
            );
        }
    }

    fn requirements(
        &mut self,
        tables: BTreeMap<String, RequirementTable>,
        layers: &[Layer],
    ) -> BTreeMap<String, Statement> {
        let mut statements = BTreeMap::new();
        for (id, table) in tables {
            let heading = self.heading(&id);
            if let Err(unknown) = find(&id) {
                self.fault(
                    heading.clone(),
                    unknown.to_string(),
                    "`plimsoll checks` lists requirements",
                );
            }
            let status = table
                .status
                .and_then(|status| self.status(&status, table.reason.clone()));
            if table.reason.is_some() && status.is_none() {
                self.fault(
                    heading,
                    format!("`{id}` has a reason, but no status of its own"),
                    "add `status`, or remove `reason`",
                );
            }
            for entry in &table.evidence {
                if entry.get_ref().trim().is_empty() {
                    self.fault(
                        entry.span(),
                        "the entry is empty",
                        "write a link, or a file beside this one",
                    );
                }
            }
            if let Some(owner) = &table.owner
                && !layers.iter().any(|layer| layer.name == *owner.get_ref())
            {
                let known: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
                let help = if known.is_empty() {
                    "describe it as a [[layer]]".to_owned()
                } else {
                    format!("layers are: {}", known.join(", "))
                };
                self.fault(
                    owner.span(),
                    format!("there is no layer `{}`", owner.get_ref()),
                    help,
                );
            }
            let statement = Statement {
                status,
                evidence: table.evidence.into_iter().map(Spanned::into_inner).collect(),
                notes: table.notes,
                owner: table.owner.map(Spanned::into_inner),
            };
            statements.insert(id, statement);
        }
        statements
    }

    fn status(&mut self, status: &Spanned<String>, reason: Option<String>) -> Option<(Status, String)> {
        let parsed = Status::from(status.get_ref().clone());
        match parsed {
            Status::Blank | Status::Unknown(_) => {
                let help = "write Implemented, Not Implemented, Partially Implemented or N/A";
                self.fault(
                    status.span(),
                    format!("`{}` is no status of the programme", status.get_ref()),
                    help,
                );
                None
            }
            Status::Implemented
            | Status::NotImplemented
            | Status::PartiallyImplemented
            | Status::NotApplicable => {
                let reason = reason.unwrap_or_default();
                if reason.trim().is_empty() {
                    let help = "add `reason`: it stays visible in the submission";
                    self.fault(
                        status.span(),
                        "a status of the vendor's own needs a written reason",
                        help,
                    );
                }
                Some((parsed, reason))
            }
        }
    }

    fn heading(&self, id: &str) -> Range<usize> {
        let heading = format!("[requirement.{id}");
        self.text
            .find(&heading)
            .map_or(0..0, |start| start..start + heading.len() + 1)
    }
}

fn is_link(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && !text.contains(char::is_whitespace)
    })
}

/// The known key that is most like the unknown one, from the words of the parser's message.
fn nearest_field(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    let unknown = quoted.next()?.replace('_', "-");
    quoted
        .map(|known| (strsim::jaro_winkler(&unknown, known), known))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const SOUND: &str = r#"
[product]
directory = "acme"
platform-name = "Acme"
platform-version = "3.2"
vendor-name = "Acme Corp"
website-url = "https://acme.example/"
documentation-url = "https://docs.acme.example/"
product-logo-url = "https://acme.example/logo.svg"
description = "A platform."
contact-email-address = "a@acme.example"
k8s-conformance-url = "https://github.com/cncf/k8s-conformance/tree/master/v1.37/acme"
"#;

    fn faults(text: &str) -> Vec<String> {
        let faulty = Product::parse("product.toml", text, PathBuf::new()).expect_err("expected faults");
        faulty
            .faults
            .iter()
            .map(|fault| format!("{fault} ({})", fault.help))
            .collect()
    }

    #[test]
    fn a_filled_in_file_is_read() {
        let product = Product::parse("p", SOUND, PathBuf::new()).unwrap();
        assert_eq!(product.directory, "acme");
        assert_eq!(product.metadata[1], ("platformVersion", Some("3.2".to_owned())));
        assert_eq!(product.metadata[4], ("repoUrl", None));
    }

    #[test]
    fn the_template_is_refused_for_its_placeholders_alone() {
        let faults = faults(TEMPLATE);
        assert_eq!(faults.len(), 11, "{faults:#?}");
        assert!(
            faults[1..].iter().all(|fault| fault.contains("is a placeholder")),
            "{faults:#?}"
        );
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = SOUND
            .replace("https://acme.example/\"", "acme.example\"")
            .replace("a@acme", "acme")
            + "[requirement.gang]\nstatus = \"Yes\"\n[requirement.gpu_sharing]\nstatus = \"N/A\"\nowner = \"base\"\n";
        let faults = faults(&text);
        for (index, part) in [
            "product.toml:7:",
            "product.toml:11:",
            "`gang_scheduling`",
            "`Yes`",
            "reason",
            "`base`",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(faults[index].contains(part), "{part}: {faults:#?}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let faults = faults(&SOUND.replace("platform-name", "platfrom-name"));
        assert!(faults[0].contains("did you mean `platform-name`"), "{faults:#?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), cut in 0..SOUND.len()) {
            let _ = Product::parse("p", &text, PathBuf::new());
            let _ = Product::parse("p", &format!("{}{text}{}", &SOUND[..cut], &SOUND[cut..]), PathBuf::new());
        }
    }
}
