//! A probe's whole log, sorted by what it tells.

use crate::protocol::{
    Arrival, Barrier, DeviceNode, Environment, Failed, Finished, Forged, FoundFiles, LoadPeriod, LoadStarted,
    Mount, Report, Scraped, Series, Started, TextFile, Walked,
};

/// What a log told. Lines that are not the probe's, and kinds that this version does not know, are counted only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The first line.
    pub started: Option<Started>,
    /// Device nodes.
    pub nodes: Vec<DeviceNode>,
    /// The end of the walk: without it, [`nodes`](Self::nodes) may not be all.
    pub walked: Option<Walked>,
    /// Selected variables.
    pub environment: Option<Environment>,
    /// Selected mounts.
    pub mounts: Vec<Mount>,
    /// Text files that were asked for.
    pub texts: Vec<TextFile>,
    /// Files that were looked for.
    pub files: Vec<FoundFiles>,
    /// Attempts to reach devices by making their nodes.
    pub forged: Vec<Forged>,
    /// The load that was begun.
    pub load: Option<LoadStarted>,
    /// What it did.
    pub load_periods: Vec<LoadPeriod>,
    /// Series of exporters, by their numbers.
    pub series: Vec<Series>,
    /// Visits to exporters.
    pub scrapes: Vec<Scraped>,
    /// Who came to the rendezvous, while it lasted.
    pub arrivals: Vec<Arrival>,
    /// How the rendezvous ended.
    pub barrier: Option<Barrier>,
    /// The end of the work.
    pub finished: Option<Finished>,
    /// Why the work could not be done.
    pub failed: Option<Failed>,
    /// Lines that told nothing.
    pub skipped_lines: usize,
}

impl Transcript {
    /// Reads a log.
    pub fn from_log(log: &str) -> Self {
        let mut transcript = Self::default();
        for line in log.lines().filter(|line| !line.trim().is_empty()) {
            match Report::from_line(line) {
                Ok(report) => transcript.add(report),
                Err(_) => transcript.skipped_lines += 1,
            }
        }
        transcript
    }

    /// Takes in one more report.
    pub fn add(&mut self, report: Report) {
        match report {
            Report::Started(started) => self.started = Some(started),
            Report::Node(node) => self.nodes.push(node),
            Report::Walked(walked) => self.walked = Some(walked),
            Report::Environment(environment) => self.environment = Some(environment),
            Report::Mount(mount) => self.mounts.push(mount),
            Report::TextFile(text) => self.texts.push(text),
            Report::FoundFiles(files) => self.files.push(files),
            Report::Forged(forged) => self.forged.push(forged),
            Report::LoadStarted(load) => self.load = Some(load),
            Report::LoadPeriod(period) => self.load_periods.push(period),
            Report::Series(series) => self.series.push(series),
            Report::Scraped(scraped) => self.scrapes.push(scraped),
            Report::Arrival(arrival) => self.arrivals.push(arrival),
            Report::Barrier(barrier) => self.barrier = Some(barrier),
            Report::Finished(finished) => self.finished = Some(finished),
            Report::Failed(failed) => self.failed = Some(failed),
            Report::Unknown => self.skipped_lines += 1,
        }
    }

    /// Whether the work is over, well or not: nothing more is to be waited for.
    pub fn is_over(&self) -> bool {
        self.finished.is_some() || self.failed.is_some()
    }

    /// Nodes that no container has by default: those of devices that were given, or leaked.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceNode> {
        self.nodes.iter().filter(|node| node.matched || !node.standard)
    }

    /// What a text file that was asked for says.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Nodes whose path matches a glob that was asked for.
    pub fn matched(&self) -> impl Iterator<Item = &DeviceNode> {
        self.nodes.iter().filter(|node| node.matched)
    }
}

#[cfg(test)]
mod tests {
    use super::Transcript;

    const LOG: &str = concat!(
        r#"{"report":"node","path":"/dev/null","kind":"character","major":1,"minor":3,"mode":438,"matched":false,"standard":true}"#,
        "\n",
        r#"{"report":"node","path":"/dev/nvidia0","kind":"block","major":7,"minor":3,"mode":438,"matched":true,"standard":false}"#,
        "\nsomething else\n\n",
        r#"{"report":"failed","reason":"no"}"#,
        "\n"
    );

    #[test]
    fn sorts_a_log_and_counts_what_it_does_not_understand() {
        let transcript = Transcript::from_log(LOG);
        assert_eq!(transcript.nodes.len(), 2);
        assert_eq!(transcript.skipped_lines, 1);
        let devices: Vec<&str> = transcript.devices().map(|node| node.path.as_str()).collect();
        assert_eq!(devices, ["/dev/nvidia0"]);
        assert!(transcript.is_over());
    }

    #[test]
    fn a_log_that_has_just_begun_is_not_over() {
        assert!(!Transcript::from_log("").is_over());
    }
}
