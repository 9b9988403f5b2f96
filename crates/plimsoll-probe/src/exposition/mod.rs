//! What exporters answer: the text format of Prometheus, and OpenMetrics, as far as both agree.
//!
//! Strict where a line is concerned, tolerant of the rest: a line that is none is counted and told, and the next one is
//! read. Nothing here trusts the text: names, labels and their number are bounded.

mod line;

use std::collections::{BTreeMap, BTreeSet};

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value; perhaps no number.
    pub value: f64,
}

/// A line that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// An exporter's answer, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// The first samples, in their order; of a series that comes twice, both.
    pub samples: Vec<Sample>,
    /// How many there are in all.
    pub total: usize,
    /// The first lines that are none.
    pub malformed: Vec<Malformed>,
    /// How many there are in all.
    pub malformed_lines: usize,
    /// Series that come more than once, among the samples that are kept.
    pub duplicates: usize,
}

/// So many samples are kept; no exporter of accelerators has a tenth of them.
const KEPT: usize = 20_000;

/// So many malformed lines are told.
const TOLD: usize = 3;

impl Exposition {
    /// Reads an answer.
    pub fn parse(text: &str) -> Self {
        let mut read = Self::default();
        let mut seen = BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line::sample(line) {
                Ok(_) if read.samples.len() >= KEPT => read.total += 1,
                Ok(sample) => {
                    read.total += 1;
                    if !seen.insert(key(&sample)) {
                        read.duplicates += 1;
                    }
                    read.samples.push(sample);
                }
                Err(why) => {
                    read.malformed_lines += 1;
                    if read.malformed.len() < TOLD {
                        let line = index + 1;
                        read.malformed.push(Malformed { line, why });
                    }
                }
            }
        }
        read
    }
}

/// What makes two samples the same series.
fn key(sample: &Sample) -> (String, Vec<(String, String)>) {
    let labels = sample.labels.iter();
    (
        sample.name.clone(),
        labels
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
