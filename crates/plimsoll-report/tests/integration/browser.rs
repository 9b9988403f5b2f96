//! The page in a browser: clicked through, in light and in dark, on a desk and on a phone. Skips with a loud word where there
//! is no Chromium.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use plimsoll_report::Html;

use crate::fixture::{every_verdict, text};

/// Plays a visitor and writes what it found wrong into the page.
const VISITOR: &str = include_str!("visitor.js");

/// A Chromium of this machine.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|folder| {
        ["chromium", "chromium-browser", "google-chrome", "chrome"].map(|name| folder.join(name))
    });
    let browser = named.into_iter().chain(found).find(|file| file.is_file());
    if browser.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Chromium in PATH or $CHROMIUM, and CI looks at the page"
        );
        eprintln!("SKIPPED, the page was not looked at: no Chromium in PATH or $CHROMIUM");
    }
    browser
}

/// The page as the browser has it once its scripts have run.
fn visited(browser: &Path, home: &Path, page: &str, arguments: &[&str]) -> String {
    let file = home.join("report.html");
    std::fs::write(&file, page).expect("the page is written");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--virtual-time-budget=2000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", home.join("profile").display()))
        .args(arguments)
        .arg(format!("file://{}", file.display()))
        .env("HOME", home)
        .output()
        .expect("the browser starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_visitor_finds_everything_in_light_and_dark_on_desk_and_phone() {
    let Some(browser) = chromium() else { return };
    let page = text(&Html, &every_verdict().run());
    // The page lets no other script run, so the visitor comes without that rule.
    let start = page
        .find("<meta http-equiv=\"Content-Security-Policy\"")
        .expect("the page has a policy");
    let end = start + page[start..].find('>').expect("the element ends") + 1;
    let visited_page = format!("{}{}<script>{VISITOR}</script>", &page[..start], &page[end..]);
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["--window-size=1280,900"][..],
        &["--window-size=1280,900", "--force-dark-mode"],
        &["--window-size=500,900"],
    ] {
        let seen = visited(&browser, home.path(), &visited_page, arguments);
        let found = seen
            .split("<pre id=\"wrong\">")
            .nth(1)
            .and_then(|rest| rest.split("</pre>").next());
        assert_eq!(found, Some("nothing"), "{arguments:?}");
    }
}

#[test]
fn the_page_lets_its_own_script_run_and_needs_no_other() {
    let Some(browser) = chromium() else { return };
    let home = tempfile::tempdir().unwrap();
    let seen = visited(&browser, home.path(), &text(&Html, &every_verdict().run()), &[]);
    assert!(
        seen.contains("<form class=\"search\" role=\"search\">"),
        "the script shows the search"
    );
}
