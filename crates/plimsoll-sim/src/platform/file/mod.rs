//! A platform file: TOML to [`PlatformSpec`], with all that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use miette::NamedSource;
use plimsoll_toml::{Table, unknown_name};
use plimsoll_vendors::{Division, DivisionError, Vendor};
use serde_json::Value;

use super::{
    Accelerators, Allocation, FaultKind, FaultyPlatform, GangScheduling, Latencies, NodeGroup, PlatformSpec,
    PodSecurity, Section, Sharing, Software, VERSIONS,
};

/// Where the keys are described.
const HINT: &str = "the platforms that come along show the shape; docs/simulation.md lists every key";
/// The most nodes that a platform can have.
const MAX_NODES: u32 = 20_000;
/// The most pods that run in the background.
const MAX_PODS: u32 = 500_000;
/// The most accelerators of one entry on a node; a slice of the API holds as many devices.
const MAX_ACCELERATORS: u32 = 128;

/// Into more shares a device is not divided.
const MOST_SHARES: u32 = 16;
/// The longest that a part may take: an hour.
const MAX_LATENCY_MS: u64 = 3_600_000;
/// Kubernetes lets a kubelet be this much older than its control plane.
const KUBELET_SKEW: u32 = 3;

impl PlatformSpec {
    /// Reads a platform file; `file` is its name in what is said about it.
    ///
    /// # Errors
    /// [`FaultyPlatform`], with every fault and its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, FaultyPlatform> {
        plimsoll_toml::read(file, text, HINT, platform).map_err(|faults| FaultyPlatform {
            file: file.to_owned(),
            text: NamedSource::new(file, text.to_owned()),
            faults,
        })
    }
}

fn platform(mut table: Table<'_>) -> PlatformSpec {
    let name = table.text("name");
    let name = table.required("name", name);
    let description = table.text("description").unwrap_or_default();
    let stated_version = table.version("kubernetes", VERSIONS);
    let kubernetes = table.required("kubernetes", stated_version);
    let nodes: Vec<NodeGroup> = table
        .tables("nodes")
        .into_iter()
        .map(|group| node_group(group, stated_version))
        .collect();
    judge_nodes(&table, &nodes);
    let gang_scheduling = gang_scheduling(&mut table, stated_version);
    let latencies = table.table("latencies").map(latencies).unwrap_or_default();
    let levels = PodSecurity::ALL.map(|level| (level.name(), level));
    let pod_security = table.choice("pod-security", "Pod Security level", levels);
    let installed = installed(&mut table);
    let namespace_quota = table.text_map("namespace-quota");
    let background_pods = table.count("background-pods", 0..=MAX_PODS).unwrap_or_default();
    let images = table
        .texts("images")
        .into_iter()
        .map(|(image, _)| image)
        .collect();
    let objects = objects(&mut table);
    table.finish();
    PlatformSpec {
        name,
        description,
        kubernetes,
        nodes,
        gang_scheduling,
        latencies,
        pod_security: pod_security.unwrap_or_default(),
        installed,
        namespace_quota,
        background_pods,
        images,
        objects,
    }
}

fn judge_nodes(table: &Table<'_>, nodes: &[NodeGroup]) {
    if nodes.is_empty() {
        table.fault("nodes", FaultKind::Missing);
    }
    let total: u64 = nodes.iter().map(|group| u64::from(group.count)).sum();
    if total > u64::from(MAX_NODES) {
        table.fault(
            "nodes",
            FaultKind::Impossible {
                why: format!("{total} nodes in all"),
                help: "20000 nodes are the most that can be simulated",
            },
        );
    }
    let mut names = BTreeSet::new();
    for group in nodes {
        if !group.name.is_empty() && !names.insert(&group.name) {
            table.fault(
                "nodes",
                FaultKind::Impossible {
                    why: format!("two kinds of nodes are called `{}`", group.name),
                    help: "nodes are called after their kind and a number, so each kind needs a name of its own",
                },
            );
        }
    }
}

fn node_group(mut table: Table<'_>, control_plane: Option<u32>) -> NodeGroup {
    let name = table.text("name");
    let name = table.required("name", name);
    if !name.is_empty() && !is_label(&name) {
        table.fault(
            "name",
            FaultKind::Impossible {
                why: format!("`{name}` can't begin a node's name"),
                help: "use lower-case letters, digits and `-`, at most 40 of them, beginning with a letter",
            },
        );
    }
    let defaults = NodeGroup::new("", 1);
    let kubelet = table.version("kubelet", VERSIONS);
    if let (Some(kubelet), Some(control_plane)) = (kubelet, control_plane)
        && !(control_plane.saturating_sub(KUBELET_SKEW)..=control_plane).contains(&kubelet)
    {
        table.fault(
            "kubelet",
            FaultKind::Impossible {
                why: format!("a kubelet of 1.{kubelet} can't be with an API server of 1.{control_plane}"),
                help: "a kubelet may be up to three minor versions older than the API server, never newer",
            },
        );
    }
    let accelerators: Vec<Accelerators> = table
        .tables("accelerators")
        .into_iter()
        .map(|entry| accelerators(entry, control_plane))
        .collect();
    judge_accelerators(&table, &accelerators);
    let group = NodeGroup {
        name,
        count: table.count("count", 1..=MAX_NODES).unwrap_or(defaults.count),
        cpu: table.count("cpu", 1..=1024).unwrap_or(defaults.cpu),
        memory_gib: table
            .count("memory-gib", 1..=65_536)
            .unwrap_or(defaults.memory_gib),
        max_pods: table.count("max-pods", 1..=1000).unwrap_or(defaults.max_pods),
        numa_nodes: table.count("numa-nodes", 1..=16).unwrap_or(defaults.numa_nodes),
        single_numa: topology_policy(&mut table),
        kubelet,
        labels: table.text_map("labels"),
        taints: taints(&mut table),
        cordoned: table.flag("cordoned").unwrap_or_default(),
        accelerators,
    };
    table.finish();
    group
}

fn topology_policy(table: &mut Table<'_>) -> bool {
    let policies = [("none", false), ("single-numa-node", true)];
    let policy = table.choice(
        "topology-policy",
        "policy of the kubelet's topology manager",
        policies,
    );
    policy.unwrap_or_default()
}

fn is_label(name: &str) -> bool {
    let fits =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(fits)
}

fn taints(table: &mut Table<'_>) -> Vec<String> {
    const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "PreferNoSchedule"];
    let mut taints = Vec::new();
    for (index, (taint, span)) in table.texts("taints").into_iter().enumerate() {
        match taint.rsplit_once(':') {
            Some((key, effect)) if !key.is_empty() && EFFECTS.contains(&effect) => taints.push(taint),
            Some((_, effect)) if !EFFECTS.contains(&effect) => {
                table.fault_at(
                    "taints",
                    index,
                    span,
                    unknown_name("effect of a taint", effect, EFFECTS),
                );
            }
            _ => table.fault_at(
                "taints",
                index,
                span,
                FaultKind::WrongKind {
                    expected: "`key=value:Effect` or `key:Effect`".to_owned(),
                    found: format!("`{taint}`"),
                },
            ),
        }
    }
    taints
}

fn accelerators(mut table: Table<'_>, kubernetes: Option<u32>) -> Accelerators {
    let vendors = Vendor::all()
        .iter()
        .filter(|vendor| vendor.lab.is_some())
        .map(|vendor| (vendor.id.as_str(), Some(vendor)));
    let vendor = table.choice("vendor", "vendor whose accelerators can be simulated", vendors);
    let vendor: Option<&Vendor> = table.required("vendor", vendor);
    let ways = Allocation::ALL.map(|way| (way.name(), way));
    let way = table.choice("allocation", "way to hand out accelerators", ways);
    let allocation = way.unwrap_or(Allocation::Dra);
    if let (Some(vendor), Some(kubernetes)) = (vendor, kubernetes)
        && let Some((why, help)) = unreachable(vendor, allocation, kubernetes)
    {
        table.fault("allocation", FaultKind::Impossible { why, help });
    }
    let count = table.count("count", 1..=MAX_ACCELERATORS).unwrap_or(1);
    let busy = table.count("busy", 0..=MAX_ACCELERATORS).unwrap_or_default();
    if busy > count {
        table.fault(
            "busy",
            FaultKind::Impossible {
                why: format!("{busy} of {count} accelerators are in use"),
                help: "`busy` counts those of each node that other people's pods hold",
            },
        );
    }
    let division = division(&mut table, vendor, allocation);
    let sharing = sharing(&mut table, allocation);
    let shares = shares(&mut table, allocation, &division);
    let exporter = table.flag("exporter").unwrap_or(true);
    table.finish();
    Accelerators {
        vendor: vendor.map(|vendor| vendor.id.clone()).unwrap_or_default(),
        count,
        allocation,
        busy,
        division,
        sharing,
        shares,
        exporter,
    }
}

fn division(table: &mut Table<'_>, vendor: Option<&Vendor>, allocation: Allocation) -> Division {
    let Some(text) = table.text("divided") else {
        return Division::default();
    };
    let division: Result<Division, DivisionError> = text.parse();
    let possible = division.and_then(|division| match vendor {
        Some(vendor) => vendor.divide(&division).map(|_| division),
        None => Ok(division),
    });
    match possible {
        Ok(division) if allocation == Allocation::ExtendedResource && !division.is_whole() => {
            table.fault(
                "divided",
                FaultKind::Impossible {
                    why: "parts are not handed out behind an extended resource".to_owned(),
                    help: "use `allocation = \"dra\"` or `\"plugin\"`",
                },
            );
            Division::default()
        }
        Ok(division) => division,
        Err(error) => {
            table.fault(
                "divided",
                FaultKind::Impossible {
                    why: error.to_string(),
                    help: "name profiles of the vendor, `vfN`, or alternatives such as `whole|vf4`",
                },
            );
            Division::default()
        }
    }
}

/// Time-slicing, which device plugins do.
fn sharing(table: &mut Table<'_>, allocation: Allocation) -> Option<Sharing> {
    let mut shares = table.table("sharing")?;
    let stated = shares.count("replicas", 2..=MAX_ACCELERATORS);
    let replicas = shares.required("replicas", stated);
    let renamed = shares.flag("renamed").unwrap_or_default();
    shares.finish();
    if allocation != Allocation::Plugin {
        table.fault(
            "sharing",
            FaultKind::Impossible {
                why: "only a device plugin offers shares of devices".to_owned(),
                help: "use `allocation = \"plugin\"`",
            },
        );
    }
    Some(Sharing { replicas, renamed })
}

/// Shares of capacity, which drivers give to claims.
fn shares(table: &mut Table<'_>, allocation: Allocation, division: &Division) -> u32 {
    let shares = table.count("shares", 2..=MOST_SHARES).unwrap_or_default();
    if shares > 0 && (allocation != Allocation::Dra || !division.is_whole()) {
        table.fault(
            "shares",
            FaultKind::Impossible {
                why:
                    "only a driver gives shares of a device's capacity, of one that is not divided otherwise"
                        .to_owned(),
                help: "use `allocation = \"dra\"` without `divided`",
            },
        );
    }
    shares
}

/// Why a vendor's accelerators can't be handed out like that, and what to do.
fn unreachable(vendor: &Vendor, way: Allocation, kubernetes: u32) -> Option<(String, &'static str)> {
    let id = &vendor.id;
    match way {
        Allocation::Dra | Allocation::ExtendedResource if vendor.dra.is_none() => Some((
            format!("`{id}` has no DRA driver"),
            "use `allocation = \"plugin\"`",
        )),
        Allocation::Plugin | Allocation::ExtendedResource if vendor.resource().is_none() => Some((
            format!("`{id}` has no extended resource"),
            "use `allocation = \"dra\"`",
        )),
        Allocation::ExtendedResource if kubernetes < 36 => Some((
            format!("Kubernetes 1.{kubernetes} has no DRA behind extended resources"),
            "it is there from 1.36 on",
        )),
        Allocation::Dra | Allocation::Plugin | Allocation::ExtendedResource => None,
    }
}

/// Two ways to the same kind of hardware on one node would count it twice.
fn judge_accelerators(table: &Table<'_>, accelerators: &[Accelerators]) {
    let mut seen = BTreeMap::new();
    for entry in accelerators.iter().filter(|entry| !entry.vendor.is_empty()) {
        if seen.insert(&entry.vendor, entry.allocation).is_some() {
            table.fault(
                "accelerators",
                FaultKind::Impossible {
                    why: format!("`{}` stands there twice", entry.vendor),
                    help: "a node hands out the accelerators of one vendor in one way; make a second kind of nodes",
                },
            );
        }
    }
}

fn gang_scheduling(table: &mut Table<'_>, kubernetes: Option<u32>) -> GangScheduling {
    let there = kubernetes.map_or_else(GangScheduling::default, GangScheduling::of);
    let Some(mut gangs) = table.table("gang-scheduling") else {
        return there;
    };
    let api = gangs.flag("api");
    let enforced = gangs.flag("enforced");
    let topology = gangs.flag("topology");
    if let Some(kubernetes) = kubernetes.filter(|kubernetes| *kubernetes < GangScheduling::SINCE) {
        for (key, _) in [("api", api), ("enforced", enforced)]
            .iter()
            .filter(|(_, on)| *on == Some(true))
        {
            gangs.fault(
                key,
                FaultKind::Impossible {
                    why: format!("Kubernetes 1.{kubernetes} has no gang scheduling of its own"),
                    help: "it is there from 1.35 on",
                },
            );
        }
    }
    if let Some(kubernetes) = kubernetes.filter(|kubernetes| *kubernetes < GangScheduling::TOPOLOGY_SINCE)
        && topology == Some(true)
    {
        gangs.fault(
            "topology",
            FaultKind::Impossible {
                why: format!("in Kubernetes 1.{kubernetes} no group can want to be in one domain"),
                help: "it is there from 1.36 on",
            },
        );
    }
    let api = api.unwrap_or(there.api);
    if enforced == Some(true) && !api {
        gangs.fault(
            "enforced",
            FaultKind::Impossible {
                why: "there is nothing to enforce without the API".to_owned(),
                help: "set `api = true` as well",
            },
        );
    }
    gangs.finish();
    GangScheduling {
        api,
        enforced: enforced.unwrap_or(api && there.enforced),
        topology: topology.unwrap_or(api && there.topology),
    }
}

fn latencies(mut table: Table<'_>) -> Latencies {
    let mut latencies = Latencies::default();
    for (key, latency) in latencies.fields() {
        if let Some(stated) = table.number(key, 0..=MAX_LATENCY_MS) {
            *latency = stated;
        }
    }
    table.finish();
    latencies
}

fn installed(table: &mut Table<'_>) -> Vec<&'static Software> {
    let mut installed = Vec::new();
    for section in Section::ALL {
        for (index, (name, span)) in table.texts(section.key()).into_iter().enumerate() {
            match Software::of(section).find(|software| software.id == name) {
                Some(software) => installed.push(software),
                None => {
                    let known = Software::of(section).map(|software| software.id.as_str());
                    table.fault_at(
                        section.key(),
                        index,
                        span,
                        unknown_name(section.singular(), &name, known),
                    );
                }
            }
        }
    }
    installed
}

fn objects(table: &mut Table<'_>) -> Vec<Value> {
    let mut objects = Vec::new();
    for mut object in table.tables("objects") {
        for key in ["apiVersion", "kind"] {
            let value = object.text(key);
            object.required(key, value);
        }
        if let Some(mut metadata) = object.table("metadata") {
            let name = metadata.text("name");
            metadata.required("name", name);
        } else {
            object.required::<()>("metadata", None);
        }
        objects.push(object.to_json());
    }
    objects
}

#[cfg(test)]
mod tests;
