//! The pages.

use std::fmt::Write;

use jiff::civil::Date;
use plimsoll_program::{Level, ProgrammeVersion, requirements};

use super::{escaped, link, path};
use crate::{Certificate, ClaimEntry, Entry, Registry};

fn page(title: &str, root: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"{root}style.css\">\n\
         <link rel=\"alternate\" type=\"application/atom+xml\" href=\"{root}feed.atom\">\n</head>\n<body>\n\
         <header><nav aria-label=\"Pages\"><a href=\"{root}index.html\">Platforms</a> <a href=\"{root}matrix.html\">Requirements</a> \
         <a href=\"{root}feed.atom\">Feed</a> <a href=\"{root}api/products.json\">JSON</a></nav></header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn certificate(certificate: Option<&Certificate>, today: Date) -> (&'static str, String) {
    match certificate {
        None => ("unknown", "date unknown".to_owned()),
        Some(Certificate {
            renewed_by: Some(id), ..
        }) => ("renewed", format!("renewed by {id}")),
        Some(known) if known.expired(today) => ("expired", format!("expired {}", known.until)),
        Some(known) => ("valid", format!("until {}", known.until)),
    }
}

/// All products, with filters.
pub(super) fn index(registry: &Registry, today: Date) -> String {
    let mut body = format!(
        "<h1>Certified Kubernetes AI platforms</h1>\n<p>{} certificates of {} vendors, as of {today}.</p>\n",
        registry.entries.len(),
        registry
            .entries
            .iter()
            .map(|entry| &entry.vendor)
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
    );
    body.push_str(
        "<form role=\"search\" id=\"filter\">\n<label>Search <input type=\"search\" id=\"text\" autocomplete=\"off\"></label>\n\
         <label>Version <select id=\"version\"><option value=\"\">all</option>",
    );
    for version in ProgrammeVersion::ALL.iter().rev() {
        let _ = write!(body, "<option>{version}</option>");
    }
    body.push_str(
        "</select></label>\n<label>Certificate <select id=\"state\"><option value=\"\">all</option>",
    );
    for state in ["valid", "renewed", "expired", "unknown"] {
        let _ = write!(body, "<option>{state}</option>");
    }
    body.push_str("</select></label>\n<label>Implements <select id=\"requirement\"><option value=\"\">anything</option>");
    for requirement in requirements().iter().filter(|known| known.category.is_some()) {
        let _ = write!(body, "<option>{}</option>", requirement.id);
    }
    body.push_str("</select></label>\n<output id=\"count\" aria-live=\"polite\"></output>\n</form>\n");
    body.push_str(
        "<div class=\"wide\"><table id=\"products\">\n<thead><tr><th scope=\"col\">Platform<th scope=\"col\">Vendor<th scope=\"col\">Version\
         <th scope=\"col\">MUST<th scope=\"col\">SHOULD<th scope=\"col\">Certificate</tr></thead>\n<tbody>\n",
    );
    for entry in &registry.entries {
        let (state, words) = certificate(entry.certificate.as_ref(), today);
        let implemented: Vec<&str> = entry
            .requirements
            .iter()
            .filter(|claim| claim.status == "Implemented")
            .map(|claim| claim.id.as_str())
            .collect();
        let _ = writeln!(
            body,
            "<tr data-version=\"{}\" data-state=\"{state}\" data-implements=\"{}\"><th scope=\"row\"><a href=\"{}.html\">{}</a> {}<td>{}<td>{}<td>{}<td>{}<td class=\"{state}\">{}</tr>",
            escaped(&entry.version),
            implemented.join(" "),
            path(&entry.id),
            escaped(&entry.platform),
            escaped(&entry.platform_version),
            escaped(&entry.vendor),
            escaped(&entry.version),
            share(entry, Level::Must),
            share(entry, Level::Should),
            escaped(&words),
        );
    }
    body.push_str("</tbody>\n</table></div>\n<script src=\"filter.js\" defer></script>\n");
    page("Certified Kubernetes AI platforms", "", &body)
}

fn share(entry: &Entry, level: Level) -> String {
    let of: Vec<&ClaimEntry> = entry
        .requirements
        .iter()
        .filter(|claim| claim.level == level)
        .collect();
    format!(
        "{}/{}",
        of.iter().filter(|claim| claim.status == "Implemented").count(),
        of.len()
    )
}

/// One product.
pub(super) fn product(entry: &Entry, today: Date) -> String {
    let (state, words) = certificate(entry.certificate.as_ref(), today);
    let name = format!("{} {}", entry.platform, entry.platform_version);
    let mut body = format!(
        "<h1>{}</h1>\n<p>{}</p>\n<dl>\n",
        escaped(&name),
        escaped(&entry.description)
    );
    let facts = [
        ("Vendor", escaped(&entry.vendor)),
        ("Programme", escaped(&entry.version)),
        ("Kubernetes", escaped(&entry.kubernetes)),
        (
            "Certificate",
            format!("<span class=\"{state}\">{}</span>", escaped(&words)),
        ),
        (
            "Certified since",
            entry
                .certificate
                .as_ref()
                .map_or_else(|| "unknown".to_owned(), |known| known.since.to_string()),
        ),
        ("Product page", link(&entry.website, &entry.website)),
        ("Documentation", link(&entry.documentation, &entry.documentation)),
        ("Submission", escaped(&entry.id)),
    ];
    for (term, value) in facts {
        let _ = writeln!(body, "<dt>{term}<dd>{value}");
    }
    let _ = writeln!(
        body,
        "<dt>Badge<dd><img src=\"../badges/{}.svg\" alt=\"\"></dl>",
        path(&entry.id)
    );
    body.push_str(
        "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Requirement<th scope=\"col\">Level<th scope=\"col\">Status<th scope=\"col\">Evidence and notes</tr></thead>\n<tbody>\n",
    );
    for claim in &entry.requirements {
        let evidence: Vec<String> = claim
            .evidence
            .iter()
            .map(|entry| format!("<li>{}", link(entry, entry)))
            .collect();
        let list = if evidence.is_empty() {
            String::new()
        } else {
            format!("<ul>{}</ul>", evidence.concat())
        };
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\">{}<td>{}<td class=\"{}\">{}<td>{list}{}</tr>",
            escaped(&claim.id),
            claim.level,
            class(&claim.status),
            escaped(shown(&claim.status)),
            escaped(&claim.notes),
        );
    }
    body.push_str("</tbody>\n</table></div>\n");
    page(&name, "../", &body)
}

/// Requirements against products.
pub(super) fn matrix(registry: &Registry) -> String {
    let mut body = "<h1>Requirements and platforms</h1>\n<p>● implemented, ◐ partially, ○ not implemented, – not applicable, blank: not said.</p>\n\
                    <div class=\"wide\"><table class=\"matrix\">\n<thead><tr><th scope=\"col\">Platform"
        .to_owned();
    let listed: Vec<_> = requirements()
        .iter()
        .filter(|known| known.category.is_some())
        .collect();
    for requirement in &listed {
        let _ = write!(body, "<th scope=\"col\"><span>{}</span>", requirement.id);
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for entry in &registry.entries {
        let _ = write!(
            body,
            "<tr><th scope=\"row\"><a href=\"{}.html\">{}</a> <small>{}</small>",
            path(&entry.id),
            escaped(&entry.platform),
            escaped(&entry.version)
        );
        for requirement in &listed {
            let claim = entry
                .requirements
                .iter()
                .rev()
                .find(|claim| claim.id == requirement.id.as_str());
            let status = claim.map_or("", |claim| claim.status.as_str());
            let (sign, words) = match status {
                "Implemented" => ("●", "implemented"),
                "Partially Implemented" => ("◐", "partially implemented"),
                "Not Implemented" => ("○", "not implemented"),
                "N/A" => ("–", "not applicable"),
                _ => ("", ""),
            };
            if sign.is_empty() {
                body.push_str("<td>");
            } else {
                let _ = write!(
                    body,
                    "<td class=\"{}\"><span role=\"img\" aria-label=\"{words}\">{sign}</span>",
                    class(status)
                );
            }
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody>\n</table></div>\n");
    page("Requirements and platforms", "", &body)
}

fn class(status: &str) -> &'static str {
    match status {
        "Implemented" => "valid",
        "Partially Implemented" => "renewed",
        "Not Implemented" => "expired",
        _ => "unknown",
    }
}

fn shown(status: &str) -> &str {
    if status.is_empty() { "–" } else { status }
}
