//! Y6 and Y7: groups of pods that must be within one domain, by Kubernetes' own PodGroup.
//!
//! Its members would rather be apart, so that they are together only where the group's wish counts. A group with a member
//! for each node of a domain and one more fits none; without the wish it goes.

mod ground;
mod judge;

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{Condition, Deadline, PodSecurity, WaitError, Watched, pods, survey::Node};
use serde_json::{Value, json};

use self::{ground::Ground, judge::Places};
use crate::{
    CheckError, Context,
    probe_pod::{ProbeContainer, ProbePod, Roster, Ruling, chain},
};

/// The group of Kubernetes' own gang scheduling, and its versions in which groups can want a domain, the best first.
const GROUP: &str = "scheduling.k8s.io";
const VERSIONS: [&str; 2] = ["v1beta1", "v1alpha2"];

/// The label of a group's members.
const LABEL: &str = "plimsoll.dev/group";

const HOSTNAME: &str = "kubernetes.io/hostname";

/// How members are kept from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apart {
    /// They would rather be in different domains.
    Rather,
    /// Each is on a node by itself.
    Strictly,
}

/// What came of a group.
enum Formed {
    /// Its members went there, so long after they were created.
    Placed(Places, Duration),
    /// It is not what was asked for, or could not be: why.
    Not(String),
    /// The API takes its wish away.
    Dropped(String),
}

/// Tries it, where the platform offers it; each ruling with its control.
pub(super) async fn run(context: &Context) -> Result<Vec<(&'static str, Ruling)>, CheckError> {
    let absent = |why: String| {
        context.observe("groups of pods in one domain", json!(why));
        Vec::new()
    };
    let served = |version: &&&str| {
        let mut apis = context.inventory.gang_apis.iter();
        apis.any(|api| api.group == GROUP && api.kind == "PodGroup" && api.version == **version)
    };
    let Some(version) = VERSIONS.iter().find(served) else {
        return Ok(absent(
            "not tried: no PodGroup that can want a domain is served".to_owned(),
        ));
    };
    let Some(ground) = Ground::of(&context.inventory.nodes) else {
        return Ok(absent(
            "not tried: the nodes that take pods are all in one domain".to_owned(),
        ));
    };
    let namespace = context
        .workspace
        .namespace("groups", PodSecurity::Restricted)
        .await?;
    let bench = Bench {
        context,
        roster: Roster::new(namespace),
        version,
        ground,
    };
    let rulings = bench.run().await;
    bench.roster.clear(&context.patience).await;
    Ok(rulings?.unwrap_or_else(absent))
}

/// Whether these nodes are in several domains.
pub(super) fn has_ground(nodes: &[Node]) -> bool {
    Ground::of(nodes).is_some()
}

struct Bench<'a> {
    context: &'a Context,
    roster: Roster,
    version: &'a str,
    ground: Ground,
}

impl Bench<'_> {
    /// Both controls; else, why there are none.
    async fn run(&self) -> Result<Result<Vec<(&'static str, Ruling)>, String>, CheckError> {
        let patience = &self.context.patience;
        let formed = self
            .form("near", 2, true, Apart::Rather, patience.scheduling().within)
            .await?;
        let (places, took) = match formed {
            Formed::Placed(places, took) => (places, took),
            Formed::Not(why) => return Ok(Ok(vec![("Y6", Ruling::Undecided(why))])),
            Formed::Dropped(why) => {
                return Ok(Err(format!(
                    "not tried: {why}; the gate TopologyAwareWorkloadScheduling may be off"
                )));
            }
        };
        self.record("near", &places);
        let near = judge::together(&self.ground, 2, &places);
        let near = self.unless_unobserved("near", near).await;
        let is_honoured = near.is_right();
        let mut rulings = vec![("Y6", near)];
        if !is_honoured {
            return Ok(Ok(rulings));
        }
        self.roster.clear(patience).await;
        let size = self.ground.too_many();
        let window = patience.hold(took);
        let places = match self.form("big", size, true, Apart::Strictly, window).await? {
            Formed::Placed(places, _) => places,
            Formed::Not(why) | Formed::Dropped(why) => {
                rulings.push(("Y7", Ruling::Undecided(why)));
                return Ok(Ok(rulings));
            }
        };
        self.record("big", &places);
        self.roster.clear(patience).await;
        let mut freed = Places::new();
        if places.is_empty() {
            let within = patience.scheduling().within;
            if let Formed::Placed(places, _) = self.form("free", size, false, Apart::Strictly, within).await?
            {
                self.record("free", &places);
                freed = places;
            }
        }
        let big = judge::refused(&self.ground, size, &places, &freed);
        rulings.push(("Y7", self.unless_unobserved("big", big).await));
        Ok(Ok(rulings))
    }

    /// Creates a group, and waits until all its members are bound or the time is over.
    async fn form(
        &self,
        name: &str,
        size: usize,
        wants_domain: bool,
        apart: Apart,
        within: Duration,
    ) -> Result<Formed, CheckError> {
        let mut group = json!({
            "apiVersion": format!("{GROUP}/{}", self.version), "kind": "PodGroup", "metadata": {"name": name},
            "spec": {"schedulingPolicy": {"gang": {"minCount": size}}},
        });
        if wants_domain {
            group["spec"]["schedulingConstraints"] = json!({"topology": [{"key": self.ground.key}]});
        }
        let stored = match self.roster.namespace().create(group.clone()).await {
            Ok(stored) => stored,
            Err(refusal) => return Ok(Formed::Dropped(chain(&refusal))),
        };
        let field = |of: &Value, name: &str| of["spec"][name].clone();
        for name in ["schedulingConstraints", "schedulingPolicy"] {
            let (sent, found) = (field(&group, name), field(&stored.data, name));
            if sent == found {
                continue;
            }
            let why = format!("a PodGroup is stored with {name} {found}, where {sent} was sent");
            return Ok(if name == "schedulingConstraints" {
                Formed::Dropped(why)
            } else {
                Formed::Not(format!("{why}: gang_scheduling decides that"))
            });
        }
        let mut members = Vec::new();
        for rank in 0..size {
            let pod = ProbePod::new(format!("{name}-{rank}"), &self.context.probe)
                .label(LABEL, name)
                .field("schedulingGroup", json!({"podGroupName": name}))
                .field("affinity", self.affinity(name, apart))
                .container(ProbeContainer::new("wait", ["pause"]));
            match self.roster.start(&pod).await {
                Ok(pod) => members.push(pod),
                Err(CheckError::Create(refusal)) => return Ok(Formed::Dropped(chain(&refusal))),
                Err(error) => return Err(error),
            }
        }
        let Some(first) = members.first() else {
            return Ok(Formed::Not("a group without members".to_owned()));
        };
        if let Some(lost) = self.lost(&first.name()).await {
            return Ok(Formed::Not(lost));
        }
        // Bound members at the end of the time are what counts, however the wait ended.
        let all = Watched::all(self.roster.namespace().api::<Pod>());
        let bound = pods::bound().count(size);
        let deadline = Deadline {
            within,
            ..self.context.patience.scheduling()
        };
        let waited = all
            .until(bound.called("all members of a group to be bound"), deadline)
            .await;
        let took = first.age();
        let places = match self.places(name).await {
            Ok(places) => places,
            Err(why) => return Ok(Formed::Not(why)),
        };
        Ok(match waited {
            Ok(_) | Err(WaitError::Elapsed { .. }) => Formed::Placed(places, took),
            // A time that was cut short is no time.
            Err(error) => Formed::Not(format!("a group could not be watched: {}", chain(&error))),
        })
    }

    fn affinity(&self, name: &str, apart: Apart) -> Value {
        let term = |key: &str| json!({"topologyKey": key, "labelSelector": {"matchLabels": {LABEL: name}}});
        match apart {
            Apart::Rather => json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
                [{"weight": 100, "podAffinityTerm": term(&self.ground.key)}]}}),
            Apart::Strictly => json!({"podAntiAffinity":
                {"requiredDuringSchedulingIgnoredDuringExecution": [term(HOSTNAME)]}}),
        }
    }

    /// What a stored pod lacks that makes it a member.
    async fn lost(&self, pod: &str) -> Option<String> {
        let api = self.roster.namespace().dynamic(&ApiResource::erase::<Pod>(&()));
        match api.get(pod).await {
            Ok(stored) if stored.data["spec"]["schedulingGroup"].is_object() => None,
            Ok(_) => Some(
                "a pod is stored without the group that it was sent with: gang_scheduling decides that"
                    .to_owned(),
            ),
            Err(error) => Some(format!("a member could not be read: {}", chain(&error))),
        }
    }

    /// Where the members of a group are.
    async fn places(&self, group: &str) -> Result<Places, String> {
        let api = self.roster.namespace().api::<Pod>();
        let of_group = ListParams::default().labels(&format!("{LABEL}={group}"));
        let list = api
            .list(&of_group)
            .await
            .map_err(|error| format!("the members of a group could not be read: {}", chain(&error)))?;
        let bound = list.items.iter().filter_map(|pod| {
            let node = pod.spec.as_ref()?.node_name.clone()?;
            Some((pod.name_any(), node))
        });
        Ok(bound.collect())
    }

    /// A group that nobody says anything of is nobody's: what became of its members shows nothing of its wish.
    async fn unless_unobserved(&self, name: &str, ruling: Ruling) -> Ruling {
        if !ruling.is_wrong() {
            return ruling;
        }
        let kind = ApiResource {
            group: GROUP.to_owned(),
            version: self.version.to_owned(),
            api_version: format!("{GROUP}/{}", self.version),
            kind: "PodGroup".to_owned(),
            plural: "podgroups".to_owned(),
        };
        let group: Result<DynamicObject, _> = self.roster.namespace().dynamic(&kind).get(name).await;
        let is_observed = group.is_ok_and(|group| {
            let conditions = group.data.pointer("/status/conditions");
            conditions
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty())
        });
        if is_observed {
            return ruling;
        }
        Ruling::Undecided(format!(
            "{}; but nobody says anything of the group, so that it may be nobody's: gang_scheduling decides that",
            ruling.detail()
        ))
    }

    fn record(&self, group: &str, places: &Places) {
        self.context.observe(
            format!("places of group {}/{group}", self.roster.namespace().name()),
            json!({"key": self.ground.key, "domains": self.ground.domains, "places": places}),
        );
    }
}
