//! What it takes to plan the checks for a platform of 1,000 nodes with 8 accelerators each: `cargo bench -p plimsoll-checks`.
//!
//! From the inventory of a survey to the first loan of each kind: what the owner leaves out, the budget, the ways to
//! allocate, what the checks choose, and loans of every kind by every way.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench tells what it measures, and its inputs are its own"
)]

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use futures::FutureExt;
use plimsoll_checks::Settings;
use plimsoll_platform::{
    Accelerator, Ask, Budget, Inventory, Path, Placement, WholeNode,
    dra::Attribute,
    survey::{Device, Node},
};

const NODES: usize = 1000;
const PER_NODE: usize = 8;
const TIMES: usize = 11;

fn main() {
    let inventory = inventory();
    let mut taken: Vec<u128> = (0..TIMES).map(|_| plan(inventory.clone())).collect();
    taken.sort_unstable();
    println!(
        "{NODES} nodes of {PER_NODE} accelerators by DRA, {} of them by a device plugin as well",
        NODES / 2
    );
    println!("| what | aim | wall: median (best to worst) |\n|---|---|---|");
    println!(
        "| planning | \u{2264} 200 ms | {} ms ({} to {}) |",
        taken[TIMES / 2],
        taken[0],
        taken[TIMES - 1]
    );
}

/// Plans once; milliseconds.
fn plan(inventory: Inventory) -> u128 {
    let began = Instant::now();
    let inventory = Settings::default().narrow(inventory);
    let budget = Budget::new(&inventory);
    let choices = plimsoll_checks::choices(&inventory);
    let mut loans = Vec::new();
    for path in inventory.paths() {
        for placement in [Placement::SameNode, Placement::Anywhere, Placement::EachNode] {
            let ask = Ask {
                path: path.clone(),
                min: 2,
                max: 4,
                placement,
            };
            assert!(budget.capacity(&ask) >= 2);
            loans.push(budget.acquire(ask).now_or_never().unwrap().unwrap());
        }
        let whole = WholeNode {
            path: path.clone(),
            nodes: Vec::new(),
            min: PER_NODE,
        };
        loans.push(budget.acquire_node(whole).now_or_never().unwrap().unwrap());
    }
    assert!(choices > 0 && loans.len() == 4 * inventory.paths().len());
    drop(loans);
    began.elapsed().as_millis()
}

fn inventory() -> Inventory {
    let names: Vec<String> = (0..NODES).map(|number| format!("node-{number:04}")).collect();
    let nodes = names.iter().enumerate().map(|(number, name)| Node {
        name: name.clone(),
        ready: true,
        schedulable: true,
        os: "linux".to_owned(),
        labels: [
            ("kubernetes.io/hostname".to_owned(), name.clone()),
            (
                "topology.kubernetes.io/rack".to_owned(),
                format!("rack-{}", number / 16),
            ),
            (
                "topology.kubernetes.io/zone".to_owned(),
                format!("zone-{}", number / 400),
            ),
        ]
        .into(),
        ..Node::default()
    });
    let claimed = names.iter().map(|name| Accelerator {
        path: Path::Dra {
            driver: "gpu.nvidia.com".to_owned(),
            class: "gpu.nvidia.com".to_owned(),
            api: "v1".to_owned(),
        },
        vendor: Some("nvidia".to_owned()),
        node: name.clone(),
        devices: (0..PER_NODE).map(|number| device(name, number)).collect(),
        total: 8,
        free: 8,
        because: "measuring".to_owned(),
    });
    let asked = names.iter().take(NODES / 2).map(|name| Accelerator {
        path: Path::DevicePlugin {
            resource: "amd.com/gpu".to_owned(),
        },
        vendor: Some("amd".to_owned()),
        node: name.clone(),
        devices: Vec::new(),
        total: 8,
        free: 8,
        because: "measuring".to_owned(),
    });
    Inventory {
        nodes: nodes.collect(),
        accelerators: claimed.chain(asked).collect(),
        ..Inventory::default()
    }
}

fn device(node: &str, number: usize) -> Device {
    let text = |text: String| Attribute::String(text);
    let attributes: BTreeMap<String, Attribute> = [
        (
            "gpu.nvidia.com/uuid".to_owned(),
            text(format!("GPU-{node}-{number}")),
        ),
        ("gpu.nvidia.com/productName".to_owned(), text("H100".to_owned())),
        (
            "resource.kubernetes.io/pcieRoot".to_owned(),
            text(format!("pci0000:{:02x}", number / 2 * 0x10)),
        ),
        (
            "gpu.nvidia.com/numaNode".to_owned(),
            Attribute::Int(i64::try_from(number / 4).unwrap()),
        ),
    ]
    .into();
    Device {
        name: format!("gpu-{number}"),
        pool: node.to_owned(),
        driver: "gpu.nvidia.com".to_owned(),
        attributes: Arc::new(attributes),
        capacity: Arc::default(),
        tainted: false,
        allocated: false,
    }
}
