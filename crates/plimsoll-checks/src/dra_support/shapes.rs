//! D8: claims of more than one device, and of one of several choices.

use plimsoll_platform::{CreateError, dra::Attribute};
use serde_json::json;

use super::{bench::Bench, hardware::impossible};
use crate::{
    CheckError,
    probe_pod::{ClaimSource, ClaimSpec, Count, Ruling, chain},
};

/// Asks for the first of two choices that can be met: the second. `None` where the platform can't be asked.
pub(super) async fn choice(bench: &Bench<'_>) -> Result<Option<Ruling>, CheckError> {
    let Some(never) = bench
        .devices()
        .first()
        .map(|device| impossible(&bench.driver, device))
    else {
        return Ok(None);
    };
    let choices = [bench.request().select(never), bench.request()];
    let spec = ClaimSpec::new(&bench.version).first_of("device", choices);
    run(bench, "choice", &spec, |requests| {
        let second = requests.iter().all(|request| request.ends_with("/choice-1"));
        (!second)
            .then(|| format!("of two choices the second can be met, and the claim was given {requests:?}"))
    })
    .await
}

/// Asks for two devices in one claim, which must agree in an attribute that all of the node's have alike.
pub(super) async fn pair(bench: &Bench<'_>) -> Result<Option<Ruling>, CheckError> {
    let mut spec = ClaimSpec::single(&bench.version, bench.request().count(Count::Exactly(2)));
    if let Some(attribute) = common_attribute(bench) {
        spec = spec.alike(attribute);
    }
    run(bench, "pair", &spec, |requests| {
        (requests.len() != 2).then(|| format!("a claim for two devices was allocated {}", requests.len()))
    })
    .await
}

/// Runs a pod on the claim and takes it away again. What the platform can't be asked, or has no room for, is
/// noted and decides nothing; what it gave, does.
async fn run(
    bench: &Bench<'_>,
    name: &str,
    spec: &ClaimSpec,
    fault: impl Fn(&[&str]) -> Option<String>,
) -> Result<Option<Ruling>, CheckError> {
    let claim = match bench.claim(name, spec).await {
        Ok(claim) => claim,
        Err(CheckError::Create(CreateError::Invalid { message, .. })) => {
            bench
                .context
                .observe(format!("ResourceClaim {name}"), json!({"not supported": message}));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let pod = bench
        .start(&bench.pod(name, ClaimSource::Named(name.to_owned())))
        .await?;
    let ruling = match bench.hear(pod.clone()).await {
        Ok(held) => {
            let requests: Vec<&str> = held
                .claim
                .allocated
                .iter()
                .map(|got| got.request.as_str())
                .collect();
            Some(fault(&requests).map_or_else(|| held.judge(bench), Ruling::Wrong))
        }
        Err(error) => {
            bench
                .context
                .observe(format!("Pod {name}"), json!({"not tried": chain(&error)}));
            None
        }
    };
    super::remove(bench, &pod).await?;
    super::delete(bench, &claim).await?;
    Ok(ruling)
}

/// The name of an attribute in which all devices of the node agree.
fn common_attribute(bench: &Bench<'_>) -> Option<String> {
    let devices = bench.devices_on_node();
    let (_, first) = devices.first()?;
    let same = |name: &String, value: &Attribute| {
        devices
            .iter()
            .all(|(_, device)| device.attributes.get(name) == Some(value))
    };
    first
        .attributes
        .iter()
        .find(|(name, value)| same(name, value))
        .map(|(name, _)| name.clone())
}
