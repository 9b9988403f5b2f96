//! How a calibration is told: the published format, the table and the page.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

mod fixture;

use plimsoll_calibrate::{
    Colour,
    document::{Document, schema},
    page, table,
};
use serde_json::Value;

use fixture::{everything, flawless};

#[test]
fn the_published_schema_is_the_one_the_types_have() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/calibration.v1.schema.json"
    );
    let generated = format!("{:#}\n", schema());
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
fn a_document_is_what_the_schema_says() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let sound = serde_json::to_value(Document::of(&everything())).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(&sound)
        .map(|fault| fault.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new());
    // A schema that accepts everything would prove nothing.
    let spoil: [fn(&mut Value); 4] = [
        |document| document["schema"] = "https://example.org".into(),
        |document| document["ground"] = "moon".into(),
        |document| document["defects"][0]["outcome"] = "fine".into(),
        |document| {
            document["sound"][0].as_object_mut().unwrap().remove("alarms");
        },
    ];
    for change in spoil {
        let mut spoilt = sound.clone();
        change(&mut spoilt);
        assert!(!validator.is_valid(&spoilt), "{spoilt}");
    }
}

#[test]
fn every_run_is_told_where_it_belongs() {
    let document = serde_json::to_value(Document::of(&everything())).unwrap();
    assert_eq!(document["ground"], "simulated");
    assert_eq!(document["mark"], "SIMULATED");
    assert_eq!(document["sound_suite"], false);
    let outcomes: Vec<_> = document["defects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("dra.stale-pool", "killed"),
            ("gang.dead", "survived"),
            ("sec.selector", "misattributed"),
            ("sec.residue", "survived")
        ]
    );
    assert_eq!(document["pairs"][0]["outcome"], "masked");
    assert_eq!(document["under_latency"][0]["outcome"], "killed");
    assert_eq!(
        document["sound"][2]["alarms"][0],
        "gang_scheduling failed: partly bound"
    );
}

#[test]
fn the_suite_is_sound_only_if_every_run_was_made_and_none_speaks_against_it() {
    assert!(flawless().is_sound());
    assert!(!everything().is_sound());
    let mut interrupted = flawless();
    interrupted.judged.pop();
    assert!(!interrupted.is_sound(), "a run is missing");
    let mut nothing = flawless();
    nothing.judged.clear();
    nothing.plan.trials.clear();
    assert!(!nothing.is_sound(), "nothing was tried");
}

#[test]
fn the_table_says_what_is_amiss_and_folds_equal_seeds() {
    let text = table(&everything(), Colour::Never, Some(160));
    for piece in [
        "SIMULATED",
        "gang.dead",
        "survived",
        "misattributed",
        "minimal × 2 seeds",
        "FALSE ALARM",
        "dra.stale-pool + sec.cgroup-open",
        "2 killed",
        "left out: dra.api-only: it can't show",
        "1 dra_support · 2 gang_scheduling · 3 secure_accelerator_access\n",
        "✓ passed · ✗ failed",
        "┆ 1 ┆ 2 ┆ 3 ┆ why",
    ] {
        assert!(text.contains(piece), "{piece}\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours were asked for");
    assert!(table(&everything(), Colour::Always, Some(160)).contains('\u{1b}'));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_quotes() {
    let html = page(&everything());
    for reference in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!html.contains(reference), "{reference}");
    }
    assert!(html.contains("&lt;none&gt;"), "quoted text is escaped");
    assert!(html.contains("prefers-color-scheme: dark"));
    if let Some(path) = std::env::var_os("WRITE_PAGE") {
        std::fs::write(path, html).unwrap();
    }
}
