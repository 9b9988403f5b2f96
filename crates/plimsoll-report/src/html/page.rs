//! The page around everything.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use plimsoll_record::Verdict;
use sha2::{Digest as _, Sha256};

use super::{
    detail::Detail,
    gantt::gantt,
    observations::Budget,
    overview::{banner, search, table},
    requirement::requirement,
    topology::topology,
    words::seen,
};
use crate::{RecordedRun, mark::mark};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page.
pub(super) fn page(run: &RecordedRun, detail: Detail) -> Markup {
    let facts = &run.facts;
    let mark = mark(facts.platform.kind);
    let word = mark.map(|mark| format!("{} · ", mark.word)).unwrap_or_default();
    let selected: Vec<_> = run
        .checks
        .iter()
        .filter(|check| check.verdict() != Verdict::Skipped)
        .collect();
    let budget = Budget::of(&selected, detail.facts);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                // Nothing is loaded from anywhere, whatever a cluster's text may contain.
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "plimsoll " (seen(&facts.plimsoll)) };
                title { (word) "AI conformance " (facts.programme) " · run " (seen(&facts.run)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#requirements" { "To the requirements" }
                header {
                    @if let Some(mark) = mark {
                        p.mark { strong { (mark.word) } ": " (mark.meaning) "." }
                    }
                    h1 { "AI conformance " (facts.programme) }
                    (banner(run))
                }
                main {
                    section #requirements aria-labelledby="requirements-title" {
                        h2 #requirements-title { "Requirements" }
                        (search())
                        (table(run))
                    }
                    (gantt(run))
                    (topology(run))
                    @for check in &selected {
                        (requirement(run, check, detail, &budget))
                    }
                }
                footer {
                    p {
                        "Made of " code { "record.jsonl" } " by plimsoll; " code { "plimsoll report DIR" }
                        " makes the same page again, and " code { "plimsoll verify DIR" } " says whether anything was changed."
                        @if let Some(mark) = mark { " " strong { (mark.word) } ": " (mark.meaning) "." }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// Only this page's own script may run.
fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
}
