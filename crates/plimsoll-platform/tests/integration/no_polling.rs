//! Nothing sleeps until something may have happened: waits are watches with a condition and a deadline.

use std::path::{Path, PathBuf};

/// What sleeping looks like, put together so that this file does not contain it.
fn sleeps() -> Vec<String> {
    [
        "tokio::time::sleep",
        "thread::sleep",
        "time::interval",
        "sleep(",
        "sleep_until(",
        "interval(",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines that sleep, unless one of the five lines before says why that is right.
fn offenders(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let sleeps = sleeps();
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| sleeps.iter().any(|sleep| has_word(line, sleep)))
        .filter(|(index, _)| {
            !lines[index.saturating_sub(5)..*index]
                .iter()
                .any(|line| line.contains("#[expect("))
        })
        .map(|(index, line)| (index + 1, line.trim()))
        .collect()
}

/// Whether the text is there and not the end of a longer word.
fn has_word(line: &str, text: &str) -> bool {
    line.match_indices(text)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn no_source_sleeps() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates", "lab"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 50, "the sources were not found");
    let this = Path::new(file!()).file_name();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.file_name() != this) {
        let text = std::fs::read_to_string(file).unwrap();
        for (line, source) in offenders(&text) {
            found.push(format!("{}:{line}: {source}", file.display()));
        }
    }
    assert!(found.is_empty(), "these lines sleep:\n{}", found.join("\n"));
}

#[test]
fn a_sleep_is_noticed_unless_it_is_expected() {
    let plain = "async fn f() {\n    tokio::time::sleep(D).await;\n}\n";
    assert_eq!(offenders(plain), [(2, "tokio::time::sleep(D).await;")]);
    assert_eq!(offenders("use std::thread;\nthread::sleep(D);\n").len(), 1);
    let expected =
        "#[expect(clippy::disallowed_methods, reason = \"x\")]\nlet t = tokio::time::interval(D);\n";
    assert_eq!(offenders(expected), []);
    assert_eq!(
        offenders("fn oversleep() {}\nlet x = oversleep();\n// thread::sleep(D)\n"),
        []
    );
}
