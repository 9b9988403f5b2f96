//! The registry as static pages: nothing runs but the browser, nothing is loaded from elsewhere.

mod atom;
mod badge;
mod pages;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use jiff::civil::Date;

use crate::Registry;

/// The site can't be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the site's file `{}`", path.display())]
pub struct SiteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// All files of the site by their paths: an index with filters, a page per product, a matrix of requirements and
/// products, a JSON API, an Atom feed and badges. A pure function of the registry and the day.
#[must_use]
pub fn site(registry: &Registry, today: Date) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    files.insert("index.html".to_owned(), pages::index(registry, today));
    files.insert("matrix.html".to_owned(), pages::matrix(registry));
    files.insert("style.css".to_owned(), include_str!("style.css").to_owned());
    files.insert("filter.js".to_owned(), include_str!("filter.js").to_owned());
    files.insert("feed.atom".to_owned(), atom::feed(registry, today));
    files.insert("api/products.json".to_owned(), json(&registry.entries));
    for entry in &registry.entries {
        let id = path(&entry.id);
        files.insert(format!("{id}.html"), pages::product(entry, today));
        files.insert(format!("api/{id}.json"), json(entry));
        files.insert(format!("badges/{id}.svg"), badge::badge(entry, today));
    }
    files
}

/// Writes the site into a directory; other files in it stay.
///
/// # Errors
/// When a file can't be written.
pub fn write_site(registry: &Registry, today: Date, directory: &Path) -> Result<usize, SiteError> {
    let files = site(registry, today);
    for (name, text) in &files {
        let path = directory.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        written.map_err(|source| SiteError { path, source })?;
    }
    Ok(files.len())
}

fn json(value: &impl serde::Serialize) -> String {
    // What is serialised has text keys and no numbers that JSON lacks.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// An id as a path: directories of strangers may be called anything.
fn path(id: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/') {
            c
        } else {
            '_'
        }
    };
    let path: String = id.chars().map(plain).collect();
    path.replace("..", "__").trim_start_matches('/').to_owned()
}

/// Text in HTML and XML, in attributes too.
fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, c| {
            match c {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                c if c.is_control() && c != '\n' => escaped.push(' '),
                c => escaped.push(c),
            }
            escaped
        })
}

/// A link, if the text is one to the web; else the text.
fn link(url: &str, text: &str) -> String {
    if url.starts_with("https://") || url.starts_with("http://") {
        format!(
            "<a href=\"{}\" rel=\"nofollow noopener\">{}</a>",
            escaped(url),
            escaped(text)
        )
    } else {
        escaped(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Certificate, ClaimEntry, DateSource, Entry};

    fn registry() -> Registry {
        let claim = |id: &str, status: &str| ClaimEntry {
            id: id.to_owned(),
            level: plimsoll_program::Level::Must,
            status: status.to_owned(),
            evidence: vec![
                "javascript:alert(1)".to_owned(),
                "https://x.example/?a=1&b".to_owned(),
            ],
            notes: "<script>alert(1)</script>".to_owned(),
        };
        let entry = Entry {
            id: "v1.37/a b&..".to_owned(),
            version: "1.37".to_owned(),
            platform: "<img src=x onerror=alert(1)>".to_owned(),
            platform_version: "1".to_owned(),
            vendor: "\"Acme\" & Co".to_owned(),
            website: "javascript:alert(1)".to_owned(),
            documentation: String::new(),
            logo: String::new(),
            description: "]]> \u{1b}".to_owned(),
            kubernetes: "v1.37".to_owned(),
            valid_today: true,
            certificate: Some(Certificate::of("2026-03-01".parse().unwrap(), DateSource::Given)),
            requirements: vec![
                claim("gang_scheduling", "Implemented"),
                claim("pod_autoscaling", "N/A"),
            ],
            text: String::new(),
        };
        Registry { entries: vec![entry] }
    }

    #[test]
    fn nothing_of_a_submission_becomes_markup_or_code() {
        for (name, text) in site(&registry(), "2026-06-01".parse().unwrap()) {
            if name.ends_with(".html") || name.ends_with(".svg") || name.ends_with(".atom") {
                for never in ["<script>alert", "<img src=x", "href=\"javascript", "\u{1b}"] {
                    assert!(!text.contains(never), "{never} in {name}");
                }
            }
            assert!(!name.contains("..") && !name.contains(' '), "{name}");
        }
    }

    #[test]
    fn a_badge_and_the_pages_tell_when_a_certificate_is_over() {
        let on = |day: &str| site(&registry(), day.parse().unwrap());
        let badge = |files: &BTreeMap<String, String>| files["badges/v1.37/a_b___.svg"].clone();
        assert!(badge(&on("2026-06-01")).contains("until 2027-03-01"));
        assert!(badge(&on("2027-06-01")).contains("expired"));
        assert!(on("2027-06-01")["index.html"].contains("expired"));
    }
}
