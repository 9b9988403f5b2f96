//! The guides to what becomes of a run: their examples, run as they stand. Each `console` block is a command and what it prints,
//! after its exit code where that is not 0. With `UPDATE_PAGES=1` the pages are written again; look at what changed.

use std::{fs, path::Path};

use crate::{plimsoll, text};

/// A key pair that is the same each time, so that its id can stand in a page. It signs nothing else.
const KEY: [(&str, &str); 2] = [
    (
        "vendor.pem",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA0TwHIfOFWljV7N/GYaVhagAjxS9/fFkhPGt6tt5t58\n-----END PRIVATE KEY-----\n",
    ),
    (
        "vendor.pub",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAP2XsrHXD8S0jt54CDNcjd4Rstf5/LcIYw5NN8o3waXA=\n-----END PUBLIC KEY-----\n",
    ),
];

/// Runs the commands of a guide in `home` and compares, or writes, what follows them.
fn hold(guide: &str, home: &Path) {
    let path = format!("{}/../../docs/guide/{guide}.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path).unwrap();
    let mut held = String::new();
    let mut rest = page.as_str();
    while let Some((before, block)) = rest.split_once("```console\n$ plimsoll ") {
        let (block, after) = block.split_once("```\n").expect("a block ends");
        let command = block.lines().next().unwrap();
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let output = plimsoll(home, &arguments);
        held.push_str(&format!("{before}```console\n$ plimsoll {command}\n"));
        if let Some(code) = output.status.code().filter(|code| *code != 0) {
            held.push_str(&format!("? {code}\n"));
        }
        for line in format!("{}{}", text(&output.stdout), text(&output.stderr)).lines() {
            // Blanks at line ends don't survive editors.
            held.push_str(line.trim_end());
            held.push('\n');
        }
        held.push_str("```\n");
        rest = after;
    }
    assert!(!held.is_empty(), "{guide} has no example");
    held.push_str(rest);
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::write(&path, &held).unwrap();
    }
    assert_eq!(
        page, held,
        "run this test with UPDATE_PAGES=1 and look at what changed"
    );
}

/// A short run into `out`; a seed gives the same record each time.
fn run(home: &Path, out: &str, more: &[&str]) {
    let mut arguments = vec![
        "run",
        "-q",
        "--only",
        "gang_scheduling",
        "--program",
        "1.36",
        "--out",
        out,
    ];
    arguments.extend(more);
    plimsoll(home, &arguments);
}

#[test]
fn the_guide_to_reports_shows_what_is_printed() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "out", &["--simulate"]);
    hold("report", home.path());
}

#[test]
fn the_guide_to_verification_shows_what_is_printed() {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in KEY {
        fs::write(home.path().join(name), text).unwrap();
    }
    for out in ["out", "touched"] {
        run(home.path(), out, &["--simulate"]);
    }
    let touched = home.path().join("touched");
    let log = fs::read_to_string(touched.join("e2e.log")).unwrap();
    fs::write(touched.join("e2e.log"), log.replacen("FAIL", "PASS", 1) + "\n").unwrap();
    fs::remove_file(touched.join("junit.xml")).unwrap();
    fs::write(touched.join("evidence/dra_support.md"), "# dra_support: passed\n").unwrap();
    hold("verify", home.path());
}

#[test]
fn the_guide_to_comparisons_shows_what_is_printed() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "before", &["--simulate=kubernetes-1-35"]);
    run(
        home.path(),
        "after",
        &["--simulate=kubernetes-1-37", "--defect", "gang.silent"],
    );
    hold("compare", home.path());
}
