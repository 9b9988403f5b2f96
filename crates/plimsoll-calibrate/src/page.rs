//! The kill matrix as a page to look at: one HTML file without anything from elsewhere.

use std::fmt::Write as _;

use plimsoll_record::Verdict;

use crate::{
    Calibration, Judged, Subject,
    judge::Outcome,
    table::{alike, name, requirements},
};

const STYLE: &str = include_str!("page.css");

/// The page.
#[must_use]
pub fn page(calibration: &Calibration) -> String {
    let mut html = String::new();
    let ground = if calibration.ground == "simulated" {
        "SIMULATED"
    } else {
        "LAB"
    };
    let missing = calibration.plan.trials.len() - calibration.judged.len();
    let verdict = if calibration.is_sound() {
        (
            "good",
            "Every defect was killed, and nothing raised a false alarm.".to_owned(),
        )
    } else if calibration.judged.iter().any(Judged::is_fault) {
        (
            "bad",
            "The suite has a hole, or raises an alarm where there is nothing.".to_owned(),
        )
    } else {
        (
            "unsure",
            format!("Not finished: {missing} runs were not made, so nothing is proven."),
        )
    };
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Kill matrix · Plimsoll</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<p class=\"mark\">{ground}</p>\n<h1>Kill matrix</h1>\n\
         <p class=\"lead {}\">{}</p>\n<p class=\"facts\">Does the suite notice a broken platform? Each row is a run of the \
         whole suite on a platform that is broken on purpose, or on one that is sound. Defects were seeded into the \
         platform <b>{}</b>; seed {}; {} runs in {:.1} s; Plimsoll {}. None of this says anything about a product.</p>\n",
        verdict.0,
        verdict.1,
        escape(&calibration.plan.platform),
        calibration.plan.seed,
        calibration.judged.len(),
        calibration.wall.as_secs_f64(),
        env!("CARGO_PKG_VERSION"),
    );
    html.push_str(&tally(calibration));
    html.push_str("</header>\n<main>\n");
    let of = |wanted: fn(&Subject) -> bool| -> Vec<&Judged> {
        calibration
            .judged
            .iter()
            .filter(|judged| wanted(&judged.trial.subject))
            .collect()
    };
    let sections = [
        (
            "Defects",
            "One at a time. Killed: the right requirement failed, for a reason that names the cause, and no other failed.",
            of(|subject| matches!(subject, Subject::Defect(_))),
        ),
        (
            "Defects on a platform that takes its time",
            "The same under latencies drawn by the seed.",
            of(|subject| matches!(subject, Subject::UnderLatency(_))),
        ),
        (
            "Pairs of defects",
            "Neither may hide the other. Masked: one was killed, and keeps the other's requirement from being decided.",
            of(|subject| matches!(subject, Subject::Pair(..))),
        ),
    ];
    for (title, about, rows) in sections {
        html.push_str(&defects(title, about, &rows));
    }
    html.push_str(&sound(&of(|subject| matches!(subject, Subject::Sound))));
    html.push_str(&left_out(calibration));
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// How many of what.
fn tally(calibration: &Calibration) -> String {
    let judgements = || {
        calibration
            .judged
            .iter()
            .filter_map(|judged| judged.judgement.as_ref())
    };
    let count = |outcome: Outcome| {
        judgements()
            .filter(|judgement| judgement.outcome == outcome)
            .count()
    };
    let sound = calibration
        .judged
        .iter()
        .filter(|judged| judged.judgement.is_none());
    let (alarmed, quiet): (Vec<_>, Vec<_>) = sound.partition(|judged| !judged.alarms.is_empty());
    let mut html = String::from("<ul class=\"tally\">\n");
    let mut item = |class: &str, number: usize, what: &str| {
        let class = if number == 0 { "none" } else { class };
        let _ = writeln!(html, "<li class=\"{class}\"><b>{number}</b> {what}</li>");
    };
    item("good", count(Outcome::Killed), "killed");
    item("bad", count(Outcome::Survived), "survived");
    item("bad", count(Outcome::Misattributed), "misattributed");
    item("unsure", count(Outcome::Masked), "masked");
    item("good", quiet.len(), "sound, no alarm");
    item("bad", alarmed.len(), "false alarms");
    html.push_str("</ul>\n");
    html
}

fn defects(title: &str, about: &str, rows: &[&Judged]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let ids = requirements(rows);
    let mut html = begin_table(title, about, "defect", "outcome", &ids);
    for judged in rows {
        let Some(judgement) = &judged.judgement else {
            continue;
        };
        let class = match judgement.outcome {
            Outcome::Killed => "good",
            Outcome::Masked => "unsure",
            Outcome::Misattributed | Outcome::Survived => "bad",
        };
        let titles: Vec<&str> = judged
            .trial
            .subject
            .defects()
            .iter()
            .map(|defect| defect.title.as_str())
            .collect();
        let guilty: Vec<String> = judged
            .trial
            .subject
            .defects()
            .iter()
            .map(|defect| defect.requirement.to_string())
            .collect();
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><code>{}</code><small>{}</small></th>\
             <td data-of=\"outcome\"><span class=\"tag {class}\">{}</span></td>{}<td class=\"why\" data-of=\"why\">{}</td></tr>",
            escape(&name(&judged.trial.subject)),
            escape(&titles.join(" · ")),
            judgement.outcome.name(),
            verdicts(judged, &ids, &guilty),
            escape(&judgement.reason),
        );
    }
    html.push_str("</tbody>\n</table>\n</div>\n</section>\n");
    html
}

fn sound(rows: &[&Judged]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let ids = requirements(rows);
    let about =
        "Nothing is broken here, however unusual the platform. An alarm is a requirement that failed.";
    let mut html = begin_table("Sound platforms", about, "platform", "alarm", &ids);
    for (judged, seeds) in alike(rows) {
        let (class, alarm) = if judged.alarms.is_empty() {
            ("good", "none")
        } else {
            ("bad", "false alarm")
        };
        let times = if seeds > 1 {
            format!(" × {seeds} seeds")
        } else {
            String::new()
        };
        let notes = if judged.alarms.is_empty() {
            judged.unexpected.join("; ")
        } else {
            judged.alarms.join("; ")
        };
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><code>{}</code>{times}<small>{}</small></th>\
             <td data-of=\"alarm\"><span class=\"tag {class}\">{alarm}</span></td>{}<td class=\"why\" data-of=\"why\">{}</td></tr>",
            escape(&judged.trial.platform.name),
            escape(&judged.trial.platform.description),
            verdicts(judged, &ids, &[]),
            escape(&notes),
        );
    }
    html.push_str("</tbody>\n</table>\n</div>\n</section>\n");
    html
}

fn left_out(calibration: &Calibration) -> String {
    if calibration.plan.left_out.is_empty() {
        return String::new();
    }
    let mut html = String::from("<section>\n<h2>Left out</h2>\n<ul class=\"left-out\">\n");
    for (defect, why) in &calibration.plan.left_out {
        let _ = writeln!(
            html,
            "<li><code>{}</code> {}</li>",
            escape(&defect.id),
            escape(why)
        );
    }
    html.push_str("</ul>\n</section>\n");
    html
}

fn begin_table(title: &str, about: &str, row: &str, outcome: &str, ids: &[String]) -> String {
    let mut html = format!(
        "<section>\n<h2>{title}</h2>\n<p>{about}</p>\n<div class=\"scroll\">\n<table>\n<thead><tr>\
         <th scope=\"col\">{row}</th><th scope=\"col\">{outcome}</th>"
    );
    for id in ids {
        let _ = write!(
            html,
            "<th scope=\"col\" class=\"cell\">{}</th>",
            escape(&id.replace('_', " "))
        );
    }
    html.push_str("<th scope=\"col\">why</th></tr></thead>\n<tbody>\n");
    html
}

/// One cell for each requirement; those that a defect breaks are framed.
fn verdicts(judged: &Judged, ids: &[String], guilty: &[String]) -> String {
    let mut html = String::new();
    for id in ids {
        let finding = judged
            .findings
            .iter()
            .flatten()
            .find(|finding| finding.requirement.as_str() == id);
        let (class, sign, text, reason) = match finding {
            None => ("none", "–", "not decided".to_owned(), ""),
            Some(finding) => {
                let (class, sign) = match finding.verdict {
                    Verdict::Passed => ("good", "✓"),
                    Verdict::Failed => ("bad", "✕"),
                    Verdict::Inconclusive => ("unsure", "?"),
                    Verdict::NotApplicable | Verdict::Skipped => ("none", "–"),
                };
                (class, sign, finding.verdict.to_string(), finding.reason.as_str())
            }
        };
        let target = if guilty.contains(id) { " target" } else { "" };
        let _ = write!(
            html,
            "<td class=\"cell{target}\" data-of=\"{}\" title=\"{}\"><span class=\"{class}\">{sign} {text}</span></td>",
            escape(&id.replace('_', " ")),
            escape(reason),
        );
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
