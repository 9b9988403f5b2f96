//! Which of the seeded defects this process has.

/// A defect of the DRA driver, the device plugin, the drivers' installation or the labeller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Allocating one device through the plugin injects all of the vendor's.
    AllDevices,
    /// Slices are published; the kubelet never hears of the driver.
    ApiOnly,
    /// A partition comes with the capabilities of all others.
    CapsOpen,
    /// What is prepared is not specified to the runtime.
    CdiLost,
    /// One loop device under two names.
    DoubleAllocation,
    /// Every device is published at the position of the first.
    Fictional,
    /// One zone is labelled as being of two regions.
    FlatLabels,
    /// Later nodes are labelled as having what they have not.
    GhostLabel,
    /// A device takes nothing from the counters that its parts take from.
    DoubleCount,
    /// What the driver publishes, the plugin lists as well.
    CountedTwice,
    /// The plugin answers no request to allocate.
    DeadPlugin,
    /// Preparing a claim answers with the first of its devices.
    FirstOnly,
    /// Of several devices for a container, the plugin injects the first.
    FirstOfMany,
    /// The plugin always injects its first device.
    Neighbour,
    /// Dividing devices anew ends those who hold one.
    PullsRug,
    /// Nothing is behind a virtual function.
    NoBacking,
    /// Preparing a claim injects nothing.
    NoInjection,
    /// Unpreparing does nothing.
    NoRelease,
    /// Labels are applied once and never again.
    NotKept,
    /// More parts than there is memory, and counters that allow for them.
    Overcommit,
    /// The driver's version is stated, and no driver is loaded.
    Premarked,
    /// No container is brought the vendor's libraries.
    RuntimeUnconfigured,
    /// Containers of later nodes are not brought the vendor's libraries.
    SecondNode,
    /// A device has its neighbour's attributes.
    SelectorLies,
    /// Whatever virtual function is allocated, the first of its device is handed out.
    SharedGroup,
    /// The label states an earlier version.
    StaleLabel,
    /// The pool is never complete and an old slice stays.
    StalePool,
    /// Later nodes are tainted, and the labeller does not tolerate it.
    TaintBlind,
    /// The label states the major version only.
    Truncated,
    /// A partition is the whole device.
    Unpartitioned,
    /// A virtual function is the physical one.
    VirtualWhole,
    /// Partitions are twice as large as their profile says.
    WrongProfile,
    /// The plugin lists each device under a second id, which stands for nothing.
    Phantom,
    /// The plugin shares, under a name for shares, what the driver hands out whole.
    SharedAndWhole,
    /// The plugin lists each device once, whatever is configured.
    SharesMissing,
    /// The plugin lists each device once, under the name for shares, and nobody counts.
    SharesOnlyNamed,
    /// The plugin lists twice as many shares as configured.
    SharesUnbounded,
    /// After a restart the plugin lists its devices under other ids.
    ReuseAfterRestart,
    /// On the second node, the plugin injects nothing.
    WrongNode,
}

/// Ids and faults, sorted by id.
const TABLE: &[(&str, Fault)] = &[
    ("dp.counted-twice", Fault::CountedTwice),
    ("dp.dead-plugin", Fault::DeadPlugin),
    ("dp.first-of-many", Fault::FirstOfMany),
    ("dp.phantom", Fault::Phantom),
    ("dp.reuse-after-restart", Fault::ReuseAfterRestart),
    ("dp.wrong-node", Fault::WrongNode),
    ("dra.api-only", Fault::ApiOnly),
    ("dra.cdi-lost", Fault::CdiLost),
    ("dra.double-allocation", Fault::DoubleAllocation),
    ("dra.first-only", Fault::FirstOnly),
    ("dra.no-injection", Fault::NoInjection),
    ("dra.no-release", Fault::NoRelease),
    ("dra.selector-lies", Fault::SelectorLies),
    ("dra.stale-pool", Fault::StalePool),
    ("drv.ghost-label", Fault::GhostLabel),
    ("drv.not-kept", Fault::NotKept),
    ("drv.premarked", Fault::Premarked),
    ("drv.runtime-unconfigured", Fault::RuntimeUnconfigured),
    ("drv.second-node", Fault::SecondNode),
    ("drv.stale-label", Fault::StaleLabel),
    ("drv.taint-blind", Fault::TaintBlind),
    ("drv.truncated", Fault::Truncated),
    ("mig.caps-open", Fault::CapsOpen),
    ("mig.double-count", Fault::DoubleCount),
    ("mig.overcommit", Fault::Overcommit),
    ("mig.pulls-rug", Fault::PullsRug),
    ("mig.unpartitioned", Fault::Unpartitioned),
    ("mig.wrong-profile", Fault::WrongProfile),
    ("sec.all-devices", Fault::AllDevices),
    ("sec.neighbour", Fault::Neighbour),
    ("share.mixed", Fault::SharedAndWhole),
    ("share.renamed", Fault::SharesMissing),
    ("share.spread", Fault::SharesOnlyNamed),
    ("share.unbounded", Fault::SharesUnbounded),
    ("topo.fictional", Fault::Fictional),
    ("topo.flat-labels", Fault::FlatLabels),
    ("virt.double-count", Fault::DoubleCount),
    ("virt.no-backing", Fault::NoBacking),
    ("virt.shared-group", Fault::SharedGroup),
    ("virt.whole", Fault::VirtualWhole),
];

/// The faults of one process; sound by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Those among the defects `ids` that are seeded here.
    pub(crate) fn of<'a>(ids: impl IntoIterator<Item = &'a String>) -> Self {
        let fault = |id: &String| {
            TABLE
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, fault)| *fault)
        };
        Self(ids.into_iter().filter_map(fault).collect())
    }

    /// Whether this process has that fault.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_defects::{Component, Defect};

    use super::*;

    #[test]
    fn exactly_the_defects_of_driver_and_plugin_are_seeded_here() {
        let theirs: Vec<&str> = Defect::all()
            .iter()
            .filter(|defect| {
                defect.on_lab().is_some_and(|lab| {
                    matches!(
                        lab.component,
                        Component::DraDriver
                            | Component::DevicePlugin
                            | Component::DriverInstaller
                            | Component::NodeLabeller
                    )
                })
            })
            .map(|defect| defect.id.as_str())
            .collect();
        assert_eq!(TABLE.iter().map(|(id, _)| *id).collect::<Vec<_>>(), theirs);
    }

    #[test]
    fn without_a_defect_everything_is_sound() {
        assert!(TABLE.iter().all(|(_, fault)| !Faults::default().has(*fault)));
        let faults = Faults::of(&["gang.dead".to_owned(), "dra.no-release".to_owned()]);
        assert!(faults.has(Fault::NoRelease) && !faults.has(Fault::ApiOnly));
    }
}
