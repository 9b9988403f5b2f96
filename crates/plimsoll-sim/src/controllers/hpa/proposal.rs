//! What each metric proposes.

use plimsoll_apiserver::{Direct, Object, resources};
use serde_json::{Value, json};

use super::{
    super::facts::{meta, pod, quantity},
    Target,
    metrics::Metrics,
    pods::{self, Measure, Sizing, Tolerances},
};

/// What there is to propose from.
pub(super) struct View<'a> {
    pub(super) own: &'a Object,
    pub(super) target: &'a Target,
    pub(super) api: &'a Direct,
    pub(super) metrics: &'a dyn Metrics,
}

/// A size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    pub(super) replicas: i64,
    /// The metric that proposes it, in words.
    pub(super) metric: String,
}

/// What went wrong.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// An event of each: reason and message.
    pub(super) events: Vec<(&'static str, String)>,
    /// The condition of the first: reason and message.
    pub(super) condition: (&'static str, String),
    pub(super) summary: String,
}

/// A metric's own failure: reason, what its condition says, and what the summary says.
struct Failure(&'static str, String, String);

type Answer = Result<(Proposal, Value), Failure>;

/// The highest proposal of all metrics, and what they say. A metric that fails forbids to scale down only.
pub(super) fn highest(view: &View<'_>) -> (Option<Proposal>, Value, Failures) {
    let specs = meta::items(&view.own["spec"]["metrics"]);
    let mut highest: Option<Proposal> = None;
    let mut statuses = Vec::new();
    let mut failures = Failures::default();
    let mut first = None;
    for spec in specs {
        match propose(view, spec) {
            Ok((proposal, status)) => {
                statuses.push(status);
                if highest
                    .as_ref()
                    .is_none_or(|highest| proposal.replicas > highest.replicas)
                {
                    highest = Some(proposal);
                }
            }
            Err(Failure(reason, why, told)) => {
                statuses.push(json!({"type": ""}));
                failures.events.push((reason, why.clone()));
                first.get_or_insert((reason, why, told));
            }
        }
    }
    let statuses = if statuses.is_empty() {
        Value::Null
    } else {
        Value::Array(statuses)
    };
    if let Some((reason, why, told)) = first {
        failures.condition = (
            reason,
            format!("the HPA was unable to compute the replica count: {why}"),
        );
        let failed = failures.events.len();
        failures.summary = format!(
            "invalid metrics ({failed} invalid out of {}), first error is: {told}",
            specs.len()
        );
        if failed >= specs.len()
            || highest
                .as_ref()
                .is_some_and(|own| own.replicas < view.target.wanted)
        {
            return (None, statuses, failures);
        }
    }
    (highest, statuses, failures)
}

fn propose(view: &View<'_>, spec: &Value) -> Answer {
    match spec["type"].as_str() {
        Some("Resource") => resource(view, &spec["resource"], None),
        Some("ContainerResource") => {
            let container = spec["containerResource"]["container"]
                .as_str()
                .unwrap_or_default();
            resource(view, &spec["containerResource"], Some(container))
        }
        Some("Pods") => of_pods(view, &spec["pods"]),
        Some("Object") => of_object(view, &spec["object"]),
        Some("External") => external(view, &spec["external"]),
        other => {
            let why = format!("unknown metric source type {:?}", other.unwrap_or_default());
            Err(Failure("InvalidMetricSourceType", why.clone(), why))
        }
    }
}

impl View<'_> {
    fn pods(&self) -> Vec<Object> {
        let selector = &self.target.selector;
        self.api
            .list_where(&resources::PODS, Some(meta::namespace(self.own)), |pod| {
                selector.selects(pod)
            })
    }

    fn tolerances(&self) -> Tolerances {
        Tolerances::of(self.own)
    }

    fn sizing<'b>(
        &self,
        pods: &'b [Object],
        is_cpu: bool,
        measure: Measure<'b>,
        missing: &'b dyn Fn(&str) -> i64,
    ) -> Sizing<'b> {
        Sizing {
            current: self.target.wanted,
            pods,
            is_cpu,
            tolerances: self.tolerances(),
            now: self.api.clock().now(),
            measure,
            missing,
        }
    }
}

fn resource(view: &View<'_>, spec: &Value, container: Option<&str>) -> Answer {
    let name = spec["name"].as_str().unwrap_or_default();
    let (reason, word, kind) = match container {
        None => ("FailedGetResourceMetric", "resource", "Resource"),
        Some(_) => (
            "FailedGetContainerResourceMetric",
            "container",
            "ContainerResource",
        ),
    };
    let about = container.unwrap_or(name);
    let fail = |why: String| {
        let told = format!("failed to get {about} {word} metric value: {why}");
        Failure(reason, why, told)
    };
    let found = view.pods();
    let by_average = quantity::milli_of(&spec["target"]["averageValue"]);
    let measure_word = if by_average.is_some() {
        "usage"
    } else {
        "utilization"
    };
    let fail_get = |why: String| fail(format!("failed to get {name} {measure_word}: {why}"));
    let samples = view
        .metrics
        .resource(name, container, &found)
        .map_err(|why| format!("unable to fetch metrics from resource metrics API: {why}"))
        .and_then(|samples| {
            if samples.is_empty() {
                Err("no metrics returned from resource metrics API".to_owned())
            } else {
                Ok(samples)
            }
        })
        .map_err(|why| fail_get(format!("unable to get metrics for resource {name}: {why}")))?;
    let amount = |milli: i64| {
        if name == "memory" {
            quantity::binary(milli)
        } else {
            quantity::decimal(milli)
        }
    };
    let is_cpu = name == "cpu";
    let (replicas, values, metric) = if let Some(target) = by_average {
        let measure = |samples: &_| pods::by_average(samples, target);
        let missing = |_: &str| target;
        let sizing = view.sizing(&found, is_cpu, &measure, &missing);
        let (replicas, used) = pods::size(&sizing, samples).map_err(fail_get)?;
        (
            replicas,
            json!({"averageValue": amount(used.average)}),
            format!("{name} resource"),
        )
    } else {
        let Some(target) = spec["target"]["averageUtilization"].as_i64() else {
            return Err(fail(
                "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
                    .to_owned(),
            ));
        };
        let requests = pods::requests(&found, container, name).map_err(fail_get)?;
        let measure = |samples: &_| pods::by_share(samples, &requests, target);
        let missing = |pod: &str| requests.get(pod).copied().unwrap_or_default() * target.max(100) / 100;
        let sizing = view.sizing(&found, is_cpu, &measure, &missing);
        let (replicas, used) = pods::size(&sizing, samples).map_err(fail_get)?;
        let values = json!({"averageUtilization": used.percent, "averageValue": amount(used.average)});
        let word = if container.is_some() {
            "container resource"
        } else {
            "resource"
        };
        (
            replicas,
            values,
            format!("{name} {word} utilization (percentage of request)"),
        )
    };
    let mut inner = json!({"name": name, "current": values});
    let field = if container.is_some() {
        "containerResource"
    } else {
        "resource"
    };
    if let Some(container) = container {
        inner["container"] = json!(container);
    }
    Ok((Proposal { replicas, metric }, json!({"type": kind, field: inner})))
}

/// A metric's name and selector, as statuses repeat them.
fn identity(spec: &Value) -> Value {
    let mut identity = json!({"name": spec["metric"]["name"]});
    if !spec["metric"]["selector"].is_null() {
        identity["selector"] = spec["metric"]["selector"].clone();
    }
    identity
}

fn of_pods(view: &View<'_>, spec: &Value) -> Answer {
    let name = spec["metric"]["name"].as_str().unwrap_or_default();
    let fail = |why: String| {
        let told = format!("failed to get pods metric value: {why}");
        Failure("FailedGetPodsMetric", why, told)
    };
    let found = view.pods();
    let samples = view
        .metrics
        .of_pods(name, &spec["metric"]["selector"], &found)
        .map_err(|why| format!("unable to fetch metrics from custom metrics API: {why}"))
        .and_then(|samples| {
            if samples.is_empty() {
                Err("no metrics returned from custom metrics API".to_owned())
            } else {
                Ok(samples)
            }
        })
        .map_err(|why| fail(format!("unable to get metric {name}: {why}")))?;
    let target = quantity::milli_of(&spec["target"]["averageValue"]).unwrap_or(1);
    let measure = |samples: &_| pods::by_average(samples, target);
    let missing = |_: &str| target;
    let sizing = view.sizing(&found, false, &measure, &missing);
    let (replicas, used) = pods::size(&sizing, samples).map_err(fail)?;
    let status = json!({"type": "Pods", "pods": {
        "metric": identity(spec), "current": {"averageValue": quantity::decimal(used.average)}}});
    Ok((
        Proposal {
            replicas,
            metric: format!("pods metric {name}"),
        },
        status,
    ))
}

/// The size at which one value would be at its target, by the pods that are ready.
fn by_value(view: &View<'_>, value: i64, target: i64) -> Result<i64, String> {
    let ratio = pods::ratio(value, target);
    if view.target.wanted == 0 {
        return Ok(pods::whole(ratio, 1));
    }
    if view.tolerances().bear(ratio) {
        return Ok(view.target.wanted);
    }
    let found = view.pods();
    if found.is_empty() {
        return Err(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
                .to_owned(),
        );
    }
    let ready = found
        .iter()
        .filter(|own| pod::phase(own) == "Running" && pod::ready(own))
        .count();
    Ok(pods::whole(ratio, ready))
}

/// The size at which each pod's part of a value would be at its target, and the part of each now.
fn by_part(view: &View<'_>, value: i64, target: i64) -> (i64, i64) {
    let present = view.target.present;
    let ratio = pods::ratio(value, target.saturating_mul(present));
    let replicas = if view.tolerances().bear(ratio) {
        present
    } else {
        pods::whole(pods::ratio(value, target), 1)
    };
    let part = if present == 0 {
        value
    } else {
        (value + present - 1) / present
    };
    (replicas, part)
}

fn of_object(view: &View<'_>, spec: &Value) -> Answer {
    let name = spec["metric"]["name"].as_str().unwrap_or_default();
    let namespace = meta::namespace(view.own);
    let object = &spec["describedObject"];
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let fail = |why: String| {
        let told = format!("failed to get object metric value: {why}");
        Failure("FailedGetObjectMetric", why, told)
    };
    let value = view.metrics.of_object(name, &spec["metric"]["selector"], namespace, object).map_err(|why| {
        fail(format!(
            "unable to get metric {name}: unable to fetch metrics from custom metrics API: {why} on {} {namespace}/{}",
            text("kind"),
            text("name")
        ))
    })?;
    let target = &spec["target"];
    let (replicas, current, metric) = if let Some(target) = quantity::milli_of(&target["averageValue"]) {
        let (replicas, part) = by_part(view, value, target);
        let metric = format!(
            "external metric {name}({})",
            selector_text(&spec["metric"]["selector"])
        );
        (replicas, json!({"averageValue": quantity::decimal(part)}), metric)
    } else if let Some(target) = quantity::milli_of(&target["value"]) {
        let replicas = by_value(view, value, target).map_err(fail)?;
        (
            replicas,
            json!({"value": quantity::decimal(value)}),
            format!("{} metric {name}", text("kind")),
        )
    } else {
        return Err(fail(
            "invalid object metric source: neither a value target nor an average value target was set"
                .to_owned(),
        ));
    };
    let status = json!({"type": "Object", "object": {
        "metric": identity(spec), "describedObject": object, "current": current}});
    Ok((Proposal { replicas, metric }, status))
}

fn external(view: &View<'_>, spec: &Value) -> Answer {
    let name = spec["metric"]["name"].as_str().unwrap_or_default();
    let namespace = meta::namespace(view.own);
    let selector = &spec["metric"]["selector"];
    let fail = |why: String| {
        let told = format!("failed to get {name} external metric value: {why}");
        Failure("FailedGetExternalMetric", why, told)
    };
    let averages = quantity::milli_of(&spec["target"]["averageValue"]);
    let values = view
        .metrics
        .external(name, selector, namespace)
        .map_err(|why| format!("unable to fetch metrics from external metrics API: {why}"))
        .and_then(|values| {
            if values.is_empty() {
                Err("no metrics returned from external metrics API".to_owned())
            } else {
                Ok(values)
            }
        })
        .map_err(|why| {
            let why = format!(
                "unable to get external metric {namespace}/{name}/{}: {why}",
                selector_text(selector)
            );
            fail(if averages.is_some() {
                format!("failed to get {name} external metric: {why}")
            } else {
                format!("failed to get external metric {name}: {why}")
            })
        })?;
    let value: i64 = values.into_iter().fold(0, i64::saturating_add);
    let (replicas, current) = if let Some(target) = averages {
        let (replicas, part) = by_part(view, value, target);
        (replicas, json!({"averageValue": quantity::decimal(part)}))
    } else if let Some(target) = quantity::milli_of(&spec["target"]["value"]) {
        (
            by_value(view, value, target).map_err(fail)?,
            json!({"value": quantity::decimal(value)}),
        )
    } else {
        return Err(fail(
            "invalid external metric source: neither a value target nor an average value target was set"
                .to_owned(),
        ));
    };
    let status = json!({"type": "External", "external": {"metric": identity(spec), "current": current}});
    let metric = format!("external metric {name}({})", selector_text(selector));
    Ok((Proposal { replicas, metric }, status))
}

/// A selector as the controller prints it.
fn selector_text(selector: &Value) -> String {
    if selector.is_null() {
        return "nil".to_owned();
    }
    let labels = selector["matchLabels"].as_object();
    let labels: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default()))
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{}},}}",
        labels.join("")
    )
}
