//! The experiment on one node: idle, a steady load, idle again, and a load that comes and goes; all the while the node's
//! exporter is visited. Every stage lasts as long as the exporter takes to show it.

use std::{pin::pin, time::Duration};

use futures::future::{Either, select};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use plimsoll_platform::WaitError;
use plimsoll_probe::Transcript;
use serde_json::{Value, json};

use super::{
    chart::{Chart, Course},
    experiment::{Steady, Wave},
    feed::{Feed, heard},
    judge::{
        back, freshness,
        holder::{self, Said},
        memory, movement, values,
    },
    stimulus::{self, Begun, DUTY, EVERY, LOAD, SCRAPE, Work},
    subject::Subject,
    survey::Sighting,
    vocabulary::Holder,
};
use crate::{
    CheckError, Context,
    probe_pod::{LivePod, Roster, Ruling, chain},
};

/// How long a steady load waits to be seen: what an exporter may take, and what it takes to hear of it.
const SEEN: Duration = Duration::from_secs(50);

/// How many answers make a level.
const ANSWERS: usize = 3;

/// The longest that a reading is waited out: half as long again as it may be old, which tells one that is late from one
/// that never comes.
const SELDOM: Duration = Duration::from_secs(45);

/// How long devices are given to come to rest before a load.
const CALM: Duration = Duration::from_secs(15);

/// A load tells of a period once it is over, and its log may be a moment late.
const PERIODS_MS: u64 = 2000;

/// How many more answers memory is waited for once utilisation has risen.
const MORE_ANSWERS: usize = 8;

/// How close memory in use must be to what is held to be waited for no longer; it may be on its way.
const HELD: f64 = 0.03;

/// What is added to twice the exporter's lag until everything must be back.
const BACK: Duration = Duration::from_secs(15);

/// Halves of waves that are tried in turn; an exporter that does not follow the last one is too slow.
const HALVES: [Duration; 3] = [
    Duration::from_secs(3),
    Duration::from_secs(12),
    Duration::from_secs(32),
];

/// How often a load comes and goes.
const CYCLES: u32 = 2;

/// One node's part of a trial.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    pub(super) subject: &'a Subject,
    pub(super) roster: &'a Roster,
    pub(super) node: &'a str,
    pub(super) sighting: &'a Sighting,
    /// What names of pods end with.
    pub(super) suffix: String,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) rulings: Vec<(&'static str, Ruling)>,
    pub(super) chart: Option<Chart>,
}

/// What was done, as far as it came to that.
#[derive(Default)]
struct Done {
    steady: Option<Steady>,
    wave: Option<Wave>,
}

impl Bench<'_> {
    /// Does it all. What stands in its way leaves controls undecided.
    pub(super) async fn run(&self) -> Result<Outcome, CheckError> {
        let feed = Feed::new(self.subject.metrics(), &self.subject.named);
        let name = format!("scrape-{}", self.suffix);
        let pod = stimulus::scraper(
            self.context,
            self.subject,
            self.node,
            &name,
            &self.sighting.endpoint,
        );
        let scraper = match self.roster.start(&pod).await {
            Ok(pod) => pod,
            Err(error) => return refused(&error).ok_or(error),
        };
        if let Err(error) = scraper.started(&self.context.patience).await {
            return Ok(gap("the pod that visits the exporter", &error));
        }
        let mut rulings = Vec::new();
        let mut done = Done::default();
        let ended = {
            let experiment = pin!(self.experiment(&feed, &mut done, &mut rulings));
            match select(experiment, pin!(feed.follow(&scraper, SCRAPE))).await {
                Either::Left((ended, _)) => ended,
                Either::Right((error, _)) => Ok(Err(error)),
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => rulings.extend(gap("the experiment", &error).rulings),
            Err(error) => match refused(&error) {
                Some(outcome) => rulings.extend(outcome.rulings),
                None => return Err(error),
            },
        }
        let chart = feed.look(Chart::clone);
        self.record(&chart, &done);
        Ok(Outcome {
            rulings,
            chart: Some(chart),
        })
    }

    async fn experiment(
        &self,
        feed: &Feed,
        done: &mut Done,
        rulings: &mut Vec<(&'static str, Ruling)>,
    ) -> Result<Result<(), WaitError>, CheckError> {
        if !feed.until(SEEN, |chart| chart.answers.len() >= ANSWERS).await {
            let why = feed.look(|chart| chart.problem.as_ref().map(|problem| problem.text.clone()));
            rulings.push((
                "M3",
                Ruling::Undecided(format!(
                    "the exporter of node `{}` does not answer a container of the same node{}",
                    self.node,
                    why.map(|why| format!(": {why}")).unwrap_or_default()
                )),
            ));
            return Ok(Ok(()));
        }
        let steady = match self.steadily(feed).await? {
            Ok(steady) => steady,
            Err(error) => return Ok(Err(error)),
        };
        done.steady = Some(steady.clone());
        let rise = self.judge_steady(feed, &steady, rulings);
        self.judge_holder(feed, &steady, rulings).await;
        // What never moved can't be seen to follow.
        let Some(rise) = rise else { return Ok(Ok(())) };
        let lag = feed.look(|chart| lag(chart, &steady));
        for half in halves(lag) {
            let wave = match self.in_waves(feed, half, lag).await? {
                Ok(wave) => wave,
                Err(error) => return Ok(Err(error)),
            };
            let rise = freshness::rise_of(&wave, &steady, rise);
            let followed = feed.look(|chart| freshness::follower(chart, &wave, rise).is_some());
            let last = half == HALVES[HALVES.len() - 1];
            done.wave = Some(wave.clone());
            if followed || last {
                rulings.push((
                    "M8",
                    feed.look(|chart| freshness::judge(self.node, chart, &wave, rise)),
                ));
                break;
            }
        }
        Ok(Ok(()))
    }

    /// A load until it shows, and what comes after it until everything is back.
    async fn steadily(&self, feed: &Feed) -> Result<Result<Steady, WaitError>, CheckError> {
        // A device that was just prepared or given back has readings of that.
        feed.until(CALM, is_calm).await;
        let (idle_from, idle_to) = feed.look(idle);
        let name = format!("load-{}", self.suffix);
        let pod = stimulus::load(self.context, self.subject, self.node, &name, Work::Steadily);
        let pod = self.roster.start(&pod).await?;
        let begun = match self.begin(&pod).await {
            Ok(begun) => begun,
            Err(error) => return Ok(Err(error)),
        };
        let Begun {
            held,
            by,
            held_bytes,
            at,
        } = begun;
        let mut steady = Steady {
            held,
            by,
            duty: DUTY,
            held_bytes,
            idle_from,
            idle_to,
            began: at,
            ended: u64::MAX,
            after_to: u64::MAX,
        };
        let settled = |chart: &Chart| has_settled(self.node, chart, &steady);
        // What an exporter that reads its devices seldom shows first may be of a part of the load.
        if !feed.until(SEEN, settled).await
            && let Some(more) = feed.look(|chart| longest_stay(chart, &steady))
        {
            feed.until(more, settled).await;
        }
        steady.ended = feed.latest();
        match self.worked(&pod, &steady).await {
            Ok(duty) => steady.duty = duty.unwrap_or(DUTY),
            Err(error) => return Ok(Err(error)),
        }
        pod.remove(&self.context.patience).await?;
        let lag = feed.look(|chart| lag(chart, &steady));
        let within = lag * 2 + BACK;
        feed.until(within, |chart| is_over(self.node, chart, &steady))
            .await;
        // How seldom an exporter reads its devices may show only now, where it was quick to show the load by chance.
        let seldom = feed.look(|chart| longest_stay(chart, &steady));
        if let Some(more) = seldom.and_then(|seldom| seldom.checked_sub(lag)) {
            feed.until(more * 2, |chart| is_over(self.node, chart, &steady))
                .await;
        }
        steady.after_to = feed.latest();
        Ok(Ok(steady))
    }

    /// The part of the time that a steady load truly worked.
    async fn worked(&self, pod: &LivePod, steady: &Steady) -> Result<Option<f64>, WaitError> {
        let within = self.context.patience.report().within;
        let told = heard(pod, LOAD, within, |heard| {
            let last = heard.load_periods.last();
            last.is_some_and(|last| last.ended_unix_ms + PERIODS_MS >= steady.ended)
        });
        Ok(stimulus::duty(&told.await?.load_periods))
    }

    async fn begin(&self, pod: &LivePod) -> Result<Begun, WaitError> {
        pod.started(&self.context.patience).await?;
        stimulus::begun(pod, self.context.patience.report().within).await
    }

    async fn in_waves(
        &self,
        feed: &Feed,
        half: Duration,
        lag: Duration,
    ) -> Result<Result<Wave, WaitError>, CheckError> {
        let name = format!("wave-{}-{}", half.as_secs(), self.suffix);
        let work = Work::InWaves { half, cycles: CYCLES };
        let pod = self
            .roster
            .start(&stimulus::load(
                self.context,
                self.subject,
                self.node,
                &name,
                work,
            ))
            .await?;
        let heard = async {
            pod.started(&self.context.patience).await?;
            let within = half * 2 * CYCLES + self.context.patience.report().within;
            heard(&pod, LOAD, within, Transcript::is_over).await
        };
        let transcript = match heard.await {
            Ok(transcript) => transcript,
            Err(error) => return Ok(Err(error)),
        };
        let wave = stimulus::wave(&transcript, half);
        let end = wave.cycles.last().map_or(0, |(_, _, end)| *end);
        let shown = end + u64::try_from(lag.as_millis()).unwrap_or_default();
        // The last rest, as late as the exporter shows it.
        feed.until(lag + EVERY * 3, |chart| {
            chart.answers.last().is_some_and(|at| *at >= shown)
        })
        .await;
        pod.remove(&self.context.patience).await?;
        Ok(Ok(wave))
    }

    /// M2 to M7. By how much the load showed, if it did.
    fn judge_steady(
        &self,
        feed: &Feed,
        steady: &Steady,
        rulings: &mut Vec<(&'static str, Ruling)>,
    ) -> Option<f64> {
        let node = self.node;
        feed.look(|chart| {
            let moves = movement::moves(chart, steady);
            rulings.push(("M2", values::plausible(node, chart)));
            rulings.push(("M3", movement::rises(node, chart, &moves, steady)));
            let others = movement::others_stay(node, chart, &moves, steady);
            rulings.extend(others.map(|others| ("M4", others)));
            rulings.push(("M7", movement::is_the_device(node, chart, &moves, steady)));
            let course = movement::shows(chart, &moves, steady)?;
            rulings.push(("M5", memory::judge(node, chart, course, steady)));
            let moved = moves.iter().find(|moved| moved.ids == course.ids)?;
            let unit = values::other_unit(node, course, moved, steady);
            rulings.extend(unit.map(|unit| ("M2", unit)));
            if !moved.is_one() {
                return None;
            }
            rulings.push(("M6", back::judge(node, chart, course, moved, steady)));
            Some(moved.rise())
        })
    }

    /// M9, where labels are offered.
    async fn judge_holder(&self, feed: &Feed, steady: &Steady, rulings: &mut Vec<(&'static str, Ruling)>) {
        let own = feed.look(|chart| own(chart, steady).cloned());
        let Some(own) = own else { return };
        let ruling = match feed.look(|chart| holder::during(self.node, chart, &own, steady)) {
            Said::Nothing => return,
            Said::Told(ruling) if ruling.is_right() => {
                feed.look(|chart| holder::after(self.node, chart, &own, steady))
            }
            Said::Told(ruling) => ruling,
            Said::Another(named) if self.is_there(&named).await => Ruling::Undecided(format!(
                "pod {} held device {} on node `{}`, and its series named pod {}, which is there as well: they may \
                 share it",
                steady.by.shown(),
                own.ids,
                self.node,
                named.shown()
            )),
            Said::Another(named) => holder::wrong(self.node, &own, steady, &named),
        };
        rulings.push(("M9", ruling));
    }

    /// Whether a pod exists. One that can't be asked for may.
    async fn is_there(&self, named: &Holder) -> bool {
        let pods: Api<Pod> = Api::namespaced(self.context.platform.client(), &named.namespace);
        !matches!(pods.get_metadata_opt(&named.pod).await, Ok(None))
    }

    /// Keeps what was done and what was said in the record, see `reading.md`.
    fn record(&self, chart: &Chart, done: &Done) {
        let loaded = done
            .steady
            .as_ref()
            .and_then(|steady| own(chart, steady))
            .map(|course| course.ids.clone());
        let devices: Vec<Value> = chart
            .devices
            .values()
            .map(|course| {
                let mut device = course.to_json();
                device["loaded"] = json!(loaded.as_ref() == Some(&course.ids));
                device
            })
            .collect();
        let mut loads = Vec::new();
        if let Some(steady) = &done.steady {
            loads.push(json!({
                "kind": "steady", "device": steady.held.to_string(), "duty": steady.duty, "asked": DUTY,
                "held_bytes": steady.held_bytes, "pod": steady.by.shown(),
                "busy": [[steady.began, steady.ended]],
            }));
        }
        if let Some(wave) = &done.wave {
            let busy: Vec<Value> = wave
                .cycles
                .iter()
                .map(|(begin, end, _)| json!([begin, end]))
                .collect();
            loads.push(json!({"kind": "wave", "duty": wave.duty, "asked": 1.0, "half_ms": wave.half_ms, "busy": busy}));
        }
        let lag = done.steady.as_ref().map(|steady| lag(chart, steady).as_millis());
        self.context.observe(
            format!("exporter of node {} at {}", self.node, self.sighting.endpoint.url),
            json!({
                "kind": "device-series", "vendor": self.subject.name, "node": self.node,
                "endpoint": self.sighting.endpoint.url, "clock": "unix-ms", "lag_ms": lag,
                "loads": loads, "devices": devices,
            }),
        );
    }
}

/// The series of the device that was worked on.
fn own<'a>(chart: &'a Chart, steady: &Steady) -> Option<&'a Course> {
    chart.devices.get(movement::located(chart, steady)?.key())
}

/// Whether the last answers of devices vary so little that a load will stand out.
fn is_calm(chart: &Chart) -> bool {
    let from = chart.answers.iter().rev().nth(ANSWERS - 1);
    from.is_some_and(|from| movement::is_calm(chart, *from, DUTY))
}

/// The span of the readings that a load is compared with.
fn idle(chart: &Chart) -> (u64, u64) {
    let answers = &chart.answers;
    let from = if is_calm(chart) {
        answers.iter().rev().nth(ANSWERS - 1)
    } else {
        answers.first()
    };
    let of = |at: Option<&u64>| at.copied().unwrap_or_default();
    (of(from), of(answers.last()))
}

/// Whether a steady load shows, and has done so long enough to tell by how much; or will not show.
fn has_settled(node: &str, chart: &Chart, steady: &Steady) -> bool {
    let since = |from: u64| chart.answers.iter().filter(|at| **at >= from).count();
    if since(steady.began) < ANSWERS {
        return false;
    }
    let moves = movement::moves(chart, steady);
    let Some(course) = movement::shows(chart, &moves, steady) else {
        return false;
    };
    let Some(moved) = moves.iter().find(|moved| moved.ids == course.ids) else {
        // Blank readings stay blank.
        return values::plausible(node, chart).is_wrong() && since(steady.began) > ANSWERS;
    };
    if let Some(lag) = moved.lag_ms.filter(|_| moved.is_one()) {
        let risen = since(steady.began + lag);
        let bytes = steady.held_bytes as f64;
        let held = memory::rise(course, steady).is_none_or(|rise| rise.is_within(bytes, HELD));
        return risen >= ANSWERS && (held || risen >= MORE_ANSWERS);
    }
    since(steady.began) > MORE_ANSWERS && values::other_unit(node, course, moved, steady).is_some()
}

/// Whether everything is as it was before the load.
fn is_over(node: &str, chart: &Chart, steady: &Steady) -> bool {
    let moves = movement::moves(chart, steady);
    let Some(course) = movement::shows(chart, &moves, steady) else {
        return true;
    };
    let since = chart.answers.iter().filter(|at| **at > steady.ended).count();
    let moved = moves.iter().find(|moved| moved.ids == course.ids);
    let fallen =
        moved.is_none_or(|moved| !moved.is_one() || back::is_back(chart, course, moved, steady, u64::MAX));
    let freed = memory::rise(course, steady).is_none_or(|rise| {
        !rise.is(steady.held_bytes as f64) || memory::has_fallen(chart, course, rise.idle, steady, u64::MAX)
    });
    let released = own(chart, steady).is_none_or(|own| holder::after(node, chart, own, steady).is_right());
    since >= 2 && fallen && freed && released
}

/// How late the exporter was to show the load, as far as that was seen.
fn lag(chart: &Chart, steady: &Steady) -> Duration {
    let moves = movement::moves(chart, steady);
    let up = moves
        .iter()
        .filter(|moved| moved.is_one())
        .filter_map(|moved| moved.lag_ms)
        .max();
    let down = movement::shows(chart, &moves, steady).and_then(|course| {
        let moved = moves.iter().find(|moved| moved.ids == course.ids)?;
        let line = course.utilisation()?;
        let fallen = line
            .within(steady.ended, u64::MAX)
            .find(|(_, value)| *value <= moved.idle + moved.rise() / 2.0)?;
        Some(fallen.0.saturating_sub(steady.ended))
    });
    Duration::from_millis(up.into_iter().chain(down).max().unwrap_or_default())
}

/// How long the exporter stays with a reading, as far as that was seen since the load came; no longer than [`SELDOM`].
/// Nothing where its readings never changed: they may never do.
fn longest_stay(chart: &Chart, steady: &Steady) -> Option<Duration> {
    let line = own(chart, steady)?.utilisation()?;
    let mut last = line.within(0, steady.began).last().map(|(_, value)| value);
    let changes: Vec<u64> = line
        .within(steady.began, u64::MAX)
        .filter_map(|(at, value)| (last.replace(value) != Some(value)).then_some(at))
        .collect();
    let (first, latest) = (changes.first()?, *chart.answers.last()?);
    let ends = changes[1..].iter().copied().chain([latest]);
    let stays = changes
        .iter()
        .zip(ends)
        .map(|(from, to)| to.saturating_sub(*from));
    let longest = stays.chain([first.saturating_sub(steady.began)]).max()?;
    Some(Duration::from_millis(longest).min(SELDOM))
}

/// The waves to try: none that is too fast for what was seen of the exporter.
fn halves(lag: Duration) -> impl Iterator<Item = Duration> {
    HALVES
        .into_iter()
        .filter(move |half| *half >= lag + EVERY || *half == HALVES[HALVES.len() - 1])
}

/// What stood in the way of an experiment, as far as that is nobody's fault.
fn gap(what: &str, error: &WaitError) -> Outcome {
    Outcome {
        rulings: vec![("M3", Ruling::Undecided(format!("{what}: {}", chain(error))))],
        chart: None,
    }
}

/// The same of a pod that was refused.
fn refused(error: &CheckError) -> Option<Outcome> {
    match error {
        CheckError::Create(refusal) => Some(Outcome {
            rulings: vec![("M3", Ruling::Undecided(chain(refusal)))],
            chart: None,
        }),
        CheckError::Wait { .. } => Some(Outcome {
            rulings: vec![("M3", Ruling::Undecided(chain(error)))],
            chart: None,
        }),
        CheckError::Api { .. } | CheckError::Lacking(_) => None,
    }
}
