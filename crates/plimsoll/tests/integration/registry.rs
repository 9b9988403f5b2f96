//! `plimsoll registry` as reviewers and pipelines meet it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    plimsoll,
    programme::{copy, programme_files},
    text,
};

/// A checkout of three products in `checkout`, and the days of their merges in `dates`.
fn checkout(home: &Path) -> Option<()> {
    let programme = programme_files()?;
    copy(&programme.join("docs"), &home.join("checkout/docs"));
    for (case, path) in [
        ("ok-base-1.37", "v1.37/acme-orchard"),
        ("ok-base-1.33", "v1.33/acme-orchard"),
        ("spec-cluster-autoscaling-na", "v1.36/acme-meadow"),
    ] {
        let target = home.join("checkout").join(path);
        copy(&programme.join("bad-submissions").join(case), &target);
        if path.ends_with("meadow") {
            let file = target.join("PRODUCT.yaml");
            let written = fs::read_to_string(&file)
                .unwrap()
                .replace("Acme Orchard", "Acme Meadow")
                .replacen("notes: \"\"", "notes: \"Kueue on NVIDIA H100.\"", 1);
            fs::write(file, written).unwrap();
        }
    }
    let dates =
        "v1.37/acme-orchard 2026-11-02\nv1.36/acme-meadow 2026-02-20\nv1.33/acme-orchard 2025-12-01\n";
    fs::write(home.join("dates"), dates).unwrap();
    Some(())
}

/// Runs on the checkout with its dates, on a day; the exit code, standard output and what was said.
fn registry(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let given = [
        "registry",
        "checkout",
        "--dates",
        "dates",
        "--today",
        "2027-01-10",
    ];
    let output = plimsoll(home, &[&given, arguments].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn ids(printed: &str) -> Vec<String> {
    let entries: Vec<Value> = serde_json::from_str(printed).unwrap_or_else(|_| panic!("{printed}"));
    entries
        .iter()
        .map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn list_chooses_by_version_vendor_and_claim() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    let listed = |more: &[&str]| {
        let (code, printed, said) = registry(home.path(), &[&["list", "--format", "json"], more].concat());
        assert_eq!(code, Some(0), "{said}");
        ids(&printed)
    };
    assert_eq!(
        listed(&[]),
        ["v1.37/acme-orchard", "v1.36/acme-meadow", "v1.33/acme-orchard"]
    );
    assert_eq!(listed(&["--program", "1.36"]), ["v1.36/acme-meadow"]);
    assert_eq!(listed(&["--vendor", "ACME example"]).len(), 3);
    assert_eq!(listed(&["--vendor", "nobody"]), [""; 0]);
    assert_eq!(
        listed(&[
            "--supports",
            "cluster_autoscaling=n/a",
            "--supports",
            "gang_scheduling"
        ]),
        ["v1.36/acme-meadow"]
    );
    let (code, printed, said) = registry(home.path(), &["list", "--vendor", "nobody"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        printed.lines().count(),
        1,
        "only the head of the table: {printed}"
    );
    assert!(said.contains("no product is as asked for"), "{said}");
}

#[test]
fn certificates_run_a_year_and_the_renewed_do_not_expire() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    let expiring = |within| {
        let (code, printed, said) =
            registry(home.path(), &["expiring", "--within", within, "--format", "json"]);
        assert_eq!(code, Some(0), "{said}");
        ids(&printed)
    };
    assert_eq!(expiring("60d"), ["v1.36/acme-meadow"]);
    assert_eq!(expiring("5w"), [""; 0]);
    // That of 1.33 ran out long ago, but there is a newer one.
    assert_eq!(expiring("52w"), ["v1.36/acme-meadow", "v1.37/acme-orchard"]);
    let (_, printed, _) = registry(home.path(), &["expiring"]);
    assert!(
        printed.contains("2027-02-20") && printed.contains(" 41"),
        "{printed}"
    );
}

#[test]
fn show_finds_a_product_by_id_directory_or_name_and_takes_the_newest() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    for (name, id) in [
        ("v1.33/acme-orchard", "v1.33/acme-orchard"),
        ("v1.37/acme-orchard/", "v1.37/acme-orchard"),
        ("acme-orchard", "v1.37/acme-orchard"),
        ("Acme Meadow", "v1.36/acme-meadow"),
    ] {
        let (code, printed, said) = registry(home.path(), &["show", name, "--format", "json"]);
        assert_eq!(code, Some(0), "{said}");
        let entry: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(entry["id"], id);
    }
    let (_, printed, _) = registry(home.path(), &["show", "v1.33/acme-orchard", "--format", "json"]);
    let entry: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(entry["certificate"]["since"], "2025-12-01");
    assert_eq!(entry["certificate"]["until"], "2026-12-01");
    assert_eq!(entry["certificate"]["renewed_by"], "v1.37/acme-orchard");
}

#[test]
fn stats_name_the_line_that_says_so() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    let (code, printed, said) = registry(home.path(), &["stats", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let stats: Value = serde_json::from_str(&printed).unwrap();
    let mention = &stats["scheduler"]["Kueue"][0];
    let source = mention["source"].as_str().unwrap();
    let (file, line) = source.rsplit_once(':').unwrap();
    let product = fs::read_to_string(home.path().join("checkout").join(file)).unwrap();
    let line = product.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
    assert!(line.contains("Kueue"), "{line}");
    let (_, printed, _) = registry(home.path(), &["stats", "--program", "1.37", "--format", "json"]);
    assert!(!printed.contains("Kueue"), "{printed}");
}

#[test]
fn the_site_is_whole_links_only_to_itself_and_is_the_same_each_time() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    let (code, printed, said) = registry(home.path(), &["site", "pages"]);
    assert_eq!((code, printed.as_str()), (Some(0), ""), "{said}");
    let read = |name: &str| fs::read_to_string(home.path().join("pages").join(name)).unwrap();
    let index = read("index.html");
    let mut links = 0;
    for link in index.split("href=\"").chain(index.split("src=\"")).skip(1) {
        let link = link.split('"').next().unwrap();
        if !link.contains(':') && !link.starts_with('#') && !link.contains('<') {
            assert!(home.path().join("pages").join(link).is_file(), "{link}");
            links += 1;
        }
    }
    assert!(links >= 5, "{index}");
    assert!(!index.contains("src=\"http"), "nothing is loaded from elsewhere");
    let entries = read("api/products.json");
    assert_eq!(ids(&entries).len(), 3);
    registry(home.path(), &["site", "again"]);
    for file in [
        "index.html",
        "matrix.html",
        "feed.atom",
        "badges/v1.36/acme-meadow.svg",
    ] {
        let again = fs::read_to_string(home.path().join("again").join(file)).unwrap();
        assert_eq!(read(file), again, "{file}");
    }
}

#[test]
fn without_a_file_the_days_are_those_of_the_history() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    let git = |arguments: &[&str]| {
        let settings = ["-c", "user.name=n", "-c", "user.email=n@acme.example"];
        Command::new("git")
            .arg("-C")
            .arg(home.path().join("checkout"))
            .args(settings)
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_COMMITTER_DATE", "2026-03-04T12:00:00Z")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    assert!(git(&["init", "-q"]) && git(&["add", "."]) && git(&["commit", "-qm", "c"]));
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["registry", "checkout", "show", "acme-meadow", "--format", "json"])
        .current_dir(home.path())
        .output()
        .unwrap();
    let entry: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(entry["certificate"]["since"], "2026-03-04");
    assert_eq!(entry["certificate"]["source"], "history");
}

#[test]
fn bad_input_names_its_place_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let Some(()) = checkout(home.path()) else {
        return;
    };
    fs::create_dir(home.path().join("empty")).unwrap();
    fs::write(home.path().join("bad"), "# days\nv1.37/acme 2026-13-01\n").unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    for (arguments, words) in [
        (vec!["nowhere", "list"], vec!["`nowhere`"]),
        (vec!["empty", "list"], vec!["PRODUCT.yaml", "help:"]),
        (vec!["checkout", "show", "zzz"], vec!["`zzz`", "list"]),
        (
            vec!["checkout", "list", "--dates", "bad"],
            vec!["bad:2", "2026-11-02"],
        ),
        (vec!["checkout", "list", "--dates", "none"], vec!["`none`"]),
        (
            vec!["checkout", "list", "--supports", "gang_schedulin"],
            vec!["`gang_scheduling`"],
        ),
        (
            vec!["checkout", "list", "--supports", "gang_scheduling=maybe"],
            vec!["`maybe`", "n/a"],
        ),
        (vec!["checkout", "expiring", "--within", "2y"], vec!["60d"]),
        (vec!["checkout", "list", "--today", "tomorrow"], vec!["tomorrow"]),
        (vec!["checkout", "site", "file"], vec!["file"]),
    ] {
        let output = plimsoll(home.path(), &[vec!["registry"], arguments.clone()].concat());
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(3), ""),
            "{arguments:?}: {said}"
        );
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word}: {said}");
        }
    }
}
