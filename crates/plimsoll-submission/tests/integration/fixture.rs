//! A product, its runs and the official checklist.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use plimsoll_program::{ProgrammeVersion, RequirementId, find, requirements};
use plimsoll_record::{
    CheckFinished, CheckPlanned, Control, ControlKind, Event, FORMAT, Outcome, PlatformFacts, PlatformKind,
    RecordWriter, RunStarted, Verdict, What,
};
use plimsoll_submission::{ComposeError, Composed, Product, Records, Request, compose};

pub(crate) const PRODUCT: &str = r#"[product]
directory = "acme-orchard"
platform-name = "Acme Orchard"
platform-version = "3.2"
vendor-name = "Acme Example Corp"
website-url = "https://orchard.acme.example/"
repo-url = "https://git.acme.example/orchard"
documentation-url = "https://docs.acme.example/orchard/"
product-logo-url = "https://orchard.acme.example/logo.svg"
description = "A fictional platform: \"for\" AI."
contact-email-address = "conformance@acme.example"
k8s-conformance-url = "https://github.com/cncf/k8s-conformance/tree/master/v1.37/acme-orchard"
"#;

/// The official checklist, or none with a loud word; in CI its absence is a failure.
pub(crate) fn checklist(version: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/program/docs")
        .join(format!("AIConformance-{version}.yaml"));
    if file.is_file() {
        return Some(file);
    }
    let reason = format!("the official checklist is not at {}", file.display());
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
    #[expect(clippy::print_stderr, reason = "a test that compared nothing has to say so")]
    {
        eprintln!("SKIPPED, nothing was compared: {reason}");
    }
    None
}

/// What a run is like.
pub(crate) struct Run<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: PlatformKind,
    pub(crate) version: ProgrammeVersion,
    pub(crate) verdicts: Vec<(&'static str, Verdict)>,
    pub(crate) ended: bool,
}

impl Run<'_> {
    /// One in which every requirement of 1.37 passed.
    pub(crate) fn sound() -> Self {
        let version = ProgrammeVersion::V1_37;
        let listed = requirements()
            .iter()
            .filter(|known| known.levels.contains_key(&version));
        Self {
            name: "r7k2m",
            kind: PlatformKind::Cluster,
            version,
            verdicts: listed.map(|known| (known.id.as_str(), Verdict::Passed)).collect(),
            ended: true,
        }
    }

    pub(crate) fn with(mut self, id: &str, verdict: Verdict) -> Self {
        self.verdicts
            .iter_mut()
            .filter(|(known, _)| *known == id)
            .for_each(|(_, known)| *known = verdict);
        self
    }

    /// Writes the record into a directory below `home`.
    pub(crate) fn record(&self, home: &Path) -> PathBuf {
        let directory = home.join(self.name);
        // The same run again is written anew.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let mut writer = RecordWriter::create(&directory.join(plimsoll_record::FILE_NAME)).unwrap();
        let mut now: Timestamp = "2026-10-01T08:00:00Z".parse().unwrap();
        for (seq, (id, what)) in self.events().into_iter().enumerate() {
            now += SignedDuration::from_millis(500);
            let requirement = id.map(RequirementId::new);
            writer
                .append(&Event {
                    seq: seq as u64,
                    at: now,
                    requirement,
                    what,
                })
                .unwrap();
        }
        directory
    }

    fn events(&self) -> Vec<(Option<&'static str>, What)> {
        let platform = PlatformFacts {
            kind: self.kind,
            kubernetes: format!("v{}.1", self.version),
            context: None,
        };
        let mut events = vec![(
            None,
            What::RunStarted(RunStarted {
                format: FORMAT.to_owned(),
                run: self.name.to_owned(),
                plimsoll: "0.1.0".to_owned(),
                programme: self.version,
                platform,
            }),
        )];
        for (id, verdict) in &self.verdicts {
            let fact = find(id).unwrap();
            let planned = CheckPlanned {
                title: fact.title.clone(),
                level: fact.level(self.version),
                kar: fact.kar,
                upstream_tests: fact.upstream_tests.clone(),
                skipped: (*verdict == Verdict::Skipped).then(|| "not named by --only".to_owned()),
            };
            events.push((Some(*id), What::CheckPlanned(planned)));
        }
        for (id, verdict) in self
            .verdicts
            .iter()
            .filter(|(_, verdict)| *verdict != Verdict::Skipped)
        {
            events.push((Some(*id), What::CheckStarted));
            let outcome = if *verdict == Verdict::Failed {
                Outcome::Wrong
            } else {
                Outcome::Right
            };
            let control = Control {
                trial: "native".to_owned(),
                name: "C1".to_owned(),
                kind: ControlKind::Positive,
                outcome,
                detail: "seen <so> & \"so\"".to_owned(),
            };
            events.push((Some(*id), What::ControlDecided(control)));
            let finished = CheckFinished {
                verdict: *verdict,
                reason: format!("because of {id}"),
                advice: None,
                adapter: Some("native".to_owned()),
                duration_ms: 400,
            };
            events.push((Some(*id), What::CheckFinished(finished)));
        }
        if self.ended {
            events.push((None, What::RunFinished));
        }
        events
    }
}

/// Composes a submission from these runs and the product's file.
pub(crate) struct Setting {
    pub(crate) home: tempfile::TempDir,
    pub(crate) checklist: PathBuf,
}

impl Setting {
    pub(crate) fn new(version: &str) -> Option<Self> {
        Some(Self {
            checklist: checklist(version)?,
            home: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) fn product(&self, text: &str) -> Product {
        Product::parse("product.toml", text, self.home.path().to_owned())
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn records(&self, runs: &[Run<'_>]) -> Records {
        let directories: Vec<PathBuf> = runs.iter().map(|run| run.record(self.home.path())).collect();
        Records::read(&directories, true).unwrap()
    }

    pub(crate) fn compose(
        &self,
        runs: &[Run<'_>],
        product: &str,
        update: bool,
    ) -> Result<Composed, ComposeError> {
        let (records, product) = (self.records(runs), self.product(product));
        let root = self.home.path().join("out");
        compose(&Request {
            records: &records,
            product: Some(&product),
            checklist: &self.checklist,
            root: &root,
            update,
        })
    }

    pub(crate) fn text(&self, composed: &Composed, file: &str) -> String {
        fs::read_to_string(composed.directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

/// Rules and ids of what is said of a submission, but that membership was not decided.
pub(crate) fn said(composed: &Composed) -> Vec<(&'static str, String)> {
    let findings = composed
        .verdict
        .findings
        .iter()
        .filter(|finding| finding.rule != "R15");
    findings
        .map(|finding| (finding.rule, finding.id.clone()))
        .collect()
}
