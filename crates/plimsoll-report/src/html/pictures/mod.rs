//! Observations as pictures. A picture is recognised by the shape of the fact, so a check says nothing about how it is
//! shown:
//!
//! | shape of a fact, at any depth | picture |
//! |---|---|
//! | `timeline.members` of groups with `bound_ms` and `ended_ms` or `gone_ms` | members of gangs over time (`gang`) |
//! | `points` of `[milliseconds, number]` beside a `name` and a `unit` | that number over time; those of one device and unit together (`series`) |
//! | a list of objects with `at_ms` and other numbers | those numbers over time, one chart for each list (`series`) |
//! | a list of objects with `bytes` and other numbers | those numbers over size, on a logarithmic axis (`series`) |

mod chart;
mod gang;
mod series;

use maud::{Markup, html};

use self::chart::Chart;
use super::words::seen;
use crate::RecordedCheck;

/// How many pictures a requirement gets at most.
const MOST: usize = 16;

/// The pictures of `check`'s observations.
pub(super) fn pictures(check: &RecordedCheck) -> Markup {
    let charts: Vec<(String, Chart)> = check
        .observations
        .iter()
        .flat_map(|observation| {
            let mut charts = gang::charts(&observation.fact);
            charts.extend(series::charts(&observation.fact));
            let source = seen(&observation.source);
            charts.into_iter().map(move |chart| (source.clone(), chart))
        })
        .collect();
    if charts.is_empty() {
        return html! {};
    }
    let more = charts.len().saturating_sub(MOST);
    html! {
        h3 { "In pictures" }
        div.pictures { @for (source, chart) in charts.iter().take(MOST) { (chart.figure(source)) } }
        @if more > 0 { p.cut { (more) " more series are in the record." } }
    }
}
