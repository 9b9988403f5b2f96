//! What a container that visits an exporter tells, as it tells it.

use std::time::Duration;

use plimsoll_platform::{Deadline, DeadlineKind, WaitError, pods};
use plimsoll_probe::{Report, Transcript};
use plimsoll_vendors::Metrics;
use tokio::{sync::watch, time::timeout};

use super::{chart::Chart, vocabulary::Named};
use crate::probe_pod::LivePod;

/// Longer than any experiment.
const WHOLE: Deadline = Deadline {
    name: "metrics of a node",
    kind: DeadlineKind::Patience,
    within: Duration::from_secs(1200),
};

/// A chart that grows.
pub(super) struct Feed(watch::Sender<Chart>);

impl Feed {
    pub(super) fn new(metrics: Option<&'static Metrics>, named: &Named) -> Self {
        Self(watch::Sender::new(Chart::new(metrics, named)))
    }

    /// Takes in what the container logs; returns when it can't be followed any more, with the reason.
    pub(super) async fn follow(&self, pod: &LivePod, container: &str) -> WaitError {
        let take = |line: &str| {
            if let Ok(report) = Report::from_line(line) {
                self.0.send_modify(|chart| chart.add(&report));
            }
            None::<()>
        };
        match pods::log_until(&pod.api(), &pod.name(), container, take, WHOLE).await {
            Ok(()) => WaitError::Obstructed("its log ended".to_owned()),
            Err(error) => error,
        }
    }

    /// Waits until the chart is as wanted; false when it is not in time.
    pub(super) async fn until(&self, within: Duration, wanted: impl FnMut(&Chart) -> bool) -> bool {
        let mut charts = self.0.subscribe();
        timeout(within, charts.wait_for(wanted))
            .await
            .is_ok_and(|found| found.is_ok())
    }

    /// Looks at the chart as it is.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Chart) -> T) -> T {
        look(&self.0.borrow())
    }

    /// The moment of the last answer, by the node's clock.
    pub(super) fn latest(&self) -> u64 {
        self.look(|chart| chart.answers.last().copied().unwrap_or_default())
    }
}

/// Follows the log of a container until enough was heard.
pub(super) async fn heard(
    pod: &LivePod,
    container: &str,
    within: Duration,
    enough: impl Fn(&Transcript) -> bool,
) -> Result<Transcript, WaitError> {
    let mut transcript = Transcript::default();
    let take = |line: &str| {
        if let Ok(report) = Report::from_line(line) {
            transcript.add(report);
        }
        (enough(&transcript) || transcript.is_over()).then_some(())
    };
    let deadline = Deadline { within, ..WHOLE };
    pods::log_until(&pod.api(), &pod.name(), container, take, deadline).await?;
    Ok(transcript)
}
