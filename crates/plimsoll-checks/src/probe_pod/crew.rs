//! Several pods of one node, alike: each is given the same, looks at what it has, and stays.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::ListParams};
use plimsoll_platform::{Condition, CreateError, WaitError, pods};
use plimsoll_probe::Transcript;
use plimsoll_vendors::Vendor;
use serde_json::json;

use super::{
    ClaimSource, Grant, LivePod, Look, Placement, Privilege, ProbeContainer, ProbePod, Roster, Ruling, chain,
    unmet,
};
use crate::{CheckError, Context};

/// The container of each pod.
const HOLDER: &str = "holder";

/// How pods of a crew are made and heard.
pub(crate) struct Crew<'a> {
    pub(crate) context: &'a Context,
    pub(crate) roster: &'a Roster,
    pub(crate) placement: &'a Placement,
    pub(crate) node: &'a str,
    pub(crate) vendor: Option<&'static Vendor>,
}

/// One pod, and what it said.
pub(crate) struct Member {
    pub(crate) pod: LivePod,
    pub(crate) heard: Result<Heard, WaitError>,
}

/// What a pod said that runs.
pub(crate) struct Heard {
    pub(crate) found: Transcript,
    /// How long it took to be bound to a node: what a refusal is measured against.
    pub(crate) bound_after: Duration,
}

impl Crew<'_> {
    /// A pod that asks for `count` of an extended resource.
    pub(crate) fn asking(&self, name: &str, resource: &str, count: usize) -> ProbePod {
        let grant = Grant::Resource {
            name: resource.to_owned(),
            count,
        };
        self.pod(name, grant)
    }

    /// A pod that has what a claim is allocated.
    pub(crate) fn claiming(&self, name: &str, source: ClaimSource) -> ProbePod {
        const CLAIM: &str = "claim";
        let grant = Grant::Claim {
            name: CLAIM.to_owned(),
        };
        self.pod(name, grant).claim(CLAIM, source)
    }

    /// A pod like the others that asks for nothing.
    pub(crate) fn bystander(&self, name: &str) -> ProbePod {
        self.pod(name, None)
    }

    /// A pod with one container that is granted this, looks and stays.
    fn pod(&self, name: &str, grant: impl Into<Option<Grant>>) -> ProbePod {
        let look = Look::at(self.vendor).staying();
        let container = ProbeContainer::new(HOLDER, look.args()).privilege(Privilege::Root);
        let container = match grant.into() {
            Some(grant) => container.grant(grant),
            None => container,
        };
        ProbePod::new(name, &self.context.probe)
            .placed(self.placement)
            .container(container)
    }

    /// Starts all, and hears each. Why the platform takes none of such pods, if it refuses one.
    pub(crate) async fn muster(
        &self,
        pods: impl IntoIterator<Item = ProbePod>,
    ) -> Result<Result<Vec<Member>, Ruling>, CheckError> {
        let started = join_all(
            pods.into_iter()
                .map(|pod| async move { self.roster.start(&pod).await }),
        )
        .await;
        let mut live = Vec::new();
        for pod in started {
            match pod {
                Ok(pod) => live.push(pod),
                Err(CheckError::Create(
                    error @ (CreateError::Refused { .. }
                    | CreateError::Invalid { .. }
                    | CreateError::Forbidden { .. }),
                )) => {
                    return Ok(Err(Ruling::Undecided(chain(&error))));
                }
                Err(error) => return Err(error),
            }
        }
        let heard = live.into_iter().map(|pod| async move {
            let heard = self.hear(&pod).await;
            Member { pod, heard }
        });
        Ok(Ok(join_all(heard).await))
    }

    async fn hear(&self, pod: &LivePod) -> Result<Heard, WaitError> {
        let patience = &self.context.patience;
        pod.until(pods::bound(), patience.scheduling()).await?;
        let bound_after = pod.age();
        pod.started(patience).await?;
        let found = pod.report(HOLDER, patience).await?;
        self.context.observe(
            format!(
                "probe in container {HOLDER} of pod {}/{}",
                self.roster.namespace().name(),
                pod.name()
            ),
            json!({"node": self.node, "devices": found.devices().collect::<Vec<_>>()}),
        );
        Ok(Heard { found, bound_after })
    }

    /// Whether a further pod stays without a node while all others hold what there is; with `release`, whether it
    /// gets one as soon as that pod is gone. `what` says what it asks for.
    pub(crate) async fn one_too_many(
        &self,
        pod: &ProbePod,
        what: &str,
        window: Duration,
        release: Option<&LivePod>,
    ) -> Result<Ruling, CheckError> {
        let patience = &self.context.patience;
        let pod = match self.roster.start(pod).await {
            Ok(pod) => pod,
            Err(CheckError::Create(error @ CreateError::Refused { .. })) => {
                return Ok(Ruling::Undecided(chain(&error)));
            }
            Err(error) => return Err(error),
        };
        let name = pod.name();
        let given = |why: &str| {
            Ruling::Wrong(format!(
                "pod `{name}` asked for {what} while others hold all that there is, and was not refused: {why}"
            ))
        };
        let pending = pod
            .until(pods::pending_because("Unschedulable"), patience.scheduling())
            .await;
        let held = match pending {
            Ok(_) => pod.watched().hold(pods::bound().not(), window).await.map(drop),
            Err(error) => Err(error),
        };
        let ruling = match held {
            Ok(()) => None,
            Err(WaitError::Broken(why) | WaitError::Never(why)) => Some(given(&why)),
            Err(error) => Some(Ruling::Undecided(format!(
                "nobody said why pod `{name}` waits: {}",
                chain(&error)
            ))),
        };
        let ruling = match (ruling, release) {
            (Some(ruling), _) => ruling,
            (None, None) => Ruling::Right(format!(
                "pod `{name}` asked for {what} and stayed pending for {:.0} s",
                window.as_secs_f64()
            )),
            (None, Some(holder)) => {
                holder.remove(patience).await?;
                match pod.until(pods::bound(), patience.release()).await {
                    Ok(_) => Ruling::Right(format!(
                        "pod `{name}` asked for {what}, stayed pending for {:.0} s, and was bound when `{}` was gone",
                        window.as_secs_f64(),
                        holder.name()
                    )),
                    Err(error) => unmet(
                        &format!(
                            "pod `{name}` still waits for {what} after `{}` is gone",
                            holder.name()
                        ),
                        &error,
                    ),
                }
            }
        };
        pod.remove(patience).await?;
        Ok(ruling)
    }

    /// How many of these pods run at this moment.
    pub(crate) async fn running(&self, members: &[Member]) -> Result<usize, CheckError> {
        let api = self.roster.namespace().api::<Pod>();
        let list = api.list(&ListParams::default()).await;
        let list = list.map_err(|source| CheckError::Api {
            what: "list pods".to_owned(),
            source,
        })?;
        let uids: Vec<String> = members.iter().map(|member| member.pod.uid()).collect();
        let runs = |pod: &&Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.uid().is_some_and(|uid| uids.contains(&uid))
                && phase == Some("Running")
                && pod.metadata.deletion_timestamp.is_none()
        };
        Ok(list.items.iter().filter(runs).count())
    }
}

/// The longest that any of them took to be bound.
pub(crate) fn slowest(members: &[Member]) -> Duration {
    members
        .iter()
        .filter_map(|member| member.heard.as_ref().ok())
        .map(|heard| heard.bound_after)
        .max()
        .unwrap_or_default()
}
