//! The registry for people.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use jiff::civil::Date;
use plimsoll_program::Level;

use crate::{Certificate, Entry, Stats};

fn table(header: &[&str], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.to_vec());
    if let Some(width) = width {
        table.set_width(width);
    }
    table
}

fn until(certificate: Option<&Certificate>, today: Date) -> String {
    match certificate {
        None => "unknown".to_owned(),
        Some(Certificate {
            renewed_by: Some(id), ..
        }) => format!("renewed by {id}"),
        Some(certificate) if certificate.expired(today) => format!("{} (over)", certificate.until),
        Some(certificate) => certificate.until.to_string(),
    }
}

/// How many of a product's requirements of this level are implemented, of how many.
fn share(entry: &Entry, level: Level) -> String {
    let of_level = entry.requirements.iter().filter(|claim| claim.level == level);
    let (mut all, mut implemented) = (0, 0);
    for claim in of_level {
        all += 1;
        implemented += usize::from(claim.status == "Implemented");
    }
    format!("{implemented}/{all}")
}

/// One line a product.
#[must_use]
pub fn list_table<'e>(
    entries: impl IntoIterator<Item = &'e Entry>,
    today: Date,
    width: Option<u16>,
) -> String {
    let mut table = table(
        &[
            "ID",
            "PLATFORM",
            "VERSION",
            "VENDOR",
            "MUST",
            "SHOULD",
            "CERTIFIED UNTIL",
        ],
        width,
    );
    for entry in entries {
        table.add_row([
            entry.id.clone(),
            entry.platform.clone(),
            entry.platform_version.clone(),
            entry.vendor.clone(),
            share(entry, Level::Must),
            share(entry, Level::Should),
            until(entry.certificate.as_ref(), today),
        ]);
    }
    lines(&table)
}

/// The certificates that run out.
#[must_use]
pub fn expiring_table(expiring: &[(&Entry, &Certificate)], today: Date, width: Option<u16>) -> String {
    let mut table = table(
        &["ID", "PLATFORM", "VENDOR", "SINCE", "UNTIL", "DAYS LEFT"],
        width,
    );
    for (entry, certificate) in expiring {
        table.add_row([
            entry.id.clone(),
            entry.platform.clone(),
            entry.vendor.clone(),
            certificate.since.to_string(),
            certificate.until.to_string(),
            certificate.days_left(today).to_string(),
        ]);
    }
    lines(&table)
}

/// What is named, how often, and one line that says so.
#[must_use]
pub fn stats_table(stats: &Stats, width: Option<u16>) -> String {
    let mut table = table(&["KIND", "NAME", "PRODUCTS", "FOR INSTANCE"], width);
    for (kind, names) in stats {
        let mut names: Vec<_> = names.iter().collect();
        names.sort_by_key(|(name, mentions)| (std::cmp::Reverse(mentions.len()), name.to_lowercase()));
        for (name, mentions) in names {
            let first = mentions
                .first()
                .map(|mention| mention.source.clone())
                .unwrap_or_default();
            table.add_row([kind.clone(), name.clone(), mentions.len().to_string(), first]);
        }
    }
    lines(&table)
}

/// All about one product.
#[must_use]
pub fn show_text(entry: &Entry, today: Date, width: Option<u16>) -> String {
    let mut text = format!(
        "{} {}: {}\n",
        entry.platform, entry.platform_version, entry.description
    );
    let facts = [
        ("id", entry.id.as_str()),
        ("vendor", &entry.vendor),
        ("website", &entry.website),
        ("documentation", &entry.documentation),
        ("Kubernetes", &entry.kubernetes),
    ];
    for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:<14} {value}");
    }
    let since = entry.certificate.as_ref().map_or_else(
        || "unknown".to_owned(),
        |certificate| certificate.since.to_string(),
    );
    let _ = writeln!(
        text,
        "{:<14} {since} until {}",
        "certified",
        until(entry.certificate.as_ref(), today)
    );
    let today_s = if entry.valid_today {
        "passes"
    } else {
        "would not pass; the certificate does not depend on it"
    };
    let _ = writeln!(text, "{:<14} {today_s}\n", "rules of today");
    let mut table = table(&["REQUIREMENT", "LEVEL", "STATUS", "EVIDENCE"], width);
    for claim in &entry.requirements {
        let status = if claim.status.is_empty() {
            "–"
        } else {
            &claim.status
        };
        table.add_row([
            claim.id.clone(),
            claim.level.to_string(),
            status.to_owned(),
            claim.evidence.join("\n"),
        ]);
    }
    text.push_str(&lines(&table));
    text
}

/// Without blanks at the ends of lines.
fn lines(table: &Table) -> String {
    table.to_string().lines().fold(String::new(), |mut text, line| {
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}
