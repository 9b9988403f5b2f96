//! What was certified when, as a feed.

use std::fmt::Write;

use jiff::civil::Date;

use super::{escaped, path};
use crate::Registry;

/// The newest certificates first.
pub(super) fn feed(registry: &Registry, today: Date) -> String {
    let mut dated: Vec<_> = registry
        .entries
        .iter()
        .filter_map(|entry| Some((entry.certificate.as_ref()?, entry)))
        .collect();
    dated.sort_by_key(|(certificate, entry)| (std::cmp::Reverse(certificate.since), &entry.id));
    let updated = dated.first().map_or(today, |(certificate, _)| certificate.since);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>Certified Kubernetes AI platforms</title>\n<id>urn:plimsoll:registry</id>\n<updated>{updated}T00:00:00Z</updated>\n\
         <author><name>plimsoll</name></author>\n"
    );
    for (certificate, entry) in dated {
        let title = escaped(&format!(
            "{} {} ({})",
            entry.platform, entry.platform_version, entry.version
        ));
        let _ = writeln!(
            text,
            "<entry><title>{title}</title><id>urn:plimsoll:registry:{id}</id><updated>{since}T00:00:00Z</updated>\
             <link href=\"{id}.html\"/><summary>{}</summary></entry>",
            escaped(&format!(
                "{}, certified until {}",
                entry.vendor, certificate.until
            )),
            id = escaped(&path(&entry.id)),
            since = certificate.since,
        );
    }
    text.push_str("</feed>\n");
    text
}
