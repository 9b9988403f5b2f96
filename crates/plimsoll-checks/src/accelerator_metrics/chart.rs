//! What an exporter said of each device over time.

use std::collections::BTreeMap;

use plimsoll_probe::{
    Report,
    protocol::{Problem, Scraped, Series},
};
use plimsoll_vendors::{Metrics, Unit};
use serde_json::{Value, json};

use super::{
    device::Ids,
    vocabulary::{Holder, Meaning, Named, Quantity},
};

/// A value at a moment of the node's wall clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: u64,
    /// As it was written.
    pub(super) raw: f64,
    /// In the base unit; none where it is no reading.
    pub(super) value: Option<f64>,
}

/// A quantity of a device over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) unit: Option<Unit>,
    rank: usize,
    pub(super) points: Vec<Point>,
}

/// A device over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    pub(super) ids: Ids,
    lines: BTreeMap<Quantity, Line>,
    /// Who the exporter said holds it, by moment.
    pub(super) holders: BTreeMap<u64, Vec<Holder>>,
}

/// Everything that was said by the exporters that one container visits.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    metrics: Option<&'static Metrics>,
    named: Named,
    meanings: BTreeMap<u32, (String, Option<Meaning>)>,
    pub(super) devices: BTreeMap<String, Course>,
    /// When exporters answered.
    pub(super) answers: Vec<u64>,
    /// The last reason for which one did not.
    pub(super) problem: Option<Problem>,
    pub(super) duplicates: u64,
    pub(super) malformed: u64,
    /// Names and values of everything else, of the last visit.
    pub(super) others: BTreeMap<String, f64>,
}

impl Chart {
    /// An empty one, to be read by these facts and by what the owner says.
    pub(super) fn new(metrics: Option<&'static Metrics>, named: &Named) -> Self {
        Self {
            metrics,
            named: named.clone(),
            ..Self::default()
        }
    }

    /// Takes in a line of the probe.
    pub(super) fn add(&mut self, report: &Report) {
        match report {
            Report::Series(series) => self.know(series),
            Report::Scraped(scraped) => self.visit(scraped),
            _ => {}
        }
    }

    fn know(&mut self, series: &Series) {
        let meaning = Meaning::of(series, self.metrics, &self.named);
        self.meanings
            .insert(series.series, (series.name.clone(), meaning));
    }

    fn visit(&mut self, scraped: &Scraped) {
        // The moment between question and answer.
        let at = scraped.at_unix_ms + scraped.took_ms / 2;
        self.duplicates = self.duplicates.max(scraped.duplicates);
        self.malformed = self.malformed.max(scraped.malformed_lines);
        if let Some(problem) = &scraped.problem {
            self.problem = Some(problem.clone());
            return;
        }
        self.answers.push(at);
        for (series, value) in &scraped.values {
            let Some((name, meaning)) = self.meanings.get(series) else {
                continue;
            };
            let Some(meaning) = meaning else {
                self.others.insert(name.clone(), value.0);
                continue;
            };
            let course = self
                .devices
                .entry(meaning.ids.key().to_owned())
                .or_insert_with(|| Course {
                    ids: meaning.ids.clone(),
                    ..Course::default()
                });
            let blank = self.metrics.is_some_and(|metrics| metrics.is_blank(value.0));
            course.add(at, name, meaning, value.0, blank);
        }
    }

    /// Whether a device's series have gone by a moment: the last answer until then had none.
    pub(super) fn has_lost(&self, course: &Course, to: u64) -> bool {
        let last_answer = self.answers.iter().rev().find(|at| **at <= to);
        let until = |line: &Line| {
            let points = line.points.iter().rev();
            points.map(|point| point.at).find(|at| *at <= to)
        };
        course.lines.values().filter_map(until).max() < last_answer.copied()
    }

    /// Whether an exporter tells anything of a device.
    pub(super) fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }
}

impl Course {
    fn add(&mut self, at: u64, name: &str, meaning: &Meaning, raw: f64, blank: bool) {
        if let Some(holder) = &meaning.holder {
            let holders = self.holders.entry(at).or_default();
            if !holders.contains(holder) {
                holders.push(holder.clone());
            }
        }
        let line = self.lines.entry(meaning.quantity).or_default();
        if line.name != name {
            if !line.name.is_empty() && line.rank <= meaning.rank {
                return;
            }
            *line = Line {
                name: name.to_owned(),
                unit: Some(meaning.unit),
                rank: meaning.rank,
                points: Vec::new(),
            };
        }
        let is_reading = raw.is_finite() && raw >= 0.0 && !blank;
        let value = is_reading.then(|| raw * meaning.unit.in_base());
        match line.points.last_mut() {
            // A device of several parts, or of several holders, has a series for each.
            Some(last) if last.at == at => {
                if last
                    .value
                    .is_none_or(|last| value.is_some_and(|value| value > last))
                {
                    *last = Point { at, raw, value };
                }
            }
            _ => line.points.push(Point { at, raw, value }),
        }
    }

    pub(super) fn line(&self, quantity: Quantity) -> Option<&Line> {
        self.lines.get(&quantity).filter(|line| !line.points.is_empty())
    }

    pub(super) fn utilisation(&self) -> Option<&Line> {
        self.line(Quantity::Utilisation)
    }

    pub(super) fn used(&self) -> Option<&Line> {
        self.line(Quantity::Used)
    }

    /// As it is kept in the record, see `reading.md`.
    pub(super) fn to_json(&self) -> Value {
        let line = |quantity| {
            self.line(quantity).map(|line| {
                let points: Vec<Value> = line
                    .points
                    .iter()
                    .map(|point| match point.value {
                        Some(_) => json!([point.at, point.raw]),
                        None => json!([point.at, null]),
                    })
                    .collect();
                json!({"name": line.name, "unit": line.unit.map(unit_name), "points": points})
            })
        };
        let mut holders: Vec<Value> = Vec::new();
        let mut last = String::new();
        for (at, said) in &self.holders {
            let shown = said.iter().map(Holder::shown).collect::<Vec<_>>().join(", ");
            if shown != last {
                holders.push(json!([at, shown]));
                last = shown;
            }
        }
        json!({
            "device": {"uuid": self.ids.uuid, "pci": self.ids.pci, "index": self.ids.index},
            "utilisation": line(Quantity::Utilisation), "memory_used": line(Quantity::Used),
            "memory_total": line(Quantity::Total).map(|mut total| {
                // It does not change.
                let last = total["points"].as_array().and_then(|points| points.last().cloned());
                total["points"] = json!(last.into_iter().collect::<Vec<_>>());
                total
            }),
            "holders": holders,
        })
    }
}

impl Line {
    /// The readings within a span of time, both ends included.
    pub(super) fn within(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, f64)> + Clone {
        self.points
            .iter()
            .filter(move |point| (from..=to).contains(&point.at))
            .filter_map(|point| Some((point.at, point.value?)))
    }

    /// The mean of the last three readings within a span of time.
    pub(super) fn level(&self, from: u64, to: u64) -> Option<f64> {
        let values: Vec<f64> = self.within(from, to).map(|(_, value)| value).collect();
        let last = values.get(values.len().saturating_sub(3)..).unwrap_or_default();
        mean(last)
    }

    /// The last reading.
    pub(super) fn last(&self) -> Option<(u64, f64)> {
        self.within(0, u64::MAX).last()
    }
}

impl Holder {
    pub(super) fn shown(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.pod, self.container)
    }
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What people call a unit.
pub(super) fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "percent",
        Unit::Ratio => "ratio",
        Unit::Bytes => "bytes",
        Unit::Kibibytes => "KiB",
        Unit::Megabytes => "MB",
        Unit::Mebibytes => "MiB",
    }
}
