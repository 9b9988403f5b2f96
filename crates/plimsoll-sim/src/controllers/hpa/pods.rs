//! Which pods count, and how, when their values are averaged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use plimsoll_apiserver::Object;
use serde_json::Value;

use super::{
    super::facts::{condition, meta, pod, quantity},
    metrics::Sample,
};

/// How long after a pod's start its use of processors tells nothing while it isn't ready.
const INITIALIZATION: Duration = Duration::from_secs(300);
/// How soon after its start a pod that was never ready says so.
const INITIAL_READINESS: Duration = Duration::from_secs(30);

/// How far a ratio may be from one before it matters, below and above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerances {
    pub(super) down: f64,
    pub(super) up: f64,
}

impl Tolerances {
    pub(super) fn of(own: &Value) -> Self {
        let read = |direction: &str| {
            let tolerance = &own["spec"]["behavior"][direction]["tolerance"];
            #[expect(clippy::cast_precision_loss, reason = "a share of one, in thousandths")]
            quantity::milli_of(tolerance).map_or(0.1, |milli| milli as f64 / 1000.0)
        };
        Self {
            down: read("scaleDown"),
            up: read("scaleUp"),
        }
    }

    pub(super) fn bear(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up)
    }
}

/// Pods by what their values are worth.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) ready: usize,
    pub(super) unready: BTreeSet<String>,
    pub(super) missing: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

/// Groups pods: those that go or failed are ignored, those that pend or only start aren't ready, those without a value
/// are missing.
pub(super) fn group(
    pods: &[Object],
    samples: &BTreeMap<String, Sample>,
    is_cpu: bool,
    now: Timestamp,
) -> Groups {
    let mut groups = Groups::default();
    for of in pods {
        let name = meta::name(of).to_owned();
        if meta::deleting(of) || pod::phase(of) == "Failed" {
            groups.ignored.insert(name);
        } else if pod::phase(of) == "Pending" {
            groups.unready.insert(name);
        } else if let Some(sample) = samples.get(&name) {
            if is_cpu && is_starting(of, sample, now) {
                groups.unready.insert(name);
            } else {
                groups.ready += 1;
            }
        } else {
            groups.missing.insert(name);
        }
    }
    groups
}

fn is_starting(of: &Value, sample: &Sample, now: Timestamp) -> bool {
    let ready = condition::find(&of["status"]["conditions"], "Ready");
    let (Some(ready), Some(started)) = (ready, meta::time(&of["status"]["startTime"])) else {
        return true;
    };
    let since = meta::time(&ready["lastTransitionTime"]).unwrap_or(Timestamp::UNIX_EPOCH);
    let is_unready = ready["status"] == "False";
    let after = |time: Timestamp, duration: Duration| time.checked_add(duration).unwrap_or(Timestamp::MAX);
    if after(started, INITIALIZATION) > now {
        is_unready || sample.at < after(since, sample.window)
    } else {
        is_unready && after(started, INITIAL_READINESS) > since
    }
}

/// What pods' values come to against a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) ratio: f64,
    /// In per cent of what was asked for, where that is the measure.
    pub(super) percent: i64,
    /// The average, in thousandths.
    pub(super) average: i64,
}

/// Compares values with a target.
pub(super) type Measure<'a> = &'a dyn Fn(&BTreeMap<String, Sample>) -> Result<Use, String>;

/// What a size is found from.
pub(super) struct Sizing<'a> {
    pub(super) current: i64,
    pub(super) pods: &'a [Object],
    pub(super) is_cpu: bool,
    pub(super) tolerances: Tolerances,
    pub(super) now: Timestamp,
    pub(super) measure: Measure<'a>,
    /// What a pod without a value is taken to use where that means more pods.
    pub(super) missing: &'a dyn Fn(&str) -> i64,
}

/// The size that values propose, and what they come to.
///
/// # Errors
/// Why nothing can be said.
pub(super) fn size(of: &Sizing<'_>, mut samples: BTreeMap<String, Sample>) -> Result<(i64, Use), String> {
    let Sizing {
        current,
        pods,
        is_cpu,
        tolerances,
        now,
        measure,
        missing,
    } = *of;
    if pods.is_empty() {
        return Err("no pods returned by selector while calculating replica count".to_owned());
    }
    let groups = group(pods, &samples, is_cpu, now);
    samples.retain(|name, _| !groups.ignored.contains(name) && !groups.unready.contains(name));
    if samples.is_empty() {
        return Err("did not receive metrics for targeted pods (pods might be unready)".to_owned());
    }
    let first = measure(&samples)?;
    let grows_with_unready = !groups.unready.is_empty() && first.ratio > 1.0;
    if !grows_with_unready && groups.missing.is_empty() {
        let size = if tolerances.bear(first.ratio) {
            current
        } else {
            whole(first.ratio, groups.ready)
        };
        return Ok((size, first));
    }
    let mut take = |name: &String, milli: i64| {
        samples.insert(
            name.clone(),
            Sample {
                milli,
                at: now,
                window: Duration::ZERO,
            },
        );
    };
    for name in &groups.missing {
        if first.ratio < 1.0 {
            take(name, missing(name));
        } else if first.ratio > 1.0 {
            take(name, 0);
        }
    }
    if grows_with_unready {
        groups.unready.iter().for_each(|name| take(name, 0));
    }
    let second = measure(&samples)?;
    let turned = (first.ratio < 1.0 && second.ratio > 1.0) || (first.ratio > 1.0 && second.ratio < 1.0);
    if tolerances.bear(second.ratio) || turned {
        return Ok((current, first));
    }
    let size = whole(second.ratio, samples.len());
    let wrong_way = (second.ratio < 1.0 && size > current) || (second.ratio > 1.0 && size < current);
    Ok((if wrong_way { current } else { size }, first))
}

/// A ratio of a number of pods, rounded up.
pub(super) fn whole(ratio: f64, pods: usize) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a number of pods"
    )]
    let size = (ratio * pods as f64).ceil().clamp(0.0, f64::from(i32::MAX)) as i64;
    size
}

/// A quotient of amounts.
pub(super) fn ratio(of: i64, target: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "compared within a tolerance")]
    let ratio = of as f64 / target as f64;
    ratio
}

/// Compares the average with a target.
///
/// # Errors
/// Never.
pub(super) fn by_average(samples: &BTreeMap<String, Sample>, target: i64) -> Result<Use, String> {
    let count = i64::try_from(samples.len()).unwrap_or(i64::MAX).max(1);
    let average = samples.values().map(|sample| sample.milli).sum::<i64>() / count;
    Ok(Use {
        ratio: ratio(average, target),
        percent: 0,
        average,
    })
}

/// Compares the share of what pods asked for with a target in per cent.
///
/// # Errors
/// None of the values is of a known pod.
pub(super) fn by_share(
    samples: &BTreeMap<String, Sample>,
    requests: &BTreeMap<String, i64>,
    target: i64,
) -> Result<Use, String> {
    let known: Vec<(i64, i64)> = samples
        .iter()
        .filter_map(|(name, sample)| Some((sample.milli, *requests.get(name)?)))
        .collect();
    let used: i64 = known.iter().map(|(used, _)| used).sum();
    let asked: i64 = known.iter().map(|(_, asked)| asked).sum();
    if asked == 0 {
        return Err("no metrics returned matched known pods".to_owned());
    }
    let percent = used * 100 / asked;
    let count = i64::try_from(known.len()).unwrap_or(i64::MAX).max(1);
    Ok(Use {
        ratio: ratio(percent, target),
        percent,
        average: used / count,
    })
}

/// What pods ask for of a resource.
///
/// # Errors
/// A container that asks for nothing.
pub(super) fn requests(
    pods: &[Object],
    container: Option<&str>,
    resource: &str,
) -> Result<BTreeMap<String, i64>, String> {
    let mut requests = BTreeMap::new();
    for of in pods {
        let sidecars = meta::items(&of["spec"]["initContainers"])
            .iter()
            .filter(|own| own["restartPolicy"] == "Always");
        let mut sum = 0;
        for own in meta::items(&of["spec"]["containers"]).iter().chain(sidecars) {
            if container.is_some_and(|container| own["name"] != container) {
                continue;
            }
            let Some(asked) = quantity::milli_of(&own["resources"]["requests"][resource]) else {
                let name = own["name"].as_str().unwrap_or_default();
                return Err(format!(
                    "missing request for {resource} in container {name} of Pod {}",
                    meta::name(of)
                ));
            };
            sum += asked;
        }
        requests.insert(meta::name(of).to_owned(), sum);
    }
    Ok(requests)
}
