//! `report.html`: a run as one page to look at, print and search, without anything from elsewhere.
//!
//! | part | file |
//! |---|---|
//! | the page around everything, its style and its script | `page` |
//! | the verdict at a glance, and the table of requirements | `overview` |
//! | the run over time | `gantt` |
//! | nodes and their accelerators | `topology` |
//! | one requirement: controls, timeline, observations | `requirement`, `observations` |
//! | observations as pictures | `pictures` |
//! | how much of a large run is shown | `detail` |
//!
//! The page works without its script: that only adds search, filter and opening all at once. Every text goes through
//! the template's escaping, and through [`seen`](words::seen), which leaves nothing that turns text around.

mod detail;
mod gantt;
mod observations;
mod overview;
mod page;
mod pictures;
mod requirement;
mod topology;
mod words;

use std::io;

use crate::{RecordedRun, ReportError, Reporter};

/// Writes `report.html`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Html;

impl Reporter for Html {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        let mut page = String::new();
        for detail in detail::DETAILS {
            page = page::page(run, detail).into_string();
            if page.len() <= detail::LARGEST {
                break;
            }
        }
        out.write_all(page.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    }
}
