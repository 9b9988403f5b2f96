//! How the simulated platform injects a defect, and on which platforms it can show.

use serde::{Deserialize, Serialize};

use crate::Allocation;

/// How the simulated platform injects a defect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Simulation {
    /// The part of the platform that misbehaves.
    pub component: Part,
    /// What it does wrong.
    pub description: String,
    /// What a platform must have for the fault to show.
    #[serde(default)]
    pub settings: Needs,
}

/// The parts of the simulated platform that can be told to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A policy in the API server.
    AdmissionPolicy,
    /// The API server itself.
    Apiserver,
    /// The OCI runtime of each node.
    ContainerRuntime,
    /// The workload controllers and the garbage collector.
    ControllerManager,
    /// The accelerators' device plugin.
    DevicePlugin,
    /// The accelerators' DRA driver.
    DraDriver,
    /// What installs the accelerators' drivers and runtimes on nodes.
    DriverInstaller,
    /// The exporter of the accelerators' metrics.
    Exporter,
    /// The kubelet of each node.
    Kubelet,
    /// The pod network and its name service.
    Network,
    /// What states in a node's labels which accelerators and drivers it has.
    NodeLabeller,
    /// A vendor's operator, by the object that says what it looks after.
    Operator,
    /// The scheduler.
    Scheduler,
}

/// What a platform must have for a fault to show; by default, nothing in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Needs {
    /// How at least one node's accelerators have to be handed out.
    pub allocation: Option<Allocation>,
    /// How many accelerators, handed out that way, one node must have at least.
    pub accelerators_per_node: u32,
    /// Whether Kubernetes' own gang API has to be served and enforced.
    pub gang_scheduling: bool,
    /// The platform that comes along on which it shows; the default one if none.
    pub platform: Option<String>,
    /// The oldest minor version of Kubernetes that has what the fault is in.
    pub kubernetes: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Defect;

    #[test]
    fn a_fault_that_says_nothing_shows_on_every_platform() {
        let text = "component='scheduler'\ndescription='d'";
        let simulation: Simulation = toml::from_str(text).unwrap();
        assert_eq!(simulation.settings, Needs::default());
    }

    #[test]
    fn gangs_are_only_needed_by_what_breaks_gangs() {
        for defect in Defect::all() {
            let Some(simulation) = defect.simulated() else {
                continue;
            };
            assert_eq!(
                simulation.settings.gang_scheduling,
                defect.requirement.as_str() == "gang_scheduling",
                "{}",
                defect.id
            );
        }
    }

    #[test]
    fn faults_of_drivers_need_accelerators_that_the_driver_hands_out() {
        for defect in Defect::all() {
            let Some(simulation) = defect.simulated() else {
                continue;
            };
            let wanted = match simulation.component {
                Part::DraDriver => Some(Allocation::Dra),
                Part::DevicePlugin => Some(Allocation::Plugin),
                Part::AdmissionPolicy
                | Part::Apiserver
                | Part::ContainerRuntime
                | Part::ControllerManager
                | Part::DriverInstaller
                | Part::Exporter
                | Part::Kubelet
                | Part::Network
                | Part::NodeLabeller
                | Part::Operator
                | Part::Scheduler => continue,
            };
            assert_eq!(simulation.settings.allocation, wanted, "{}", defect.id);
            assert!(simulation.settings.accelerators_per_node > 0, "{}", defect.id);
        }
    }
}
