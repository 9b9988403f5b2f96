//! Watches.

use axum::body::Body;
use futures::stream;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Fake, Lost, refusal, reply,
    store::{Address, parameter},
};

impl Fake {
    /// A stream of events: what is known after the revision asked for, then what happens.
    pub(super) fn watch(&self, path: &str, query: &str) -> Response<Body> {
        let Some(address) = Address::parse(path) else {
            return refusal(
                404,
                "NotFound",
                "the server could not find the requested resource",
            );
        };
        let revision = parameter(query, "resourceVersion")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if self.lock().store.since(&address, query, revision).is_none() {
            let gone = json!({"type": "ERROR", "object": {
                "kind": "Status", "apiVersion": "v1", "status": "Failure",
                "code": 410, "reason": "Expired", "message": "too old resource version",
            }});
            return reply(StatusCode::OK, &gone);
        }
        let epoch = self.lock().epoch;
        let start = (self.clone(), self.changed.subscribe(), revision);
        let query = query.to_owned();
        let events = stream::unfold(start, move |(fake, mut changed, revision)| {
            let (address, query) = (address.clone(), query.clone());
            async move {
                loop {
                    changed.mark_unchanged();
                    let news = {
                        let state = fake.lock();
                        if state.epoch != epoch {
                            return None;
                        }
                        state.store.since(&address, &query, revision)
                    };
                    // A watch that is open has been told everything there was to forget.
                    let (events, upto) = news.unwrap_or_default();
                    if !events.is_empty() {
                        return Some((Ok::<_, Lost>(lines(&events)), (fake, changed, upto)));
                    }
                    changed.changed().await.ok()?;
                }
            }
        });
        Response::new(Body::from_stream(events))
    }
}

fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}
