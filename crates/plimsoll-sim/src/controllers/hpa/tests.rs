use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use plimsoll_apiserver::{Direct, Object, resources};
use serde_json::{Value, json};

use super::{Metrics, Sample};
use crate::controllers::{
    Outside,
    facts::{condition, meta},
    stand::{Stand, template},
};

/// Metrics that a test sets, by name, in thousandths.
#[derive(Clone)]
struct Dial(Arc<Mutex<BTreeMap<String, i64>>>, Direct);

impl Dial {
    fn new(api: &Direct) -> Self {
        Self(Arc::default(), api.clone())
    }

    fn set(&self, metric: &str, milli: i64) {
        self.0.lock().unwrap().insert(metric.to_owned(), milli);
    }

    fn value(&self, metric: &str) -> Result<i64, String> {
        self.0
            .lock()
            .unwrap()
            .get(metric)
            .copied()
            .ok_or_else(|| format!("no {metric}"))
    }

    fn samples(&self, metric: &str, pods: &[Object]) -> Result<BTreeMap<String, Sample>, String> {
        let milli = self.value(metric)?;
        let sample = Sample {
            milli,
            at: self.1.clock().now(),
            window: Duration::from_secs(15),
        };
        Ok(pods
            .iter()
            .map(|pod| (meta::name(pod).to_owned(), sample))
            .collect())
    }
}

impl Metrics for Dial {
    fn resource(
        &self,
        resource: &str,
        _: Option<&str>,
        pods: &[Object],
    ) -> Result<BTreeMap<String, Sample>, String> {
        self.samples(resource, pods)
    }

    fn of_pods(&self, metric: &str, _: &Value, pods: &[Object]) -> Result<BTreeMap<String, Sample>, String> {
        self.samples(metric, pods)
    }

    fn of_object(&self, metric: &str, _: &Value, _: &str, _: &Value) -> Result<i64, String> {
        self.value(metric)
    }

    fn external(&self, metric: &str, _: &Value, _: &str) -> Result<Vec<i64>, String> {
        self.value(metric).map(|value| vec![value])
    }
}

async fn stand(metric: Value) -> (Stand, Dial) {
    let turned = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&turned);
    let stand = Stand::with(36, move |api| {
        let dial = Dial::new(api);
        *slot.lock().unwrap() = Some(dial.clone());
        Outside {
            metrics: Arc::new(dial),
            ..Outside::default()
        }
    });
    let dial = turned.lock().unwrap().take().unwrap();
    let mut template = template("web", None);
    template["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
    stand
        .create(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template,
                "strategy": {"type": "RollingUpdate"}}}))
        .await;
    stand
        .create(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "default"}, "spec": {"minReplicas": 1, "maxReplicas": 5,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "metrics": [metric]}}))
        .await;
    (stand, dial)
}

fn size(stand: &Stand) -> i64 {
    stand.get(&resources::DEPLOYMENTS, "default", "web").unwrap()["spec"]["replicas"]
        .as_i64()
        .unwrap()
}

fn told(stand: &Stand) -> Object {
    stand
        .get(&resources::HORIZONTAL_POD_AUTOSCALERS, "default", "web")
        .unwrap()
}

fn external(target: Value) -> Value {
    json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": target}})
}

#[tokio::test(start_paused = true)]
async fn it_follows_a_metric_up_and_after_five_minutes_down() {
    let (stand, dial) = stand(external(json!({"type": "AverageValue", "averageValue": "10"}))).await;
    dial.set("queue", 20_000);
    stand.pass(20).await;
    assert_eq!(size(&stand), 2);
    dial.set("queue", 35_000);
    stand.pass(16).await;
    assert_eq!(size(&stand), 4);
    assert!(stand.events("default", "web").contains(&(
        "SuccessfulRescale".to_owned(),
        "New size: 4; reason: external metric queue(nil) above target".to_owned()
    )));
    let told_now = told(&stand);
    assert_eq!(told_now["status"]["desiredReplicas"], 4);
    assert_eq!(
        condition::find(&told_now["status"]["conditions"], "AbleToScale").unwrap()["reason"],
        "SucceededRescale"
    );
    dial.set("queue", 90_000);
    stand.pass(31).await;
    assert_eq!(size(&stand), 5);
    let limited = told(&stand);
    assert_eq!(
        condition::find(&limited["status"]["conditions"], "ScalingLimited").unwrap()["reason"],
        "TooManyReplicas"
    );
    dial.set("queue", 10_000);
    stand.pass(100).await;
    assert_eq!(size(&stand), 5);
    stand.pass(330).await;
    assert_eq!(size(&stand), 1);
}

#[tokio::test(start_paused = true)]
async fn it_says_which_metric_it_lacks() {
    let (stand, _) = stand(external(json!({"type": "Value", "value": "10"}))).await;
    stand.pass(20).await;
    assert_eq!(size(&stand), 2);
    let told = told(&stand);
    let active = condition::find(&told["status"]["conditions"], "ScalingActive").unwrap();
    assert_eq!(
        (&active["status"], &active["reason"]),
        (&json!("False"), &json!("FailedGetExternalMetric"))
    );
    let reasons: Vec<String> = stand
        .events("default", "web")
        .into_iter()
        .map(|(reason, _)| reason)
        .collect();
    assert!(
        reasons.contains(&"FailedComputeMetricsReplicas".to_owned()),
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_measures_pods_and_their_requests() {
    let cpu = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Mi"}}});
    let (stand, dial) = stand(cpu).await;
    dial.set("memory", 2 * 1_048_576 * 1000);
    stand.pass(20).await;
    assert_eq!(size(&stand), 4);
    let told = told(&stand);
    assert_eq!(
        told["status"]["currentMetrics"][0]["resource"]["current"]["averageValue"],
        "2Mi"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_missing_is_told_of() {
    let (stand, _) = stand(external(json!({"type": "Value", "value": "10"}))).await;
    let gone = plimsoll_apiserver::DeleteOptions::default();
    stand
        .delete(&resources::DEPLOYMENTS, "default", "web", gone)
        .await;
    stand.pass(20).await;
    let told = told(&stand);
    let able = condition::find(&told["status"]["conditions"], "AbleToScale").unwrap();
    assert_eq!(
        (&able["status"], &able["reason"]),
        (&json!("False"), &json!("FailedGetScale"))
    );
}
