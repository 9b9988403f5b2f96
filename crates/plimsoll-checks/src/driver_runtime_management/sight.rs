//! What two pods find on a node: one with a device, and one without.

use plimsoll_platform::{Ask, CreateError, Ground, Path, Placement as Room, PodSecurity};
use plimsoll_probe::Transcript;
use plimsoll_vendors::{Driver, Lab};

use super::fleet::{Fleet, Site};
use crate::{
    CheckError, Context,
    probe_pod::{
        ClaimSource, ClaimSpec, Grant, Look, Placement, Privilege, ProbeContainer, ProbePod, Request, Roster,
        Ruling, chain,
    },
};

const PROBE: &str = "probe";
const CLAIM: &str = "device";

/// Where the kernel tells its release.
const KERNEL: &str = "/proc/sys/kernel/osrelease";

/// What was found on a node.
pub(super) struct Sight {
    /// By the pod with a device.
    pub(super) granted: Transcript,
    /// By the pod without.
    pub(super) plain: Transcript,
    version_files: Vec<String>,
}

impl Sight {
    /// Looks; the reason, where the platform does not let us.
    pub(super) async fn of(
        context: &Context,
        fleet: &Fleet,
        site: &Site,
    ) -> Result<Result<Self, Ruling>, CheckError> {
        let ask = Ask {
            path: site.path.clone(),
            min: 1,
            max: 1,
            placement: Room::SameNode,
        };
        let _lease = match context.budget.acquire_on(&site.node, ask).await {
            Ok(lease) => lease,
            Err(error) => return Ok(Err(Ruling::Undecided(format!("node `{}`: {error}", site.node)))),
        };
        let namespace = context
            .workspace
            .namespace("driver", PodSecurity::Baseline)
            .await?;
        let roster = Roster::new(namespace);
        let version_files = version_files(context, fleet);
        let found = pods(context, fleet, site, &roster, &version_files).await;
        roster.clear(&context.patience).await;
        Ok(found?.map(|(granted, plain)| Self {
            granted,
            plain,
            version_files,
        }))
    }

    /// What was seen where `file` is the one that tells the version.
    #[cfg(test)]
    pub(super) fn seen(granted: Transcript, plain: Transcript, file: &str) -> Self {
        Self {
            granted,
            plain,
            version_files: vec![file.to_owned()],
        }
    }

    /// The version that the loaded driver tells, and the file it stands in.
    pub(super) fn version(&self) -> Option<(&str, &str)> {
        self.version_files.iter().find_map(|file| {
            let text = self.granted.text(file)?;
            Some((file.as_str(), Driver::version_in(text)?))
        })
    }

    /// Where the version was looked for.
    pub(super) fn version_files(&self) -> &[String] {
        &self.version_files
    }

    /// The kernel's release.
    pub(super) fn kernel(&self) -> Option<&str> {
        self.granted.text(KERNEL).map(str::trim)
    }

    /// What the runtime brought into the pod with a device.
    pub(super) fn runtime_files(&self) -> Vec<&str> {
        files(&self.granted)
    }

    /// What the runtime brought into the pod without.
    pub(super) fn uninvited_files(&self) -> Vec<&str> {
        files(&self.plain)
    }
}

fn files(found: &Transcript) -> Vec<&str> {
    found
        .files
        .iter()
        .flat_map(|files| &files.paths)
        .map(String::as_str)
        .collect()
}

/// The vendor's own files; on the lab, where nobody can add to the kernel's, the one that stands for them.
fn version_files(context: &Context, fleet: &Fleet) -> Vec<String> {
    let own = fleet
        .driver()
        .map(|driver| driver.version_files.clone())
        .unwrap_or_default();
    match context.platform.ground() {
        Ground::Lab(_) => vec![Lab::version_file(&fleet.name)],
        Ground::Cluster | Ground::Simulated(_) => own,
    }
}

async fn pods(
    context: &Context,
    fleet: &Fleet,
    site: &Site,
    roster: &Roster,
    version_files: &[String],
) -> Result<Result<(Transcript, Transcript), Ruling>, CheckError> {
    let placement = context
        .inventory
        .node(&site.node)
        .map_or_else(Placement::anywhere, Placement::on);
    let runtime = fleet
        .driver()
        .map(|driver| driver.runtime_files.patterns().to_vec())
        .unwrap_or_default();
    let look = Look::at(fleet.vendor)
        .reading(version_files.iter().cloned().chain([KERNEL.to_owned()]))
        .finding(runtime)
        .staying();
    let container = || ProbeContainer::new(PROBE, look.args()).privilege(Privilege::Root);
    let bare = |name: &str| ProbePod::new(name, &context.probe).placed(&placement);
    let plain = bare("plain").container(container());
    let granted = match &site.path {
        Path::DevicePlugin { resource } => bare("granted").container(container().grant(Grant::Resource {
            name: resource.clone(),
            count: 1,
        })),
        Path::Dra { class, api, .. } => {
            let spec = ClaimSpec::single(api, Request::of(class));
            roster.namespace().create(spec.template(CLAIM)).await?;
            bare("granted")
                .claim(CLAIM, ClaimSource::Template(CLAIM.to_owned()))
                .container(container().grant(Grant::Claim {
                    name: CLAIM.to_owned(),
                }))
        }
    };
    let (granted, plain) = futures::try_join!(
        heard(context, site, roster, &granted),
        heard(context, site, roster, &plain),
    )?;
    Ok(granted.and_then(|granted| Ok((granted, plain?))))
}

async fn heard(
    context: &Context,
    site: &Site,
    roster: &Roster,
    pod: &ProbePod,
) -> Result<Result<Transcript, Ruling>, CheckError> {
    let pod = match roster.start(pod).await {
        Ok(pod) => pod,
        Err(CheckError::Create(error @ (CreateError::Refused { .. } | CreateError::Invalid { .. }))) => {
            return Ok(Err(Ruling::Undecided(chain(&error))));
        }
        Err(error) => return Err(error),
    };
    let told = async {
        pod.started(&context.patience).await?;
        pod.report(PROBE, &context.patience).await
    };
    // That a pod with a device does not start is what dra_support and device_plugin_discovery decide.
    Ok(told.await.map_err(|error| {
        let name = pod.name();
        Ruling::Undecided(format!(
            "pod `{name}` on node `{}` told nothing: {}",
            site.node,
            chain(&error)
        ))
    }))
}
