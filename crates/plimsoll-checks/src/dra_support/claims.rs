//! Reading claims, whatever version of the API is served.

use kube::{Api, ResourceExt, api::ListParams, core::DynamicObject};
use plimsoll_platform::{Condition, Progress, Seen, dra::Claim};

use crate::probe_pod::read_claim;

/// All claims that the API shows.
pub(super) async fn all(api: &Api<DynamicObject>) -> Result<Vec<Claim>, kube::Error> {
    let mut claims = Vec::new();
    let mut page = ListParams::default().limit(500);
    loop {
        let list = api.list(&page).await?;
        claims.extend(list.items.iter().map(read_claim));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(claims),
        }
    }
}

/// The claim gave its devices back.
pub(super) fn deallocated() -> impl Condition<DynamicObject> {
    let condition = |seen: &Seen<DynamicObject>| match seen.one() {
        None => Progress::Obstructed("the claim was deleted by somebody else".to_owned()),
        Some(object) => {
            let claim = read_claim(object);
            if !claim.is_allocated {
                return Progress::Met;
            }
            let holders: Vec<String> = claim
                .reserved_for
                .iter()
                .map(|consumer| format!("`{}`", consumer.name))
                .collect();
            let holders = if holders.is_empty() {
                "nobody".to_owned()
            } else {
                holders.join(", ")
            };
            let name = object.name_any();
            Progress::NotYet(format!(
                "claim `{name}` is still allocated, reserved for {holders}"
            ))
        }
    };
    condition.called("the claim to be deallocated")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(status: &serde_json::Value) -> Seen<DynamicObject> {
        let object = json!({
            "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
            "metadata": {"name": "c", "namespace": "n", "uid": "1"}, "status": status,
        });
        [serde_json::from_value(object).unwrap()].into_iter().collect()
    }

    #[test]
    fn an_allocated_claim_is_not_deallocated_though_nobody_uses_it() {
        let progress = deallocated().progress(&seen(&json!({"allocation": {}})));
        assert!(
            matches!(&progress, Progress::NotYet(why) if why.contains("nobody")),
            "{progress:?}"
        );
    }

    #[test]
    fn a_claim_without_an_allocation_is_deallocated() {
        assert_eq!(deallocated().progress(&seen(&json!({}))), Progress::Met);
    }

    #[test]
    fn a_claim_that_vanished_cannot_be_judged() {
        assert!(matches!(
            deallocated().progress(&Seen::default()),
            Progress::Obstructed(_)
        ));
    }
}
