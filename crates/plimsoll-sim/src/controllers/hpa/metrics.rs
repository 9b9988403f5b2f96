//! Where metrics come from.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use plimsoll_apiserver::Object;
use serde_json::Value;

/// A pod's value, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The value.
    pub milli: i64,
    /// When it was taken.
    pub at: Timestamp,
    /// The time that it is an average of.
    pub window: Duration,
}

/// The three metrics APIs, as an autoscaler asks them. All values are in thousandths; a refusal is in the API's words.
pub trait Metrics: Send + Sync {
    /// `metrics.k8s.io`: the use of a resource by pods, or by one container of each.
    ///
    /// # Errors
    /// Why there are none.
    fn resource(
        &self,
        resource: &str,
        container: Option<&str>,
        pods: &[Object],
    ) -> Result<BTreeMap<String, Sample>, String>;

    /// `custom.metrics.k8s.io`: a metric of pods.
    ///
    /// # Errors
    /// Why there are none.
    fn of_pods(
        &self,
        metric: &str,
        selector: &Value,
        pods: &[Object],
    ) -> Result<BTreeMap<String, Sample>, String>;

    /// `custom.metrics.k8s.io`: a metric of some object.
    ///
    /// # Errors
    /// Why there is none.
    fn of_object(
        &self,
        metric: &str,
        selector: &Value,
        namespace: &str,
        object: &Value,
    ) -> Result<i64, String>;

    /// `external.metrics.k8s.io`: a metric of something outside.
    ///
    /// # Errors
    /// Why there is none.
    fn external(&self, metric: &str, selector: &Value, namespace: &str) -> Result<Vec<i64>, String>;
}

/// A platform that serves no metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMetrics;

impl NoMetrics {
    fn refusal(what: &str) -> String {
        format!("the server could not find the requested resource (get {what})")
    }
}

impl Metrics for NoMetrics {
    fn resource(&self, _: &str, _: Option<&str>, _: &[Object]) -> Result<BTreeMap<String, Sample>, String> {
        Err(Self::refusal("pods.metrics.k8s.io"))
    }

    fn of_pods(&self, _: &str, _: &Value, _: &[Object]) -> Result<BTreeMap<String, Sample>, String> {
        Err("no custom metrics API (custom.metrics.k8s.io) registered".to_owned())
    }

    fn of_object(&self, _: &str, _: &Value, _: &str, _: &Value) -> Result<i64, String> {
        Err("no custom metrics API (custom.metrics.k8s.io) registered".to_owned())
    }

    fn external(&self, metric: &str, _: &Value, _: &str) -> Result<Vec<i64>, String> {
        Err(Self::refusal(&format!("{metric}.external.metrics.k8s.io")))
    }
}
