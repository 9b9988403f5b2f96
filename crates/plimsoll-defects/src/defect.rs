//! One seeded fault of a platform.

use plimsoll_program::RequirementId;
use serde::{Deserialize, Serialize};

use crate::Simulation;

/// A fault, what it looks like, and what must notice it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Defect {
    /// Short name, equal to the file's, such as `dra.api-only`.
    pub id: String,
    /// What is broken, in one line.
    pub title: String,
    /// What somebody would say who lives with it.
    pub complaint: String,
    /// The requirement that must fail because of it, and no other.
    pub requirement: RequirementId,
    /// The controls of that requirement's check of which at least one must come out wrong.
    pub killed_by: Vec<String>,
    /// Pieces of text; the reason of the failure contains at least one of them, whatever the case of letters.
    pub expect: Vec<String>,
    /// How the lab is broken; none where the lab can't be.
    pub lab: Option<Lab>,
    /// How the simulated platform is broken; none where it can't be.
    pub simulation: Option<Simulation>,
}

impl Defect {
    /// How the lab injects it, where it can.
    #[must_use]
    pub fn on_lab(&self) -> Option<&Lab> {
        self.lab.as_ref()
    }

    /// How the simulated platform injects it, where it can.
    #[must_use]
    pub fn simulated(&self) -> Option<&Simulation> {
        self.simulation.as_ref()
    }

    /// Whether `reason` names this defect's cause, not just any failure.
    #[must_use]
    pub fn is_named_by(&self, reason: &str) -> bool {
        let reason = reason.to_lowercase();
        self.expect
            .iter()
            .any(|piece| reason.contains(&piece.to_lowercase()))
    }
}

/// How the lab injects a defect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lab {
    /// The part of the lab that misbehaves.
    pub component: Component,
    /// What it does wrong.
    pub description: String,
    /// What else the lab has to be set to for the fault to show.
    #[serde(default)]
    pub settings: Settings,
}

/// The parts of the lab that can be told to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// A policy in the API server.
    AdmissionPolicy,
    /// The OCI runtime of each node.
    ContainerRuntime,
    /// The accelerators' device plugin.
    DevicePlugin,
    /// The accelerators' DRA driver.
    DraDriver,
    /// What installs the accelerators' drivers and runtimes on nodes.
    DriverInstaller,
    /// The exporter of the accelerators' metrics.
    Exporter,
    /// The lab's own gang admission controller.
    GangController,
    /// What states in a node's labels which accelerators and drivers it has.
    NodeLabeller,
    /// A vendor's operator, by the object that says what it looks after.
    Operator,
    /// The scheduler's flags.
    Scheduler,
}

/// What a defect needs of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// How at least one vendor's accelerators have to be offered for the fault to be reachable.
    pub allocation: Option<Allocation>,
    /// The accelerators that a lab must have, as `plimsoll-lab up --accelerators` takes them; the usual ones if none.
    pub accelerators: Option<String>,
    /// Whether the scheduler itself enforces gangs (its `GangScheduling` gate).
    pub scheduler_gang_enforcement: bool,
    /// Whether the scheduler heeds in which domain a group wants to be (its `TopologyAwareWorkloadScheduling` gate).
    pub scheduler_topology_enforcement: bool,
    /// The rule that the lab's gang controller follows; it does not run without one.
    pub gang_controller: Option<GangRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allocation: None,
            accelerators: None,
            scheduler_gang_enforcement: true,
            scheduler_topology_enforcement: true,
            gang_controller: None,
        }
    }
}

/// How accelerators are offered to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// Through dynamic resource allocation.
    Dra,
    /// Through a device plugin, as an extended resource.
    Plugin,
}

/// How the lab's gang controller decides that a gang may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GangRule {
    /// When nine tenths of those who must start together fit, rounded down.
    Almost,
    /// Never.
    Dead,
    /// When it fits what is free now, although other admitted gangs have yet to take their room.
    Deadlock,
    /// As is right, but who is refused is said to be scheduled.
    FalseStatus,
    /// As is right, but whoever comes more than three seconds after the first does not count.
    LateIgnored,
    /// By one look when the gang is first complete.
    NeverReleased,
    /// When it fits the total, whatever runs already.
    PartialBind,
    /// As is right, but who is refused is not told.
    Silent,
    /// As is right, but who is refused is looked at again a quarter of an hour later.
    SlowRetry,
    /// When it fits what is free and not promised to another gang: no defect.
    Sound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_names_the_cause_is_told_from_one_that_does_not() {
        let defect = Defect::by_id("dra.stale-pool").unwrap();
        assert!(defect.is_named_by("pool `n1` is Incomplete: 1 of 2 slices"));
        assert!(!defect.is_named_by("deadline elapsed"));
        assert!(!defect.is_named_by(""));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = "id='a.b'\ntitle='t'\ncomplaint='c'\nrequirement='r'\nkilled-by=[]\nexpect=[]\n\
                    [lab]\ncomponent='scheduler'\ndescription='d'\n[lab.settings]\ngang='x'";
        let error = toml::from_str::<Defect>(text).unwrap_err();
        assert!(error.to_string().contains("gang"), "{error}");
    }
}
