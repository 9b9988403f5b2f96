//! What the defects of exporters do to what they say.
//!
//! An exporter's faults are between what it has read and what it writes, so they are the same wherever it runs; how it
//! comes by its readings is each ground's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use plimsoll_vendors::dialect::{Holder, Portion, Quirk, Reading};

/// How much of the present is in a value that is averaged for too long.
const SHARE_OF_NOW: f64 = 0.002;

/// How long an exporter with `met.stale` serves what it has read.
const STALE: Duration = Duration::from_secs(40);

/// How an exporter answers a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With this.
    Text(Vec<u8>),
    /// With this again and again, up to [`ENDLESS`] bytes.
    Endless(Vec<u8>),
    /// Not at all: the connection stays open.
    Nothing,
}

/// What is endless to everybody who reads it.
pub const ENDLESS: usize = 1 << 30;

/// How long a piece of an endless answer is.
const PIECE: usize = 256 << 10;

/// What a proxy says that wants to know who asks.
const SIGN_IN: &str = "<!doctype html>\n<html><head><title>Sign in</title></head>\n<body><form action=\"/login\">\n\
                       <input name=\"user\"><input name=\"password\" type=\"password\">\n</form></body></html>\n";

/// The faults of one exporter, and what they remember.
#[derive(Debug, Clone, Default)]
pub struct ExporterFaults {
    ids: BTreeSet<String>,
    node: String,
    first: Option<Vec<Reading>>,
    cached: Option<(Duration, Vec<Reading>)>,
    holders: BTreeMap<String, Holder>,
    most: BTreeMap<String, u64>,
    averages: BTreeMap<String, f64>,
}

impl ExporterFaults {
    /// Those among the defects `ids` that are of exporters, on a node.
    pub fn new<'a>(ids: impl IntoIterator<Item = &'a str>, node: &str) -> Self {
        let theirs = ids
            .into_iter()
            .filter(|id| id.starts_with("met.") || *id == "mig.one-series");
        Self {
            ids: theirs.map(str::to_owned).collect(),
            node: node.to_owned(),
            ..Self::default()
        }
    }

    /// Whether nobody listens where this node's exporter should be.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.has("met.node-down") && self.is_second()
    }

    /// How a question is answered that should be answered with `text`.
    #[must_use]
    pub fn answer(&self, text: String) -> Answer {
        if self.is_second() && self.has("met.hangs") {
            return Answer::Nothing;
        }
        if self.is_second() && self.has("met.endless") {
            let lines = (0_usize..).map(|number| format!("series_of_nothing{{number=\"{number}\"}} 1\n"));
            let mut piece = String::new();
            for line in lines {
                if piece.len() + line.len() > PIECE {
                    break;
                }
                piece.push_str(&line);
            }
            return Answer::Endless(piece.into_bytes());
        }
        if self.is_second() && self.has("met.garbage") {
            return Answer::Text(SIGN_IN.as_bytes().to_vec());
        }
        let is_sample = |line: &&str| !line.is_empty() && !line.starts_with('#');
        if self.has("met.empty") {
            let comments = text.lines().filter(|line| !is_sample(line));
            return Answer::Text(
                comments
                    .flat_map(|line| [line, "\n"])
                    .collect::<String>()
                    .into_bytes(),
            );
        }
        if self.has("met.nan") {
            let blanked = text.lines().map(|line| match line.rsplit_once(' ') {
                Some((series, _)) if is_sample(&line) => format!("{series} NaN\n"),
                _ => format!("{line}\n"),
            });
            return Answer::Text(blanked.collect::<String>().into_bytes());
        }
        if self.has("met.duplicate") {
            let twice = text.lines().flat_map(|line| {
                let again = if is_sample(&line) { 2 } else { 1 };
                [line, "\n"].repeat(again)
            });
            return Answer::Text(twice.collect::<String>().into_bytes());
        }
        Answer::Text(text.into_bytes())
    }

    fn is_second(&self) -> bool {
        self.node.ends_with("-2")
    }

    /// What is said, at `now`, in place of what was read.
    pub fn distort(&mut self, now: Duration, mut readings: Vec<Reading>) -> Vec<Reading> {
        if self.ids.is_empty() {
            return readings;
        }
        if self.has("met.frozen") {
            return self.first.get_or_insert(readings).clone();
        }
        if self.has("met.stale") {
            return self.cached(now, readings);
        }
        if self.has("mig.one-series") {
            readings = merge(readings);
        }
        if self.has("met.missing-device") {
            readings.pop();
        }
        if self.has("met.swapped") {
            swap(&mut readings);
        }
        if self.has("met.one-for-all")
            && let Some(first) = readings.first().cloned()
        {
            for reading in &mut readings {
                reading.utilisation = first.utilisation;
                reading.used = first.used;
            }
        }
        for reading in &mut readings {
            self.distort_one(reading);
        }
        readings
    }

    fn distort_one(&mut self, reading: &mut Reading) {
        let uuid = reading.uuid.clone();
        if self.has("met.constant") {
            reading.utilisation = 0.37;
            reading.used = reading.total / 3;
        }
        if self.has("met.sentinel") {
            reading.quirk = Quirk::Blank;
        }
        if self.has("met.units") {
            reading.quirk = Quirk::OtherUnit;
        }
        if self.has("met.total-as-used") {
            reading.used = reading.total;
        }
        if self.has("met.averaged") {
            let average = self.averages.entry(uuid.clone()).or_default();
            *average += (reading.utilisation - *average) * SHARE_OF_NOW;
            reading.utilisation = *average;
        }
        if self.has("met.high-water") {
            let most = self.most.entry(uuid.clone()).or_default();
            *most = reading.used.max(*most);
            reading.used = *most;
        }
        if self.has("met.old-holder") {
            if let Some(holder) = &reading.holder {
                self.holders.entry(uuid.clone()).or_insert_with(|| holder.clone());
            }
            reading.holder = self.holders.get(&uuid).cloned();
        }
    }

    fn cached(&mut self, now: Duration, readings: Vec<Reading>) -> Vec<Reading> {
        match &self.cached {
            Some((at, old)) if now.saturating_sub(*at) < STALE => old.clone(),
            _ => {
                self.cached = Some((now, readings.clone()));
                readings
            }
        }
    }

    fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

/// Gives each the next one's readings; who they are of stays.
fn swap(readings: &mut [Reading]) {
    let all = readings.to_vec();
    for (reading, other) in readings.iter_mut().zip(all.iter().cycle().skip(1)) {
        reading.utilisation = other.utilisation;
        reading.used = other.used;
        reading.holder.clone_from(&other.holder);
    }
}

/// Adds partitions to the device that they are of: one series for all of it.
fn merge(readings: Vec<Reading>) -> Vec<Reading> {
    let mut merged: Vec<Reading> = Vec::new();
    for mut reading in readings {
        if let Some(Portion { whole, .. }) = reading.portion.take() {
            reading.uuid = whole;
        }
        match merged.iter_mut().find(|known| known.uuid == reading.uuid) {
            Some(known) => {
                known.used += reading.used;
                known.utilisation = known.utilisation.max(reading.utilisation);
                known.holder = known.holder.take().or(reading.holder);
            }
            None => merged.push(reading),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Component, Defect, Part};

    fn reading(uuid: &str, utilisation: f64) -> Reading {
        Reading {
            number: uuid.to_owned(),
            uuid: uuid.to_owned(),
            utilisation,
            used: 1000,
            total: 4000,
            holder: None,
            portion: None,
            quirk: Quirk::None,
        }
    }

    fn two() -> Vec<Reading> {
        vec![reading("a", 0.8), reading("b", 0.0)]
    }

    #[test]
    fn without_a_defect_what_was_read_is_said() {
        let mut sound = ExporterFaults::new(["dra.api-only"], "node-2");
        assert_eq!(sound.distort(Duration::ZERO, two()), two());
        assert!(!sound.is_down());
    }

    #[test]
    fn every_defect_of_an_exporter_changes_what_it_says() {
        for defect in Defect::all()
            .iter()
            .filter(|defect| defect.id.starts_with("met."))
        {
            assert_eq!(
                defect.on_lab().unwrap().component,
                Component::Exporter,
                "{}",
                defect.id
            );
            assert_eq!(
                defect.simulated().unwrap().component,
                Part::Exporter,
                "{}",
                defect.id
            );
            let mut faults = ExporterFaults::new([defect.id.as_str()], "node-2");
            let held = |pod: &str, utilisation, used| {
                let mut readings = two();
                readings[0].utilisation = utilisation;
                readings[0].used = used;
                readings[0].holder = Some(Holder {
                    namespace: "ns".to_owned(),
                    pod: pod.to_owned(),
                    container: "c".to_owned(),
                });
                readings
            };
            let steps = [held("first", 0.8, 2000), held("second", 0.1, 1000)];
            let said: Vec<_> = (0..)
                .zip(&steps)
                .map(|(second, step)| faults.distort(Duration::from_secs(second), step.clone()))
                .collect();
            let text = "# HELP a b\na{gpu=\"0\"} 1\n".to_owned();
            let is_other = faults.answer(text.clone()) != Answer::Text(text.into_bytes());
            assert!(
                faults.is_down() || is_other || said != steps,
                "{} changes nothing",
                defect.id
            );
        }
    }

    #[test]
    fn an_answer_is_bad_in_the_way_its_defect_says() {
        let text = "# HELP a b\na{gpu=\"0\"} 1\n";
        let said = |id, node| match ExporterFaults::new([id], node).answer(text.to_owned()) {
            Answer::Text(bytes) => String::from_utf8(bytes).unwrap(),
            Answer::Endless(piece) => format!("{} bytes for ever", piece.len()),
            Answer::Nothing => "nothing".to_owned(),
        };
        assert_eq!(said("met.empty", "n-1"), "# HELP a b\n");
        assert_eq!(said("met.nan", "n-1"), "# HELP a b\na{gpu=\"0\"} NaN\n");
        assert_eq!(
            said("met.duplicate", "n-1"),
            "# HELP a b\na{gpu=\"0\"} 1\na{gpu=\"0\"} 1\n"
        );
        for id in ["met.hangs", "met.endless", "met.garbage"] {
            assert_eq!(said(id, "n-1"), text, "only on the second node");
            assert_ne!(said(id, "n-2"), text);
        }
    }

    #[test]
    fn neighbours_swap_what_they_do_and_keep_who_they_are() {
        let said = ExporterFaults::new(["met.swapped"], "n").distort(Duration::ZERO, two());
        assert_eq!((said[0].uuid.as_str(), said[0].utilisation), ("a", 0.0));
        assert_eq!((said[1].uuid.as_str(), said[1].utilisation), ("b", 0.8));
    }

    #[test]
    fn partitions_that_are_not_told_apart_are_one_with_their_device() {
        let partition = |uuid: &str| Reading {
            portion: Some(Portion {
                whole: "a".to_owned(),
                number: uuid.to_owned(),
                profile: "1g.10gb".to_owned(),
            }),
            ..reading(uuid, 0.5)
        };
        let all = vec![
            reading("a", 0.0),
            partition("p"),
            partition("q"),
            reading("b", 0.0),
        ];
        let said = ExporterFaults::new(["mig.one-series"], "n").distort(Duration::ZERO, all);
        let told: Vec<(&str, u64)> = said
            .iter()
            .map(|reading| (reading.uuid.as_str(), reading.used))
            .collect();
        assert_eq!(told, [("a", 3000), ("b", 1000)]);
    }

    #[test]
    fn what_is_stale_is_renewed_in_the_end() {
        let mut faults = ExporterFaults::new(["met.stale"], "n");
        assert_eq!(faults.distort(Duration::ZERO, two()), two());
        let later = vec![reading("a", 0.0)];
        assert_eq!(faults.distort(Duration::from_secs(39), later.clone()), two());
        assert_eq!(faults.distort(Duration::from_secs(40), later.clone()), later);
    }
}
