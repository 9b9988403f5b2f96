//! Events, which are the same objects in two groups under other names.

use serde_json::{Map, Value};

use super::rename;

/// In the core group and in `events.k8s.io`.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

pub(super) fn from_events(event: &mut Map<String, Value>) {
    rename(event, &NAMES.map(|(core, events)| (events, core)));
}

pub(super) fn to_events(event: &mut Map<String, Value>) {
    rename(event, &NAMES);
}
