//! The facts of a check, from which `explain`, `permissions`, the plan, the documentation and the kill
//! matrix are printed.

use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

/// Everything that is known of a check without running it.
#[derive(Debug)]
pub struct Declaration {
    /// The requirement it decides.
    pub id: RequirementId,
    /// What is proven, in a sentence or two.
    pub proves: &'static str,
    /// The controls in the order of the specification; what others build on comes first.
    pub controls: &'static [ControlSpec],
    /// How the trials combine.
    pub rule: Rule,
    /// The adapters or allocation paths it can speak to.
    pub adapters: &'static [&'static str],
    /// What it may do on the cluster, beyond what every run needs.
    pub permissions: &'static [Permission],
    /// What it occupies while it runs.
    pub need: Need,
    /// How long it takes on a sound platform, in seconds.
    pub typical_seconds: u32,
    /// The seeded defects it must notice.
    pub defects: &'static [&'static str],
    /// What to do when it fails, for people.
    pub advice: &'static str,
    /// How to read a failure, control by control, in Markdown: a part of the check's page.
    pub reading: &'static str,
}

impl Declaration {
    /// The names of the controls that each trial must bring home for a pass.
    #[must_use]
    pub fn required(&self) -> Vec<&'static str> {
        self.controls
            .iter()
            .filter(|control| control.required)
            .map(|control| control.name)
            .collect()
    }

    /// The kind of the control of that name.
    #[must_use]
    pub fn control(&self, name: &str) -> Option<&'static ControlSpec> {
        self.controls.iter().find(|control| control.name == name)
    }
}

/// One control of a check.
#[derive(Debug, Clone, Copy)]
pub struct ControlSpec {
    /// Its name in the specification, such as `D3`.
    pub name: &'static str,
    /// Which way it must come out.
    pub kind: ControlKind,
    /// What it shows, as a short sentence.
    pub shows: &'static str,
    /// Whether a pass needs it. A control that only some platforms can be asked (two devices on one node)
    /// is not required; where it is run, it decides all the same.
    pub required: bool,
}

/// A control without which nothing passes.
pub(crate) const fn required(name: &'static str, kind: ControlKind, shows: &'static str) -> ControlSpec {
    ControlSpec {
        name,
        kind,
        shows,
        required: true,
    }
}

/// A control that only some platforms can be asked.
pub(crate) const fn optional(name: &'static str, kind: ControlKind, shows: &'static str) -> ControlSpec {
    ControlSpec {
        required: false,
        ..required(name, kind, shows)
    }
}

/// What a check occupies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Accelerators at the most.
    pub accelerators: usize,
    /// Nodes at the least.
    pub nodes: usize,
    /// Whether nothing else may run beside it.
    pub exclusive: bool,
    /// Whether it borrows accelerators before all others: what it decides, they take for granted. One check at the most.
    pub first: bool,
}
