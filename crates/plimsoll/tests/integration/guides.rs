//! The examples of the guides, run as they stand: each `console` block is a command and what it prints.
//!
//! With `UPDATE_PAGES=1` the pages are written again; look at what changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{plimsoll, text};

/// The programme's files, or none with a loud word; in CI their absence is a failure.
pub(crate) fn programme_files() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/program");
    if folder.is_dir() {
        return Some(folder);
    }
    let reason = format!("the programme's files are not at {}", folder.display());
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
    eprintln!("SKIPPED, nothing was compared: {reason}");
    None
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Runs the commands of a guide in `home` and compares, or writes, what follows them.
fn hold(guide: &str, home: &Path) {
    let path = format!("{}/../../docs/guide/{guide}.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path).unwrap();
    let mut held = String::new();
    let mut blocks = 0;
    let mut rest = page.as_str();
    while let Some((before, block)) = rest.split_once("```console\n$ plimsoll ") {
        let (block, after) = block.split_once("```\n").expect("a block ends");
        let command = block.lines().next().unwrap();
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let output = plimsoll(home, &arguments);
        let code = match output.status.code() {
            Some(0) => String::new(),
            code => format!(
                "? {}\n",
                code.map_or_else(|| "killed".to_owned(), |code| code.to_string())
            ),
        };
        let printed = format!("{code}{}{}", text(&output.stdout), text(&output.stderr));
        // Blanks at line ends don't survive editors.
        let printed: String = printed
            .lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect();
        held.push_str(&format!(
            "{before}```console\n$ plimsoll {command}\n{printed}```\n"
        ));
        rest = after;
        blocks += 1;
    }
    held.push_str(rest);
    assert!(blocks > 0, "{guide} has no example");
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::write(&path, &held).unwrap();
    }
    assert_eq!(
        page, held,
        "run this test with UPDATE_PAGES=1 and look at what changed"
    );
}

#[test]
fn the_guide_to_validation_shows_what_is_printed() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let checkout = home.path().join("checkout");
    copy(&programme.join("docs"), &checkout.join("docs"));
    let case = |name: &str, path: &str| {
        copy(
            &programme.join("bad-submissions").join(name),
            &checkout.join(path),
        )
    };
    case("ok-base-1.37", "v1.37/acme-orchard");
    case("artifact-junit-failed", "v1.37/acme-meadow");
    case("meta-k8s-url-pull-request", "v1.37/acme-hedge");
    fs::write(
        home.path().join("members.txt"),
        "Acme Example Corp\nExample Foundation\n",
    )
    .unwrap();
    hold("validate", home.path());
}

#[test]
fn the_guide_to_submissions_shows_what_is_printed() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    copy(&programme.join("docs"), &home.path().join("checkout/docs"));
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/submission/product.toml"
    );
    fs::copy(example, home.path().join("ours.toml")).unwrap();
    fs::write(home.path().join("members.txt"), "Acme Example Corp\n").unwrap();
    let only = "gang_scheduling,secure_accelerator_access";
    let run = plimsoll(
        home.path(),
        &[
            "run",
            "--simulate",
            "--program",
            "1.37",
            "--only",
            only,
            "--out",
            "out",
        ],
    );
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    hold("submission", home.path());
}
