//! Writing a status against others who write the same object.

use plimsoll_apiserver::{Direct, GroupResource, Reason, Status};
use serde_json::Value;

use super::facts::meta::Key;

/// How often a conflict is tried again at once.
const TRIES: usize = 5;

/// Changes an object's status, from its latest state. One that is gone needs none.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn status_of(
    api: &Direct,
    of: &GroupResource,
    key: &Key,
    change: impl Fn(&mut Value),
) -> Result<(), Status> {
    let mut tries = 0;
    loop {
        let Some(object) = api.get(of, key.space(), &key.name) else {
            return Ok(());
        };
        let mut next = (*object).clone();
        change(&mut next);
        if next == *object {
            return Ok(());
        }
        tries += 1;
        match api.update_status(next).await {
            Ok(_) => return Ok(()),
            Err(refusal) if refusal.reason == Reason::NotFound => return Ok(()),
            Err(refusal) if refusal.reason == Reason::Conflict && tries < TRIES => {}
            Err(refusal) => return Err(refusal),
        }
    }
}
