//! What a check is given: the platform, its inventory, a workspace, the accelerator budget, and the way to
//! say what it saw.

use std::sync::Arc;

use plimsoll_platform::{Budget, Inventory, Platform, Workspace};
use plimsoll_record::{Control, Outcome, What};
use serde_json::Value;

use super::{Declaration, Disruption, Patience};
use crate::Settings;

/// Where a check's events go: the runner puts them in order and writes them to the record.
pub trait Sink: Send + Sync {
    /// Takes one event of the check.
    fn emit(&self, what: What);
}

/// The image that probe pods run.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The reference pods name.
    pub image: String,
}

/// What a check is given.
#[derive(Clone)]
pub struct Context {
    /// The check's own facts.
    pub declaration: &'static Declaration,
    /// The cluster, through a client that names this check.
    pub platform: Platform,
    /// What the survey found.
    pub inventory: Arc<Inventory>,
    /// Where the check's objects live, and how they go again.
    pub workspace: Workspace,
    /// The accelerators the run may use.
    pub budget: Budget,
    /// The probe's image.
    pub probe: Probe,
    /// How long to wait.
    pub patience: Patience,
    /// What the platform's owner says.
    pub settings: Arc<Settings>,
    /// Whether and when controls may disturb the platform beyond the run's own objects.
    pub disruption: Disruption,
    /// Where events go.
    pub sink: Arc<dyn Sink>,
}

impl Context {
    /// Opens a trial: one adapter, driver or allocation path under which controls are run.
    #[must_use]
    pub fn trial(&self, name: impl Into<String>) -> Trial {
        Trial {
            name: name.into(),
            declaration: self.declaration,
            sink: Arc::clone(&self.sink),
        }
    }

    /// Records a fact and where it is from.
    pub fn observe(&self, source: impl Into<String>, fact: Value) {
        self.sink.emit(What::Observed {
            source: source.into(),
            fact,
        });
    }
}

/// One adapter's, driver's or path's share of a check.
#[derive(Clone)]
pub struct Trial {
    name: String,
    declaration: &'static Declaration,
    sink: Arc<dyn Sink>,
}

impl Trial {
    /// The trial's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The control came out as it must; `detail` says what was seen.
    pub fn right(&self, control: &'static str, detail: impl Into<String>) {
        self.decide(control, Outcome::Right, detail.into());
    }

    /// The control came out wrong, and the platform is at fault; `detail` names the cause.
    pub fn wrong(&self, control: &'static str, detail: impl Into<String>) {
        self.decide(control, Outcome::Wrong, detail.into());
    }

    /// The control could not be told; `detail` says what is missing.
    pub fn undecided(&self, control: &'static str, detail: impl Into<String>) {
        self.decide(control, Outcome::Undecided, detail.into());
    }

    /// The control was left out because it disturbs the platform and nobody allowed that; `detail` says what that
    /// leaves open.
    pub fn not_run(&self, control: &'static str, detail: impl Into<String>) {
        self.decide(control, Outcome::NotRun, detail.into());
    }

    fn decide(&self, control: &'static str, outcome: Outcome, detail: String) {
        let spec = self.declaration.control(control);
        // A control nobody declared would escape `explain` and the rule of what a pass needs.
        debug_assert!(
            spec.is_some(),
            "control {control} of {} is not declared",
            self.declaration.id
        );
        let Some(spec) = spec else { return };
        self.sink.emit(What::ControlDecided(Control {
            trial: self.name.clone(),
            name: control.to_owned(),
            kind: spec.kind,
            outcome,
            detail,
        }));
    }
}
