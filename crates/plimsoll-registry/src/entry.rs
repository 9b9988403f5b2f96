//! A product in the registry.

use plimsoll_program::{
    Level, ProgrammeVersion, find,
    rules::{Product, Verdict},
    submission::Submission,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Certificate;

/// A product in one version of the programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its directory in the programme's repository, such as `v1.37/acme`.
    pub id: String,
    /// The version of the programme, such as `1.37`.
    pub version: String,
    /// The product's name; its directory's if the file names none.
    pub platform: String,
    /// The product's version.
    pub platform_version: String,
    /// Who certifies it.
    pub vendor: String,
    /// The product's page.
    pub website: String,
    /// Its documentation.
    pub documentation: String,
    /// Its logo.
    pub logo: String,
    /// One sentence.
    pub description: String,
    /// The Kubernetes version verified.
    pub kubernetes: String,
    /// Whether the file would pass today's rules; a certificate that was given stays given.
    pub valid_today: bool,
    /// Its certificate, if its date is known.
    pub certificate: Option<Certificate>,
    /// What is claimed.
    pub requirements: Vec<ClaimEntry>,
    /// The file's text, for those who look for lines.
    #[serde(skip)]
    pub(crate) text: String,
}

/// What a product claims of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClaimEntry {
    /// The requirement.
    pub id: String,
    /// How binding it is in that version of the programme: `MUST` or `SHOULD`.
    #[schemars(with = "String")]
    pub level: Level,
    /// The status as written.
    pub status: String,
    /// Links and files.
    pub evidence: Vec<String>,
    /// Remarks.
    pub notes: String,
}

impl Entry {
    pub(crate) fn of(id: String, product: &Product, verdict: &Verdict) -> Self {
        // What was not read to be judged is not read here.
        let judged = !verdict.text.is_empty();
        let text = judged.then(|| std::fs::read(&product.file).ok()).flatten();
        let submission = text
            .and_then(|bytes| Submission::read(&bytes).ok())
            .unwrap_or_default();
        let field = |name: &str| one_line(submission.text(name).unwrap_or_default());
        let (version, directory) = id.split_once('/').unwrap_or(("", &id));
        let version = version.trim_start_matches('v').to_owned();
        let named = field("platformName");
        Self {
            platform: if named.is_empty() {
                directory.to_owned()
            } else {
                named
            },
            platform_version: field("platformVersion"),
            vendor: field("vendorName"),
            website: field("websiteUrl"),
            documentation: field("documentationUrl"),
            logo: field("productLogoUrl"),
            description: field("description"),
            kubernetes: field("kubernetesVersion"),
            valid_today: verdict.valid(),
            certificate: None,
            requirements: claims(&submission, &version),
            text: verdict.text.clone(),
            version,
            id,
        }
    }

    /// What tells a product from others over versions: vendor and name.
    pub(crate) fn identity(&self) -> (String, String) {
        (self.vendor.to_lowercase(), self.platform.to_lowercase())
    }

    /// The minor version, for order.
    pub(crate) fn minor(&self) -> u32 {
        self.version
            .split_once('.')
            .and_then(|(_, minor)| minor.parse().ok())
            .unwrap_or(0)
    }
}

fn claims(submission: &Submission, version: &str) -> Vec<ClaimEntry> {
    let version: Option<ProgrammeVersion> = version.parse().ok();
    let claims = submission.claims().filter_map(|(_, claim)| {
        // What the programme does not list is no claim.
        let level = find(&claim.id.text).ok()?.level(version?);
        (level != Level::Pillar).then(|| ClaimEntry {
            id: claim.id.text.clone(),
            level,
            status: one_line(&claim.status.text),
            evidence: claim.evidence.iter().map(|entry| one_line(&entry.text)).collect(),
            notes: claim.notes.text.clone(),
        })
    });
    claims.collect()
}

/// On one line, and without what terminals obey.
fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
