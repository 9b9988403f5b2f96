//! Snapshots of every format, and what all of them promise.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use plimsoll_program::RequirementId;
use plimsoll_record::PlatformKind;
use plimsoll_report::{
    Colour, Evidence, GithubSummary, Html, Junit, Live, Markdown, Reporter, Results, ResultsJson, Sarif,
    TestLog, VerdictTable, results_schema,
};
use serde_json::Value;

use crate::fixture::{every_verdict, run_of, text};

fn all() -> Vec<(&'static str, Box<dyn Reporter>)> {
    vec![
        ("results.json", Box::new(ResultsJson)),
        ("junit.xml", Box::new(Junit)),
        ("e2e.log", Box::new(TestLog)),
        ("run.md", Box::new(Markdown)),
        ("report.html", Box::new(Html)),
        ("run.sarif", Box::new(Sarif)),
        ("summary.md", Box::new(GithubSummary)),
        (
            "table",
            Box::new(VerdictTable {
                colour: Colour::Never,
                width: Some(120),
            }),
        ),
        (
            "evidence",
            Box::new(Evidence {
                id: RequirementId::new("secure_accelerator_access"),
            }),
        ),
    ]
}

#[test]
fn each_format_looks_as_it_did() {
    let run = every_verdict().run();
    // Nobody reads the page's text: its own tests say what must be in it.
    for (name, reporter) in all().into_iter().filter(|(name, _)| *name != "report.html") {
        insta::assert_snapshot!(name, text(&*reporter, &run));
    }
    for id in ["gang_scheduling", "dra_support"] {
        insta::assert_snapshot!(
            format!("evidence-{id}"),
            text(
                &Evidence {
                    id: RequirementId::new(id)
                },
                &run
            )
        );
    }
    let colours = text(
        &VerdictTable {
            colour: Colour::Always,
            width: None,
        },
        &run,
    );
    insta::assert_snapshot!("table-in-colour", colours.replace('\u{1b}', "␛"));
}

#[test]
fn colours_come_only_when_asked_for() {
    let run = every_verdict().run();
    for (name, reporter) in all() {
        assert!(!text(&*reporter, &run).contains('\u{1b}'), "{name}");
    }
    assert!(
        text(
            &VerdictTable {
                colour: Colour::Always,
                width: None
            },
            &run
        )
        .contains('\u{1b}')
    );
}

#[test]
fn results_of_the_lab_and_the_simulated_platform_say_so_in_every_format() {
    for (kind, word) in [
        (PlatformKind::Lab, Some("LAB")),
        (PlatformKind::Simulated, Some("SIMULATED")),
        (PlatformKind::Cluster, None),
    ] {
        let run = run_of(
            kind,
            &[("secure_accelerator_access", plimsoll_record::Verdict::Passed)],
        );
        for (name, reporter) in all() {
            let text = text(&*reporter, &run);
            let marks: Vec<&str> = ["LAB", "SIMULATED"]
                .into_iter()
                .filter(|mark| text.contains(mark))
                .collect();
            assert_eq!(marks, word.into_iter().collect::<Vec<_>>(), "{name} of {kind:?}");
        }
    }
}

#[test]
fn the_published_schema_is_the_one_the_types_have() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/results.v1.schema.json"
    );
    let generated = format!("{:#}\n", results_schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, generated,
        "run this test with UPDATE_SCHEMAS=1 and look at what changed"
    );
}

#[test]
fn results_are_what_the_schema_says() {
    let validator = jsonschema::draft202012::new(&results_schema()).unwrap();
    let sound = serde_json::to_value(Results::of(&every_verdict().run())).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(&sound)
        .map(|fault| fault.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new());
    // A schema that accepts everything would prove nothing.
    let spoil: [fn(&mut Value); 4] = [
        |results| results["schema"] = "https://example.org".into(),
        |results| results["requirements"][0]["verdict"] = "fine".into(),
        |results| results["platform"]["kind"] = "moon".into(),
        |results| {
            results["run"].as_object_mut().unwrap().remove("id");
        },
    ];
    for change in spoil {
        let mut spoilt = sound.clone();
        change(&mut spoilt);
        assert!(!validator.is_valid(&spoilt), "{spoilt}");
    }
}

/// A `Write` that can be looked at afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn without_a_terminal_each_event_is_one_line() {
    let script = every_verdict();
    let out = Shared::default();
    let mut live = Live::plain(out.clone());
    for event in &script.events {
        live.show(event);
    }
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), script.events.len());
    insta::assert_snapshot!("live", text);
}
