//! The trial of one extended resource: which nodes are tried, and what is held there when.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::try_join_all;
use plimsoll_platform::{
    Inventory, Path, PodSecurity, WholeNode, dra,
    survey::{Counted, Node},
};
use plimsoll_vendors::Vendor;

use super::{
    judge::{Ask, Seat},
    labels,
    restart::{self, Told},
};
use crate::{
    CheckError, Context,
    probe_pod::{Crew, Member, Placement, Roster, Ruling, identities, slowest},
};

/// More nodes of one resource show nothing more.
const MOST_NODES: usize = 4;

/// The most devices of a node that are held by pods of one each.
pub(super) const MOST: usize = 16;

/// How the controls came out on one node.
struct Report {
    held: Ruling,
    labels: Option<Ruling>,
    surplus: Option<Ruling>,
    several: Option<Ruling>,
    once: Option<Ruling>,
    restart: Option<Told>,
    health: Option<Ruling>,
    backed: Option<Ruling>,
}

impl Report {
    fn unknown(why: impl Into<String>) -> Self {
        Self {
            held: Ruling::Undecided(why.into()),
            labels: None,
            surplus: None,
            several: None,
            once: None,
            restart: None,
            health: None,
            backed: None,
        }
    }
}

/// Tries one resource.
pub(super) async fn run(context: &Context, resource: String) -> Result<(), CheckError> {
    let path = Path::DevicePlugin {
        resource: resource.clone(),
    };
    let trial = context.trial(path.to_string());
    let inventory = &context.inventory;
    let all: Vec<_> = inventory.by_path(&path).collect();
    let free: Vec<&str> = all
        .iter()
        .filter(|pool| pool.free > 0)
        .map(|pool| pool.node.as_str())
        .collect();
    if free.is_empty() {
        let why: Vec<String> = all
            .iter()
            .map(|pool| format!("node `{}`: {}", pool.node, pool.because))
            .collect();
        trial.undecided("L1", format!("none of `{resource}` is free: {}", why.join("; ")));
        return Ok(());
    }
    let tried = &free[..free.len().min(MOST_NODES)];
    let nodes = tried.iter().enumerate();
    // One plugin that is restarted shows what there is to see.
    let reports = nodes.map(|(index, node)| on_node(context, &path, &resource, node, index == 0));
    let reports = try_join_all(reports).await?;
    let mut parts: [(&'static str, Vec<Ruling>); 8] =
        ["L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"].map(|control| (control, Vec::new()));
    let mut unrestarted = None;
    for report in reports {
        let Report {
            held,
            labels,
            surplus,
            several,
            once,
            restart,
            health,
            backed,
        } = report;
        let restart = match restart {
            Some(Told::Judged(ruling)) => Some(ruling),
            Some(Told::NotTried(why)) => {
                unrestarted = Some(why);
                None
            }
            None => None,
        };
        let rulings = [
            Some(held),
            labels,
            surplus,
            several,
            once,
            restart,
            health,
            backed,
        ];
        for ((_, list), ruling) in parts.iter_mut().zip(rulings) {
            list.extend(ruling);
        }
    }
    parts[1].1.extend(misled(inventory, &resource));
    let sample = match all.len() - tried.len() {
        0 => String::new(),
        left => format!("; {left} further nodes with `{resource}` were not tried"),
    };
    for (control, rulings) in parts {
        if rulings.is_empty() {
            continue;
        }
        let ruling = Ruling::all(rulings);
        let ruling = match ruling {
            Ruling::Right(detail) if control == "L8" => {
                let bare = bare(inventory, &resource);
                Ruling::Right(format!("{detail}; {bare} nodes advertise none{sample}"))
            }
            Ruling::Right(detail) if control == "L1" => Ruling::Right(format!("{detail}{sample}")),
            other => other,
        };
        ruling.tell(&trial, control);
    }
    if let Some(why) = unrestarted {
        trial.not_run(
            "L6",
            format!(
                "the vendor's plugin was not restarted, so whether it is known afterwards who holds what was not seen: {why}"
            ),
        );
    }
    Ok(())
}

/// How many nodes advertise none.
fn bare(inventory: &Inventory, resource: &str) -> usize {
    let has = |node: &&Node| {
        node.accelerators
            .get(resource)
            .is_none_or(|counted| counted.allocatable == 0)
    };
    inventory.nodes.iter().filter(has).count()
}

/// L2: nodes whose labels tell of devices that nothing offers there.
fn misled(inventory: &Inventory, resource: &str) -> Option<Ruling> {
    let vendor = Vendor::by_resource(resource)?;
    let idle = |node: &&Node| {
        let by_plugin = node
            .accelerators
            .iter()
            .any(|(name, counted)| counted.capacity > 0 && vendor.resources.matches(name));
        let by_claim = inventory
            .accelerators
            .iter()
            .any(|pool| pool.node == node.name && pool.vendor.as_deref() == Some(&vendor.id));
        node.ready && !by_plugin && !by_claim
    };
    let base = resource.strip_suffix(".shared").unwrap_or(resource);
    inventory.nodes.iter().filter(idle).find_map(|node| {
        let said = labels::count(node, base).filter(|said| said.value > 0)?;
        Some(Ruling::Wrong(format!(
            "node `{}` is labelled {}={}, and offers no device of {} in any way",
            node.name, said.label, said.value, vendor.name
        )))
    })
}

async fn on_node(
    context: &Context,
    path: &Path,
    resource: &str,
    node: &str,
    restarts: bool,
) -> Result<Report, CheckError> {
    let ask = WholeNode {
        path: path.clone(),
        nodes: vec![node.to_owned()],
        min: 1,
    };
    let lease = match context.budget.acquire_node(ask).await {
        Ok(lease) => lease,
        Err(error) => return Ok(Report::unknown(error.to_string())),
    };
    let Some(facts) = context.inventory.node(node) else {
        return Ok(Report::unknown(format!("node `{node}` is not known")));
    };
    let namespace = context
        .workspace
        .namespace("discovery", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(namespace);
    let placement = Placement::on(facts);
    let crew = Crew {
        context,
        roster: &roster,
        placement: &placement,
        node,
        vendor: Vendor::by_resource(resource),
    };
    let result = census(&crew, resource, facts, lease.total(), restarts).await;
    // Nothing may hold a device when the lease ends.
    roster.clear(&context.patience).await;
    drop(lease);
    result
}

async fn census(
    crew: &Crew<'_>,
    resource: &str,
    facts: &Node,
    free: usize,
    restarts: bool,
) -> Result<Report, CheckError> {
    let counted = facts.accelerators.get(resource).copied().unwrap_or_default();
    if counted.allocatable > counted.capacity {
        return Ok(Report {
            held: Ruling::Wrong(format!(
                "node `{}` says that {} of `{resource}` can be had of {} that there are",
                facts.name, counted.allocatable, counted.capacity
            )),
            ..Report::unknown("")
        });
    }
    let ask = Ask {
        resource,
        node: &facts.name,
        vendor: crew.vendor,
        is_shared: facts.sharing(resource).is_some(),
    };
    // How many shares there should be is another requirement's matter; one shows what is behind them.
    let holders = if ask.is_shared { 1 } else { free.min(MOST) };
    let pods = (0..holders).map(|index| crew.asking(&format!("one-{index}"), resource, 1));
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => {
            return Ok(Report {
                held: gap,
                ..Report::unknown("")
            });
        }
    };
    let seats: Vec<Seat<'_>> = members.iter().map(seat).collect();
    let all_run = seats.iter().all(|seat| seat.found.is_ok());
    let published = published(&crew.context.inventory, &facts.name, crew.vendor);
    let mut report = Report {
        labels: all_run
            .then(|| labelled(&ask, &seats, facts, counted, free))
            .flatten(),
        once: (!ask.is_shared && !published.is_empty()).then(|| ask.offered_once(&seats, &published)),
        health: ask.in_order(&seats, counted.capacity.saturating_sub(counted.allocatable)),
        backed: Some(ask.backed(&seats)),
        ..Report::unknown("")
    };
    report.surplus = Some(if all_run {
        let wanted = free - holders + 1;
        let window = crew.context.patience.hold(slowest(&members));
        let what = format!("{wanted} of `{resource}` on node `{}`", facts.name);
        crew.one_too_many(&crew.asking("too-many", resource, wanted), &what, window, None)
            .await?
    } else {
        Ruling::Undecided("not all that can be had was held".to_owned())
    });
    crew.roster.clear(&crew.context.patience).await;

    // Shares are asked for one by one, and where pods with one device each don't run, one with many does not either.
    let several = if all_run && holders > 1 && !ask.is_shared {
        match crew.muster([crew.asking("several", resource, holders)]).await? {
            Ok(members) => members.into_iter().next(),
            Err(_) => None,
        }
    } else {
        None
    };
    let several = several.as_ref().map(seat);
    report.several = several.as_ref().map(|seat| ask.several(seat, holders));
    report.held = ask.one_each(&seats, several.as_ref());
    if report.held.is_wrong() {
        // It would be the same fault again.
        report.several = report.several.filter(Ruling::is_wrong);
    }
    report.restart = if !restarts {
        None
    } else if ask.is_shared {
        Some(Told::NotTried("who holds which share can't be seen".to_owned()))
    } else if report.held.is_right() {
        crew.roster.clear(&crew.context.patience).await;
        Some(restart::told(crew, &ask, facts, free).await?)
    } else {
        Some(Told::NotTried(
            "not even before it could every device be held".to_owned(),
        ))
    };
    Ok(report)
}

/// How long a pod took to be bound.
pub(super) fn bound_after(member: &Member) -> Duration {
    slowest(std::slice::from_ref(member))
}

pub(super) fn seat(member: &Member) -> Seat<'_> {
    Seat {
        pod: member.pod.name(),
        found: member.heard.as_ref().map(|heard| &heard.found),
    }
}

/// L2: what the node's labels say, against what was held.
fn labelled(
    ask: &Ask<'_>,
    seats: &[Seat<'_>],
    facts: &Node,
    counted: Counted,
    free: usize,
) -> Option<Ruling> {
    let mut rulings = Vec::new();
    if let Some(said) = labels::count(facts, ask.resource) {
        let different = u64::try_from(ask.distinct(seats).len()).unwrap_or(u64::MAX);
        // Devices that are out of order are there all the same; those that others hold were not seen.
        let there = different + counted.capacity.saturating_sub(counted.allocatable);
        let is_whole = u64::try_from(free) == Ok(counted.allocatable) && free <= MOST;
        let is_wrong =
            (said.value < different && !ask.is_shared) || (is_whole && !ask.is_shared && said.value != there);
        let text = format!(
            "node `{}` is labelled {}={}, and {different} different devices were held",
            facts.name, said.label, said.value
        );
        rulings.push(if is_wrong {
            Ruling::Wrong(text)
        } else {
            Ruling::Right(text)
        });
    }
    if let Some(said) = labels::product(facts, ask.resource) {
        let held = ask.distinct(seats);
        let models: BTreeSet<&str> = held
            .iter()
            .filter_map(|held| held.node().identity.as_ref()?.model.as_deref())
            .collect();
        if let Some(model) = models
            .iter()
            .find(|model| !labels::names_model(&said.value, model))
        {
            rulings.push(Ruling::Wrong(format!(
                "node `{}` is labelled {}={}, and holds a device that says it is `{model}`",
                facts.name, said.label, said.value
            )));
        } else if !models.is_empty() {
            rulings.push(Ruling::Right(format!(
                "{}={} is what the devices say they are",
                said.label, said.value
            )));
        }
    }
    (!rulings.is_empty()).then(|| Ruling::all(rulings))
}

/// What DRA drivers publish of the same vendor's devices on the node.
fn published(inventory: &Inventory, node: &str, vendor: Option<&'static Vendor>) -> BTreeSet<String> {
    inventory
        .accelerators
        .iter()
        .filter(|pool| pool.path.is_dra() && pool.node == node)
        .flat_map(|pool| &pool.devices)
        .flat_map(|device| {
            let published = dra::Device {
                name: device.name.clone(),
                attributes: Arc::clone(&device.attributes),
                ..dra::Device::default()
            };
            identities(&device.driver, &published, vendor)
        })
        .collect()
}
