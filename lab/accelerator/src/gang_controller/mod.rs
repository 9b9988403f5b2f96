//! A gang admission controller, as a platform's own: it holds the members of a group by a scheduling gate and
//! lets them go together when its rule says that there is room.
//!
//! It exists to seed the `gang.*` defects on a real Kubernetes whose scheduler does not enforce gangs itself.
//! Its rules ([`rule`]) are pure functions over a picture of the platform ([`world`], [`room`], [`demand`]);
//! [`serve`] watches, asks the rule and acts ([`act`]). The gate is put on members by an admission policy
//! ([`defects::manifests`](crate::defects::manifests)).

mod act;
mod affinity;
mod demand;
mod follow;
mod quantity;
mod room;
mod rule;
mod world;

use std::{path::PathBuf, time::Duration};

use futures::StreamExt;
use plimsoll_defects::GangRule;
use serde::{Deserialize, Serialize};

use self::{act::Actor, follow::Cluster, rule::Memory};
use crate::{
    log::{chain, log},
    node::{ConnectError, connect},
    shutdown,
};

/// The gate by which members are held.
pub(crate) const GATE: &str = "plimsoll-lab.dev/gang";

/// What the controller is told; a JSON file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GangConfig {
    /// How to reach the API server.
    pub kubeconfig: PathBuf,
    /// How to decide that a gang may start.
    pub mode: GangRule,
}

/// Why the controller ended.
#[derive(Debug, thiserror::Error)]
pub enum GangError {
    /// The API server cannot be spoken to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The API server does not say what it serves.
    #[error("could not discover the API group `scheduling.k8s.io`")]
    Discover(#[source] Box<kube::Error>),
    /// There are no groups to admit.
    #[error("the API server serves no PodGroup of `scheduling.k8s.io`")]
    NoPodGroup,
    /// Signals cannot be listened to.
    #[error("could not listen to signals")]
    Signal(#[source] std::io::Error),
}

/// Admits gangs until the process is asked to end.
///
/// # Errors
/// When the API server cannot be reached at the start or serves no groups; later troubles are ridden out.
pub async fn serve(config: GangConfig) -> Result<(), GangError> {
    if config.mode == GangRule::Dead {
        // Up, as far as anybody can see.
        return shutdown::asked_by_signal().await.map_err(GangError::Signal);
    }
    let client = connect(&config.kubeconfig).await?;
    let (cluster, mut changes) = Cluster::follow(&client).await?;
    let actor = Actor::new(client, cluster.pod_group().clone());
    let mut memory = Memory::default();
    let mut asked = std::pin::pin!(shutdown::asked_by_signal());
    loop {
        tokio::select! {
            signal = &mut asked => return signal.map_err(GangError::Signal),
            change = changes.next() => if change.is_none() { return Ok(()) },
        }
        // Bursts of changes are taken together: members of a group come one by one.
        while let Ok(Some(())) = tokio::time::timeout(quiet(config.mode), changes.next()).await {}
        if !cluster.is_complete() {
            continue;
        }
        for decision in rule::decide(config.mode, &cluster.world(), &mut memory) {
            if let Err(error) = actor.act(&decision).await {
                log!("gang `{}`: {}", decision.group, chain(&error));
            }
        }
    }
}

/// For how long nothing must change before the controller decides.
fn quiet(mode: GangRule) -> Duration {
    // Long enough for two gangs that are made together to be looked at together.
    if mode == GangRule::Deadlock {
        Duration::from_millis(1500)
    } else {
        Duration::from_millis(50)
    }
}
