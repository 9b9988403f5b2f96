//! Visiting exporters from inside the cluster, again and again, and telling what they answer.
//!
//! A series is told once with its labels ([`Report::Series`]); each visit then tells values by its number
//! ([`Report::Scraped`]). Whatever an exporter does, a visit ends in time and a report stays small.

mod answer;
mod target;
mod visit;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

pub use target::{BadTarget, Target};

use crate::Say;
use crate::exposition::{Exposition, Sample};
use crate::host::{Host, Rest, millis};
use crate::protocol::{Report, Scraped, Series, Summary, Value};
use visit::{Limits, Visit, visit};

/// What to visit, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrape {
    /// The exporters.
    pub targets: Vec<Target>,
    /// From the beginning of one round of visits to that of the next.
    pub every: Duration,
    /// How many rounds; without end if none.
    pub rounds: Option<u64>,
    /// Globs of the metrics that are wanted; all of them if empty.
    pub keep: Vec<String>,
    /// How long one visit may take.
    pub within: Duration,
    /// How much of an answer is read.
    pub limit_bytes: usize,
    /// How many samples of an answer are told.
    pub limit_samples: usize,
}

impl Default for Scrape {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            every: Duration::from_secs(1),
            rounds: None,
            keep: Vec::new(),
            within: Duration::from_secs(5),
            limit_bytes: 8 << 20,
            limit_samples: 2000,
        }
    }
}

/// So many series are told of in all, however many visits there are: an exporter may make up new ones each time.
const MOST_SERIES: usize = 20_000;

type Known = BTreeMap<(u32, String, BTreeMap<String, String>), u32>;

impl Scrape {
    /// Visits, and says what came of it.
    ///
    /// # Errors
    /// Those of `say`. An exporter that does not answer is a result, not an error.
    pub async fn run(&self, host: &impl Host, say: Say<'_>) -> io::Result<Summary> {
        let mut known = Known::new();
        let (mut visits, mut failed, mut round) = (0, 0, 0);
        while self.rounds.is_none_or(|rounds| round < rounds) {
            let began = host.monotonic();
            for (target, number) in self.targets.iter().zip(0..) {
                let Some(scraped) = self.visit(target, number, round, host, &mut known, say).await? else {
                    return Ok(summary(visits, failed, &known));
                };
                visits += 1;
                failed += u64::from(scraped.problem.is_some());
                say(Report::Scraped(scraped))?;
            }
            round += 1;
            let over = self.rounds.is_some_and(|rounds| round >= rounds);
            let took = host.monotonic().saturating_sub(began);
            if !over && host.rest(self.every.saturating_sub(took)).await == Rest::Stopped {
                break;
            }
        }
        Ok(summary(visits, failed, &known))
    }

    async fn visit(
        &self,
        target: &Target,
        number: u32,
        round: u64,
        host: &impl Host,
        known: &mut Known,
        say: Say<'_>,
    ) -> io::Result<Option<Scraped>> {
        let (at, began) = (millis(host.unix()), host.monotonic());
        let limits = Limits {
            within: self.within,
            bytes: self.limit_bytes,
        };
        let Some(Visit {
            status,
            body,
            problem,
        }) = visit(target, host, limits).await
        else {
            return Ok(None);
        };
        let took_ms = millis(host.monotonic().saturating_sub(began));
        // What is not text makes a malformed line.
        let read = match status {
            Some(200) => Exposition::parse(&String::from_utf8_lossy(&body)),
            _ => Exposition::default(),
        };
        let mut scraped = Scraped {
            target: number,
            round,
            at_unix_ms: at,
            took_ms,
            status,
            bytes: body.len() as u64,
            samples: read.total as u64,
            malformed_lines: read.malformed_lines as u64,
            duplicates: read.duplicates as u64,
            left_out: 0,
            values: Vec::new(),
            problem,
        };
        for sample in read.samples.into_iter().filter(|sample| self.wants(sample)) {
            if scraped.values.len() >= self.limit_samples {
                scraped.left_out += 1;
                continue;
            }
            let value = Value(sample.value);
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let key = (number, sample.name, sample.labels);
            let series = match known.get(&key) {
                Some(series) => *series,
                None if known.len() >= MOST_SERIES => {
                    scraped.left_out += 1;
                    continue;
                }
                None => {
                    say(Report::Series(Series {
                        series: next,
                        target: number,
                        name: key.1.clone(),
                        labels: key.2.clone(),
                    }))?;
                    known.insert(key, next);
                    next
                }
            };
            scraped.values.push((series, value));
        }
        Ok(Some(scraped))
    }

    fn wants(&self, sample: &Sample) -> bool {
        self.keep.is_empty()
            || self
                .keep
                .iter()
                .any(|glob| fast_glob::glob_match(glob, &sample.name))
    }
}

fn summary(visits: u64, failed: u64, known: &Known) -> Summary {
    Summary::Scrape {
        visits,
        failed,
        series: known.len() as u64,
    }
}

#[cfg(test)]
mod tests;
