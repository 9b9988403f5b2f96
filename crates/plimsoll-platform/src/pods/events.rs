//! What was noted about an object.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{Api, Client, api::ListParams};
use serde::Serialize;

/// One event about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventNote {
    /// Why, in one word, such as `FailedScheduling`.
    pub reason: String,
    /// The text.
    pub message: String,
    /// Who noted it.
    pub reporting_component: String,
    /// When it was last so.
    pub at: Option<Timestamp>,
    /// How often.
    pub count: i32,
    /// Whether it is a warning.
    pub warning: bool,
}

impl From<Event> for EventNote {
    fn from(event: Event) -> Self {
        let series = event.series.as_ref();
        let at = series
            .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0))
            .or_else(|| event.last_timestamp.as_ref().map(|time| time.0))
            .or_else(|| event.event_time.as_ref().map(|time| time.0))
            .or_else(|| event.first_timestamp.as_ref().map(|time| time.0));
        let count = series
            .and_then(|series| series.count)
            .or(event.count)
            .unwrap_or(1);
        let source = event.source.and_then(|source| source.component);
        Self {
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            reporting_component: event
                .reporting_component
                .filter(|component| !component.is_empty())
                .or(source)
                .unwrap_or_default(),
            at,
            count,
            warning: event.type_.as_deref() == Some("Warning"),
        }
    }
}

/// The events about the object with that uid, oldest first. Events are evidence, not state: where they can't
/// be read, there are none.
pub async fn events_for(client: &Client, namespace: &str, uid: &str) -> Vec<EventNote> {
    let params = ListParams::default()
        .fields(&format!("involvedObject.uid={uid}"))
        .limit(100);
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let mut notes: Vec<EventNote> = match events.list(&params).await {
        Ok(list) => list.items.into_iter().map(EventNote::from).collect(),
        Err(_) => Vec::new(),
    };
    notes.sort_by_key(|note| note.at);
    notes
}
