//! The examples of a guide: each `console` block is a command and what it prints.

use std::{fs, path::Path};

/// Holds the blocks of a guide to what `run` prints for their commands, given the words behind `plimsoll`; what lies
/// in `home` is named from there. With `UPDATE_PAGES=1` the page is written again; look at what changed.
pub(crate) fn hold(guide: &str, home: &Path, run: impl Fn(&[&str]) -> String) {
    let path = format!("{}/../../docs/guide/{guide}.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path).unwrap();
    let mut held = String::new();
    let mut blocks = 0;
    let mut rest = page.as_str();
    while let Some((before, block)) = rest.split_once("```console\n$ plimsoll ") {
        let (block, after) = block.split_once("```\n").expect("a block ends");
        let command = block.lines().next().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        let printed = run(&words).replace(&format!("{}/", home.display()), "");
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
        return;
    }
    assert_eq!(
        page, held,
        "run this test with UPDATE_PAGES=1 and look at what changed"
    );
}

/// What follows an option among the words of a command.
pub(crate) fn option<'w>(words: &[&'w str], name: &str) -> Option<&'w str> {
    words
        .iter()
        .position(|word| *word == name)
        .and_then(|at| words.get(at + 1))
        .copied()
}
