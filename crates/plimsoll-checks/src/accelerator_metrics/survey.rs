//! The first visit: which of the places are exporters, of whose devices, and what they say while nothing is done.

use std::{collections::BTreeMap, time::Duration};

use plimsoll_platform::WaitError;
use plimsoll_probe::{
    Report, Transcript,
    protocol::{Problem, ProblemKind},
};
use serde_json::json;

use super::{chart::Chart, device, endpoints::Endpoint, feed::heard, subject::Subject};
use crate::{
    CheckError, Context,
    probe_pod::{Placement, ProbeContainer, ProbePod, Roster, chain},
};

/// How many places one container visits, and how many containers there are.
const PER_CONTAINER: usize = 8;
const CONTAINERS: usize = 16;

/// How long a visit may take here.
const WITHIN: Duration = Duration::from_secs(3);

/// What one place said.
#[derive(Clone, Debug)]
pub(super) struct Visited {
    pub(super) endpoint: Endpoint,
    transcript: Transcript,
    target: u32,
}

/// What a node's exporter said of one subject's devices.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) endpoint: Endpoint,
    pub(super) chart: Chart,
}

/// Visits all places once.
pub(super) async fn visit(
    context: &Context,
    roster: &Roster,
    endpoints: &[Endpoint],
) -> Result<Result<Vec<Visited>, WaitError>, CheckError> {
    let chunks: Vec<&[Endpoint]> = endpoints.chunks(PER_CONTAINER).take(CONTAINERS).collect();
    let name = |number: usize| format!("visit-{number}");
    let mut pod =
        ProbePod::new("survey", &context.probe).placed(&Placement::tolerating(&context.inventory.nodes));
    for (number, chunk) in chunks.iter().enumerate() {
        let mut args = vec![
            "scrape".to_owned(),
            "--rounds=1".to_owned(),
            format!("--within-ms={}", WITHIN.as_millis()),
        ];
        args.extend(chunk.iter().map(|endpoint| format!("--url={}", endpoint.url)));
        pod = pod.container(ProbeContainer::new(name(number), args));
    }
    let live = roster.start(&pod).await?;
    if let Err(error) = live.started(&context.patience).await {
        return Ok(Err(error));
    }
    let mut visited = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let within = WITHIN * u32::try_from(chunk.len()).unwrap_or(1) + context.patience.report().within;
        let transcript = match heard(&live, &name(number), within, Transcript::is_over).await {
            Ok(transcript) => transcript,
            Err(error) => return Ok(Err(error)),
        };
        visited.extend((0..).zip(*chunk).map(|(target, endpoint)| Visited {
            endpoint: endpoint.clone(),
            transcript: transcript.clone(),
            target,
        }));
    }
    context.observe(
        "first visit to what may be exporters",
        json!(visited.iter().map(Visited::to_json).collect::<Vec<_>>()),
    );
    Ok(Ok(visited))
}

impl Visited {
    /// Whether it has a series of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut series = self.transcript.series.iter();
        series.any(|series| series.target == self.target && series.name == name)
    }

    /// What it said, read as a subject's.
    fn chart(&self, subject: &Subject) -> Chart {
        let mut chart = Chart::new(subject.metrics(), &subject.named);
        for series in self
            .transcript
            .series
            .iter()
            .filter(|series| series.target == self.target)
        {
            chart.add(&Report::Series(series.clone()));
        }
        for scraped in self
            .transcript
            .scrapes
            .iter()
            .filter(|scraped| scraped.target == self.target)
        {
            chart.add(&Report::Scraped(scraped.clone()));
        }
        if chart.answers.is_empty() && chart.problem.is_none() {
            chart.problem = Some(Problem {
                kind: ProblemKind::Unreached,
                text: "it was not visited".to_owned(),
            });
        }
        chart
    }

    fn to_json(&self) -> serde_json::Value {
        let scraped = self
            .transcript
            .scrapes
            .iter()
            .find(|scraped| scraped.target == self.target);
        json!({
            "url": self.endpoint.url, "node": self.endpoint.node, "because": self.endpoint.because,
            "status": scraped.and_then(|scraped| scraped.status),
            "bytes": scraped.map(|scraped| scraped.bytes), "samples": scraped.map(|scraped| scraped.samples),
            "malformed_lines": scraped.map(|scraped| scraped.malformed_lines),
            "problem": scraped.and_then(|scraped| scraped.problem.as_ref()).map(|problem| &problem.text),
        })
    }
}

/// What was said of a subject's devices, by node: of several exporters of a node, the one that says most.
pub(super) fn of_subject(subject: &Subject, visited: &[Visited]) -> BTreeMap<String, Sighting> {
    let mut sightings: BTreeMap<String, Sighting> = BTreeMap::new();
    for place in visited {
        let of = place.endpoint.of.as_deref();
        if of.is_some_and(|of| of != subject.name) {
            continue;
        }
        let chart = place.chart(subject);
        // What only asks to be scraped may be anything.
        if of.is_none() && chart.is_empty() {
            continue;
        }
        let Some(node) = node(subject, &place.endpoint, &chart) else {
            continue;
        };
        let says = chart.devices.len();
        let known = sightings.get(&node).map(|sighting| sighting.chart.devices.len());
        if known.is_none_or(|known| says > known) {
            let endpoint = place.endpoint.clone();
            sightings.insert(node, Sighting { endpoint, chart });
        }
    }
    sightings
}

/// The node that an exporter tells of: its own or, where that is not known, the one whose devices it names.
fn node(subject: &Subject, endpoint: &Endpoint, chart: &Chart) -> Option<String> {
    if let Some(node) = &endpoint.node {
        return subject.nodes.contains_key(node).then(|| node.clone());
    }
    let named = |uuids: &BTreeMap<String, String>| {
        let ids = chart
            .devices
            .values()
            .filter_map(|course| course.ids.uuid.as_deref());
        ids.map(device::uuid).any(|uuid| uuids.contains_key(&uuid))
    };
    let by_name = subject.nodes.iter().find(|(_, share)| named(&share.due.uuids));
    let only = subject.nodes.iter().next().filter(|_| subject.nodes.len() == 1);
    by_name.or(only).map(|(node, _)| node.clone())
}

/// Why a place could not be read.
pub(super) fn unread(sighting: &Sighting) -> Option<String> {
    let problem = sighting.chart.problem.as_ref()?;
    Some(format!("{}: {}", sighting.endpoint.url, problem.text))
}

/// Why nothing was visited.
pub(super) fn not_visited(error: &WaitError) -> String {
    format!("the pod that visits exporters told nothing: {}", chain(error))
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::Path;
    use plimsoll_probe::protocol::{Scraped, Series, Value};
    use plimsoll_vendors::Vendor;

    use super::*;
    use crate::accelerator_metrics::{subject::Share, vocabulary::Named};

    fn subject(vendor: Option<&str>) -> Subject {
        Subject {
            name: vendor.unwrap_or("acme.com").to_owned(),
            vendor: vendor.map(|vendor| Vendor::by_id(vendor).unwrap()),
            path: Path::DevicePlugin {
                resource: "acme.com/npu".to_owned(),
            },
            named: Named::default(),
            homes: BTreeMap::new(),
            nodes: ["a", "b"].map(|node| (node.to_owned(), Share::default())).into(),
        }
    }

    fn visited(of: Option<&str>, node: Option<&str>, series: &[(&str, &str, &str)]) -> Visited {
        let mut transcript = Transcript::default();
        for (number, (name, label, value)) in (0..).zip(series) {
            transcript.series.push(Series {
                series: number,
                target: 0,
                name: (*name).to_owned(),
                labels: [((*label).to_owned(), (*value).to_owned())].into(),
            });
        }
        transcript.scrapes.push(Scraped {
            target: 0,
            round: 0,
            at_unix_ms: 1,
            took_ms: 0,
            status: Some(200),
            bytes: 0,
            samples: 0,
            malformed_lines: 0,
            duplicates: 0,
            left_out: 0,
            values: (0..)
                .zip(series)
                .map(|(number, _)| (number, Value(1.0)))
                .collect(),
            problem: None,
        });
        Visited {
            endpoint: Endpoint {
                url: "http://x".to_owned(),
                node: node.map(str::to_owned),
                of: of.map(str::to_owned),
                because: String::new(),
            },
            transcript,
            target: 0,
        }
    }

    #[test]
    fn a_vendor_that_nobody_described_is_seen_by_what_its_exporter_says() {
        let npu = [
            ("acme_npu_utilization", "npu", "0"),
            ("acme_npu_memory_used_bytes", "npu", "0"),
            ("process_cpu_seconds_total", "x", "y"),
        ];
        let web = [("http_requests_total", "code", "200")];
        let places = [visited(None, Some("a"), &web), visited(None, Some("a"), &npu)];
        let sightings = of_subject(&subject(None), &places);
        assert_eq!(sightings.keys().collect::<Vec<_>>(), ["a"]);
        let chart = &sightings["a"].chart;
        assert_eq!(chart.devices.len(), 1);
        assert!(chart.devices["0"].utilisation().is_some() && chart.devices["0"].used().is_some());
    }

    #[test]
    fn one_vendors_exporter_says_nothing_of_anothers_devices() {
        let dcgm = [("DCGM_FI_DEV_GPU_UTIL", "UUID", "GPU-1")];
        let places = [visited(Some("nvidia"), Some("a"), &dcgm)];
        assert!(of_subject(&subject(Some("amd")), &places).is_empty());
        assert_eq!(of_subject(&subject(Some("nvidia")), &places).len(), 1);
    }

    #[test]
    fn an_exporter_that_says_nothing_is_seen_where_its_profile_leads_to_it() {
        let places = [visited(Some("nvidia"), Some("b"), &[])];
        let sightings = of_subject(&subject(Some("nvidia")), &places);
        assert!(sightings["b"].chart.is_empty() && !sightings["b"].chart.answers.is_empty());
        assert!(of_subject(&subject(None), &[visited(None, Some("b"), &[])]).is_empty());
        assert!(
            of_subject(
                &subject(Some("nvidia")),
                &[visited(Some("nvidia"), Some("gone"), &[])]
            )
            .is_empty()
        );
    }
}
