//! A badge to show beside a product's name.

use jiff::civil::Date;

use super::escaped;
use crate::Entry;

/// About as wide as a character is at this size.
const CHARACTER: usize = 7;

/// The badge of a product on this day.
pub(super) fn badge(entry: &Entry, today: Date) -> String {
    let name = format!("AI conformance {}", entry.version);
    let (state, colour) = match &entry.certificate {
        None => ("date unknown".to_owned(), "#5f6b7a"),
        Some(certificate) if certificate.expired(today) => ("expired".to_owned(), "#b3261e"),
        Some(certificate) => (format!("until {}", certificate.until), "#1b7a3d"),
    };
    let (left, right) = (name.len() * CHARACTER + 12, state.len() * CHARACTER + 12);
    let width = left + right;
    let title = escaped(&format!("{}: {name}, {state}", entry.platform));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>\
         <rect width=\"{width}\" height=\"20\" rx=\"3\" fill=\"#2b3440\"/><path d=\"M{left} 0h{right}v20h-{right}z\" fill=\"{colour}\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,Geneva,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"{}\" y=\"14\">{}</text><text x=\"{}\" y=\"14\">{}</text></g></svg>\n",
        left / 2,
        escaped(&name),
        left + right / 2,
        escaped(&state),
    )
}
