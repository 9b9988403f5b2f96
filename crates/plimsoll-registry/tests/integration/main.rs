//! The registry over a checkout, and the guide to it.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

#[path = "../../../plimsoll-program/tests/integration/guide_page.rs"]
mod guide_page;

use std::{
    fs,
    path::{Path, PathBuf},
};

use guide_page::{hold, option};
use jiff::civil::Date;
use plimsoll_registry::{
    Dates, Filter, Registry, expiring_table, list_table, registry_schema, show_text, site, stats,
    stats_table, write_site,
};

/// The programme's files, or none with a loud word; in CI their absence is a failure.
fn programme_files() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/program");
    if folder.is_dir() {
        return Some(folder);
    }
    let reason = format!("the programme's files are not at {}", folder.display());
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
    #[expect(clippy::print_stderr, reason = "a test that compared nothing has to say so")]
    {
        eprintln!("SKIPPED, nothing was compared: {reason}");
    }
    None
}

fn case(programme: &Path, name: &str, target: &Path, change: impl Fn(String) -> String) {
    fs::create_dir_all(target).unwrap();
    let text = fs::read_to_string(programme.join("bad-submissions").join(name).join("PRODUCT.yaml")).unwrap();
    fs::write(target.join("PRODUCT.yaml"), change(text)).unwrap();
}

#[test]
fn the_published_submissions_make_a_registry_and_a_site() {
    let Some(programme) = programme_files() else {
        return;
    };
    let registry = Registry::read(&programme.join("submissions"), &Dates::default()).unwrap();
    assert_eq!(registry.entries.len(), 40);
    let today: Date = "2026-11-25".parse().unwrap();
    let supports = Filter {
        version: Some("1.35".to_owned()),
        support: vec!["gang_scheduling".parse().unwrap()],
        ..Filter::default()
    };
    assert_eq!(registry.filtered(&supports).count(), 15);
    assert!(registry.find("eks").unwrap().id == "v1.35/eks");
    assert!(registry.find("nobody").is_err());
    let stats = stats(&registry.entries);
    assert!(stats["scheduler"]["Kueue"].len() > 10, "{:?}", stats["scheduler"]);
    let first = &stats["scheduler"]["Kueue"][0];
    assert!(first.text.to_lowercase().contains("kueue") && first.source.contains("PRODUCT.yaml:"));
    let files = site(&registry, today);
    assert_eq!(files.len(), 6 + 3 * 40);
    if let Some(folder) = std::env::var_os("PLIMSOLL_SITE") {
        write_site(&registry, today, Path::new(&folder)).unwrap();
    }
}

#[test]
fn the_guide_to_the_registry_shows_what_is_printed() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let checkout = home.path().join("checkout");
    let same = |text: String| text;
    case(
        &programme,
        "ok-base-1.37",
        &checkout.join("v1.37/acme-orchard"),
        same,
    );
    case(
        &programme,
        "ok-base-1.33",
        &checkout.join("v1.33/acme-orchard"),
        same,
    );
    case(
        &programme,
        "spec-cluster-autoscaling-na",
        &checkout.join("v1.36/acme-meadow"),
        |text| {
            text.replace("Acme Orchard", "Acme Meadow").replacen(
                "notes: \"\"",
                "notes: \"Kueue on nodes with NVIDIA H100.\"",
                1,
            )
        },
    );
    let file = home.path().join("dates.txt");
    let lines =
        "v1.37/acme-orchard 2026-11-02\nv1.36/acme-meadow 2026-02-20\nv1.33/acme-orchard 2025-12-01\n";
    fs::write(&file, lines).unwrap();
    let registry = Registry::read(&checkout, &Dates::read(&file).unwrap()).unwrap();
    let width = Some(120);
    hold("registry", home.path(), |words| {
        let today: Date = option(words, "--today").unwrap_or("2026-11-25").parse().unwrap();
        match words[2] {
            "list" => list_table(&registry.entries, today, width),
            "expiring" => expiring_table(&registry.expiring(today, 60), today, width),
            "show" => show_text(registry.find(words[3]).unwrap(), today, width),
            "stats" => stats_table(&stats(&registry.entries), width),
            _ => {
                let files = write_site(&registry, today, &home.path().join(words[3])).unwrap();
                format!("wrote {files} files into {}\n", words[3])
            }
        }
    });
}

#[test]
fn the_published_schema_is_the_one_the_types_have() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/registry.v1.schema.json"
    );
    let generated = format!("{:#}\n", registry_schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(path, &generated).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, generated,
        "run this test with UPDATE_SCHEMAS=1 and look at what changed"
    );
}

#[test]
fn what_the_commands_print_is_as_the_schema_says() {
    let Some(programme) = programme_files() else {
        return;
    };
    let dates = tempfile::NamedTempFile::new().unwrap();
    fs::write(dates.path(), "v1.35/eks 2026-02-20\n").unwrap();
    let registry = Registry::read(
        &programme.join("submissions"),
        &Dates::read(dates.path()).unwrap(),
    )
    .unwrap();
    let validator = jsonschema::draft202012::new(&registry_schema()).unwrap();
    for document in [
        serde_json::to_value(&registry.entries).unwrap(),
        serde_json::to_value(registry.find("eks").unwrap()).unwrap(),
        serde_json::to_value(stats(&registry.entries)).unwrap(),
    ] {
        let faults: Vec<String> = validator
            .iter_errors(&document)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{faults:?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({"scheduler": 3})));
}
