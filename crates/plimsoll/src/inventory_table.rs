//! The inventory for people: what the platform has, and why we think so.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};
use plimsoll_platform::{Inventory, survey::Finding};

/// Renders the whole inventory as text.
pub(crate) fn render(inventory: &Inventory) -> String {
    let mut text = format!("Kubernetes {}\n", inventory.kubernetes);
    section(&mut text, "NODES", nodes(inventory));
    section(&mut text, "ACCELERATORS", accelerators(inventory));
    section(&mut text, "GANG SCHEDULING", gangs(inventory));
    let findings: [(&str, &[Finding]); 8] = [
        ("SCHEDULERS", &inventory.schedulers),
        ("OPERATORS", &inventory.operators),
        ("GATEWAYS", &inventory.gateways),
        ("AUTOSCALERS", &inventory.autoscalers),
        ("METRICS", &inventory.metrics),
        ("NETWORKS", &inventory.networks),
        ("STORAGE", &inventory.storage),
        ("RUNTIME CLASSES", &inventory.runtime_classes),
    ];
    for (title, found) in findings {
        section(&mut text, title, rows(found));
    }
    if !inventory.unreadable.is_empty() {
        let _ = writeln!(text, "\nCOULD NOT BE READ (facts may be missing above)");
        for what in &inventory.unreadable {
            let _ = writeln!(text, "  {what}");
        }
    }
    text
}

fn section(text: &mut String, title: &str, table: Option<Table>) {
    match table {
        Some(table) => {
            let _ = writeln!(text, "\n{title}");
            for line in table.lines() {
                let _ = writeln!(text, " {}", line.trim_end());
            }
        }
        None => {
            let _ = writeln!(text, "\n{title}\n  none found");
        }
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

fn nodes(inventory: &Inventory) -> Option<Table> {
    let mut table = table(&["NODE", "STATE", "KUBELET", "RUNTIME", "ARCH", "TAINTS"]);
    for node in &inventory.nodes {
        let state = match (node.ready, node.schedulable) {
            (true, true) => "ready",
            (true, false) => "cordoned",
            (false, _) => "not ready",
        };
        let taints: Vec<String> = node
            .taints
            .iter()
            .map(|taint| format!("{}:{}", taint.key, taint.effect))
            .collect();
        table.add_row([
            &node.name,
            state,
            &node.kubelet,
            &node.runtime,
            &node.arch,
            &taints.join(" "),
        ]);
    }
    (!inventory.nodes.is_empty()).then_some(table)
}

fn accelerators(inventory: &Inventory) -> Option<Table> {
    let mut table = table(&["NODE", "BY", "VENDOR", "FREE", "BECAUSE"]);
    for accelerator in &inventory.accelerators {
        table.add_row([
            if accelerator.node.is_empty() {
                "(any)"
            } else {
                &accelerator.node
            },
            &accelerator.path.to_string(),
            accelerator.vendor.as_deref().unwrap_or("unknown"),
            &format!("{} of {}", accelerator.free, accelerator.total),
            &accelerator.because,
        ]);
    }
    (!inventory.accelerators.is_empty()).then_some(table)
}

fn gangs(inventory: &Inventory) -> Option<Table> {
    let mut table = table(&["ADAPTER", "API", "BECAUSE"]);
    for api in &inventory.gang_apis {
        let name = format!("{}/{} {}", api.group, api.version, api.kind);
        table.add_row([&api.adapter, &name, &api.because]);
    }
    (!inventory.gang_apis.is_empty()).then_some(table)
}

fn rows(findings: &[Finding]) -> Option<Table> {
    let mut table = table(&["NAME", "VERSION", "BECAUSE"]);
    for finding in findings {
        table.add_row([
            &finding.name,
            finding.version.as_deref().unwrap_or(""),
            &finding.because,
        ]);
    }
    (!findings.is_empty()).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_platform_says_what_was_not_found() {
        let text = render(&Inventory {
            kubernetes: "v1.36.3".to_owned(),
            ..Inventory::default()
        });
        assert!(text.contains("ACCELERATORS\n  none found"), "{text}");
        assert!(text.contains("GANG SCHEDULING\n  none found"), "{text}");
    }

    #[test]
    fn what_could_not_be_read_is_said() {
        let unreadable = vec!["nodes: forbidden".to_owned()];
        let text = render(&Inventory {
            unreadable,
            ..Inventory::default()
        });
        assert!(text.contains("nodes: forbidden"), "{text}");
    }
}
