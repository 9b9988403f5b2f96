//! The lab's own network: a bridge on the host, and a cable from it to every node.
//!
//! Nodes route each other's pods over the bridge, and the host routes pods to their nodes, so no forwarding
//! has to be switched on outside the nodes and no packet filter of the host is touched. All of it hangs on
//! the bridge and the cables: deleting those links deletes addresses and routes with them.

use std::path::Path;

use crate::addresses::{AddressPlan, NodeIndex, Slot};
use crate::name::LabName;
use crate::tool::{self, ToolError};

/// The name of the nodes' only link to the outside.
const UPLINK: &str = "eth0";

/// Makes the bridge and gives the host its address on it.
pub(crate) async fn create_bridge(lab: &LabName, slot: Slot) -> Result<(), ToolError> {
    let bridge = slot.bridge();
    ip(&["link", "add", &bridge, "type", "bridge"]).await?;
    ip(&["link", "set", &bridge, "alias", &alias(lab)]).await?;
    let address = format!("{}/{}", slot.plan().host(), AddressPlan::BRIDGE_PREFIX);
    ip(&["address", "add", &address, "dev", &bridge]).await?;
    ip(&["link", "set", &bridge, "up"]).await
}

/// Connects a node, whose keeper has the process id `keeper`, to the bridge and tells everybody the way.
pub(crate) async fn connect_node(
    lab: &LabName,
    slot: Slot,
    node: NodeIndex,
    keeper: i32,
    neighbours: &[(NodeIndex, i32)],
) -> Result<(), ToolError> {
    let (plan, bridge, cable) = (slot.plan(), slot.bridge(), slot.cable(node));
    let pid = keeper.to_string();
    ip(&[
        "link", "add", &cable, "type", "veth", "peer", "name", UPLINK, "netns", &pid,
    ])
    .await?;
    ip(&[
        "link",
        "set",
        &cable,
        "alias",
        &alias(lab),
        "master",
        &bridge,
        "up",
    ])
    .await?;
    let address = format!("{}/{}", plan.node(node), AddressPlan::BRIDGE_PREFIX);
    inside(keeper, &["address", "add", &address, "dev", UPLINK]).await?;
    inside(keeper, &["link", "set", UPLINK, "up"]).await?;
    // A process on the node needs some route to a Service's address before kube-proxy's rules can turn it.
    let (services, host) = (plan.services().to_string(), plan.host().to_string());
    inside(keeper, &["route", "add", &services, "via", &host]).await?;
    let (pods, address) = (plan.pods(node).to_string(), plan.node(node).to_string());
    ip(&["route", "replace", &pods, "via", &address]).await?;
    for (neighbour, their_keeper) in neighbours {
        let (theirs, there) = (
            plan.pods(*neighbour).to_string(),
            plan.node(*neighbour).to_string(),
        );
        inside(keeper, &["route", "replace", &theirs, "via", &there]).await?;
        inside(*their_keeper, &["route", "replace", &pods, "via", &address]).await?;
    }
    Ok(())
}

/// Deletes a node's cable, whose end inside the node goes with it, and the way to its pods.
pub(crate) async fn disconnect_node(
    slot: Slot,
    node: NodeIndex,
    neighbours: &[(NodeIndex, i32)],
) -> Result<(), ToolError> {
    delete(&slot.cable(node)).await?;
    let pods = slot.plan().pods(node).to_string();
    ip(&["route", "flush", &pods]).await?;
    for (_, their_keeper) in neighbours {
        inside(*their_keeper, &["route", "flush", &pods]).await?;
    }
    Ok(())
}

/// Deletes every link of the lab, by the name that the links carry: no state is needed to find them.
pub(crate) async fn remove(lab: &LabName) -> Result<(), ToolError> {
    for link in links_of(Path::new(LINKS), lab) {
        delete(&link).await?;
    }
    Ok(())
}

/// Where the kernel shows links.
const LINKS: &str = "/sys/class/net";

/// What the lab's links carry as their alias.
fn alias(lab: &LabName) -> String {
    format!("plimsoll-lab {lab}")
}

fn links_of(links: &Path, lab: &LabName) -> Vec<String> {
    let carries = |link: &String| {
        std::fs::read_to_string(links.join(link).join("ifalias"))
            .is_ok_and(|text| text.trim_end() == alias(lab))
    };
    let entries = std::fs::read_dir(links).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(carries)
        .collect();
    names.sort();
    names
}

async fn delete(link: &str) -> Result<(), ToolError> {
    let exists = || Path::new(LINKS).join(link).exists();
    if !exists() {
        return Ok(());
    }
    match ip(&["link", "delete", link]).await {
        // The kernel may have taken the link away itself, because the node's namespace just ended.
        Err(error) if exists() => Err(error),
        _ => Ok(()),
    }
}

async fn ip(args: &[&str]) -> Result<(), ToolError> {
    tool::run("ip", args).await.map(drop)
}

async fn inside(keeper: i32, args: &[&str]) -> Result<(), ToolError> {
    let target = format!("--net=/proc/{keeper}/ns/net");
    let all = [target.as_str(), "ip"].into_iter().chain(args.iter().copied());
    tool::run("nsenter", all).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_carry_the_labs_name_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let links = [
            ("plimsoll0", "plimsoll-lab lab\n"),
            ("plimsoll0n1", "plimsoll-lab lab\n"),
            ("plimsoll1", "plimsoll-lab lab-2\n"),
            ("plimsoll7", "somebody's own\n"),
            ("eth0", "\n"),
        ];
        for (link, alias) in links {
            std::fs::create_dir(folder.path().join(link)).unwrap();
            std::fs::write(folder.path().join(link).join("ifalias"), alias).unwrap();
        }
        std::fs::create_dir(folder.path().join("lo")).unwrap();
        assert_eq!(
            links_of(folder.path(), &"lab".parse().unwrap()),
            ["plimsoll0", "plimsoll0n1"]
        );
    }
}
