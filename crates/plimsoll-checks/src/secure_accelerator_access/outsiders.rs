//! X2 and X3: a pod that asked for nothing sees nothing, and can't make what it does not see.

use plimsoll_probe::protocol::DeviceNumber;
use serde_json::json;

use super::{ground::Ground, judge};
use crate::{
    CheckError,
    probe_pod::{Privilege, ProbeContainer, ProbePod, Ruling},
};

const PLAIN: &str = "plain";
const FORGER: &str = "forger";

/// Whose devices the outsider tries to reach.
const HELD: &str = "a device that another pod holds, or that is left open since some pod held it";
const RELEASED: &str = "a device that was released: it is still open after its holder is gone";

/// Runs the outsider by the default runtime, and by the vendor's RuntimeClass where there is one.
pub(super) async fn look(
    ground: &Ground<'_>,
    numbers: &[DeviceNumber],
) -> Result<(Ruling, Ruling), CheckError> {
    let vendors = ground
        .vendor
        .and_then(|vendor| vendor.selectors.runtime_class.as_deref());
    let classes = &ground.context.inventory.runtime_classes;
    let class = vendors.filter(|name| classes.iter().any(|class| class.name == *name));
    let default = run(ground, &pod(ground, "outsider", numbers), numbers, "", HELD).await?;
    let Some(class) = class else { return Ok(default) };
    let by_class = pod(ground, "outsider-by-class", numbers).runtime_class(class);
    let by_class = run(
        ground,
        &by_class,
        numbers,
        &format!(" by RuntimeClass `{class}`"),
        HELD,
    )
    .await?;
    Ok((
        Ruling::all([default.0, by_class.0]),
        Ruling::all([default.1, by_class.1]),
    ))
}

/// The same, after the devices were released.
pub(super) async fn look_after(
    ground: &Ground<'_>,
    numbers: &[DeviceNumber],
) -> Result<(Ruling, Ruling), CheckError> {
    run(
        ground,
        &pod(ground, "outsider-after", numbers),
        numbers,
        "",
        RELEASED,
    )
    .await
}

/// A pod without any accelerator: one container just looks, the other one tries to reach the devices.
fn pod(ground: &Ground<'_>, name: &str, numbers: &[DeviceNumber]) -> ProbePod {
    let plain = ProbeContainer::new(PLAIN, ground.look().args()).privilege(Privilege::Root);
    let forger = ground.container(FORGER, ground.look().forging(numbers.iter().copied()));
    ground.bare(name).container(plain).container(forger)
}

async fn run(
    ground: &Ground<'_>,
    pod: &ProbePod,
    numbers: &[DeviceNumber],
    how: &str,
    whose_device: &str,
) -> Result<(Ruling, Ruling), CheckError> {
    let (plain, forger) = match ground.sights(pod, &[PLAIN, FORGER]).await? {
        Ok(sights) => match <[_; 2]>::try_from(sights) {
            Ok([plain, forger]) => (plain, forger),
            Err(_) => return Ok((unheard(), unheard())),
        },
        Err(gap) => return Ok((gap.clone(), gap)),
    };
    let whose = |container: &str| {
        format!(
            "container `{container}` of pod `{}`{how} on node `{}`",
            plain.pod.name(),
            ground.node
        )
    };
    let clean = [(PLAIN, &plain), (FORGER, &forger)]
        .map(|(name, sight)| judge::clean(&whose(name), &sight.found, ground.vendor, numbers));
    let forged = judge::unreachable(&whose(FORGER), &forger.found, numbers, whose_device);
    let pod = plain.pod.name();
    Ok((
        Ruling::all(clean).in_short(|| {
            format!(
                "no container of pod `{pod}`{how} on node `{}` sees an accelerator",
                ground.node
            )
        }),
        forged,
    ))
}

fn unheard() -> Ruling {
    Ruling::Undecided("not every container was heard".to_owned())
}

/// X10: notes which Pod Security level keeps pods from the host's devices: that route is outside of what
/// allocates devices.
pub(super) async fn host_routes(ground: &Ground<'_>) -> Ruling {
    use k8s_openapi::api::core::v1::Pod;
    use kube::{Api, api::PostParams};

    let mut manifest = ground
        .bare("host-devices")
        .container(ProbeContainer::new(PLAIN, ["devices"]).mount("host", "/host-dev"))
        .manifest();
    manifest["spec"]["volumes"] = json!([{"name": "host", "hostPath": {"path": "/dev"}}]);
    let Ok(pod) = serde_json::from_value::<Pod>(manifest) else {
        return unheard();
    };
    let api: Api<Pod> = ground.roster.namespace().api();
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match api.create(&params, &pod).await {
        Ok(_) => Ruling::Wrong(
            "a pod that mounts the host's /dev is admitted to a namespace of Pod Security level baseline"
                .to_owned(),
        ),
        Err(kube::Error::Api(status)) => Ruling::Right(format!(
            "a pod that mounts the host's /dev is refused at Pod Security level baseline: {}",
            status.message
        )),
        Err(error) => Ruling::Undecided(error.to_string()),
    }
}
