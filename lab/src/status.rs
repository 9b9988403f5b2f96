//! `plimsoll-lab status`: what runs in a lab, told by its keepers, and what it weighs.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use serde::Serialize;

use crate::folder::{self, LabFolder};
use crate::keeper::client::KeeperClient;
use crate::memory;
use crate::state::{LabState, Phase};

/// What `status --format json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    name: String,
    /// `starting` while `up` runs or after it was cut off, `up`, or `broken` when something of it does not run.
    state: &'static str,
    created: Timestamp,
    kubeconfig: String,
    server: String,
    accelerators: Vec<String>,
    defects: Vec<String>,
    memory_bytes: u64,
    processes: Vec<ProcessStatus>,
}

/// One process of the lab.
#[derive(Debug, Serialize)]
struct ProcessStatus {
    /// As `logs` takes it.
    component: String,
    running: bool,
    /// For people: since when, or how it ended.
    detail: String,
}

/// Asks the lab's keepers.
pub(crate) async fn status(state: &LabState, folder: &LabFolder) -> Status {
    let mut processes = Vec::new();
    processes.extend(of_keeper(&folder.control_plane(), None).await);
    for node in &state.nodes {
        let name = node.node_name();
        processes.extend(of_keeper(&folder.node(&name), Some(&name)).await);
    }
    let sound = processes.iter().all(|process| process.running);
    Status {
        name: state.name.to_string(),
        state: match state.phase {
            Phase::Starting => "starting",
            Phase::Up if sound => "up",
            Phase::Up => "broken",
        },
        created: state.created,
        kubeconfig: folder.kubeconfig().display().to_string(),
        server: format!("https://{}:6443", state.slot.plan().host()),
        accelerators: state.accelerators.iter().map(ToString::to_string).collect(),
        defects: state.defects.clone(),
        memory_bytes: memory::of_lab(&state.name),
        processes,
    }
}

async fn of_keeper(keeper: &std::path::Path, node: Option<&str>) -> Vec<ProcessStatus> {
    let component = |process: &str| match node {
        Some(node) => format!("{process}@{node}"),
        None => process.to_owned(),
    };
    match KeeperClient::new(folder::keeper_socket(keeper)).list().await {
        Ok(reports) => reports
            .into_iter()
            .map(|report| ProcessStatus {
                component: component(&report.name),
                running: report.ended.is_none(),
                detail: match report.ended {
                    Some(ending) => ending.to_string(),
                    None => format!("since {:.0}", report.started),
                },
            })
            .collect(),
        Err(_) => vec![ProcessStatus {
            component: component("keeper"),
            running: false,
            detail: "does not answer, so nothing that it kept runs".to_owned(),
        }],
    }
}

impl Status {
    /// As people read it.
    pub(crate) fn table(&self) -> String {
        let mut head = Table::new();
        head.load_style(NOTHING);
        head.add_row(["lab", &format!("{} ({})", self.name, self.state)]);
        head.add_row(["kubeconfig", &self.kubeconfig]);
        head.add_row([
            "accelerators",
            &format!("{} on each node", none_or(&self.accelerators)),
        ]);
        head.add_row(["defects", &none_or(&self.defects)]);
        head.add_row(["memory", &format!("{} MiB", self.memory_bytes >> 20)]);
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["component", "", "detail"]);
        for process in &self.processes {
            let mark = if process.running { "running" } else { "ended" };
            table.add_row([&process.component, mark, &process.detail]);
        }
        format!("{}\n\n{}", head.trim_fmt(), table.trim_fmt())
    }
}

fn none_or(list: &[String]) -> String {
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(", ")
    }
}
