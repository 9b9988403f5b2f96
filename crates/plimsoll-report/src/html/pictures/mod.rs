//! Observations as pictures. A picture is recognised by the shape of the fact, so a check says nothing about how it is
//! shown:
//!
//! | shape of a fact, at any depth | picture |
//! |---|---|
//! | `timeline.members` of groups with `bound_ms` and `ended_ms` or `gone_ms` | members of gangs over time (`gang`) |
//! | kind `device-series` | utilisation and memory of each accelerator against the load applied (`devices`) |
//! | `points` of `[milliseconds, number]` beside a `name` and a `unit` | that number over time; those of one device and unit together (`series`) |
//! | a list of objects with `at_ms` and other numbers | those numbers over time, one chart for each list (`series`) |
//! | a list of objects with `bytes` and other numbers | those numbers over size, on a logarithmic axis (`series`) |

mod chart;
mod devices;
mod gang;
mod series;

use maud::{Markup, html};

use self::chart::Chart;
use super::words::seen;
use crate::RecordedCheck;

/// The pictures of `check`'s observations, `most` of them.
pub(super) fn pictures(check: &RecordedCheck, most: usize) -> Markup {
    let charts: Vec<(String, Chart)> = check
        .observations
        .iter()
        .flat_map(|observation| {
            let mut charts = gang::charts(&observation.fact);
            let fact = &observation.fact;
            charts.extend(devices::charts(fact).unwrap_or_else(|| series::charts(fact)));
            let source = seen(&observation.source);
            charts.into_iter().map(move |chart| (source.clone(), chart))
        })
        .collect();
    if charts.is_empty() {
        return html! {};
    }
    let more = charts.len().saturating_sub(most);
    html! {
        h3 { "In pictures" }
        div.pictures { @for (source, chart) in charts.iter().take(most) { (chart.figure(source)) } }
        @if more > 0 { p.cut { (more) " more series are in the record." } }
    }
}
