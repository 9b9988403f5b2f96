//! Creating a container: what it was given, put into it; and what a broken runtime adds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_vendors::Vendor;

use super::ledger::{Ledger, Node};
use crate::{
    Faults,
    drivers::{Accelerator, CdiRegistry, Edits, UnresolvableDevices, installation::runtime_file},
    node::device::{Machine, Privileges, Rule, View, VisibleMount},
};

/// Annotations by which a container could name devices.
const CDI_ANNOTATIONS: &str = "cdi.k8s.io/";

/// What the kubelet orders.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The container's id.
    pub(crate) id: String,
    /// Its pod's uid.
    pub(crate) pod: String,
    /// Its name in the pod.
    pub(crate) name: String,
    /// As whom it runs.
    pub(crate) privileges: Privileges,
    /// What is mounted.
    pub(crate) mounts: Vec<VisibleMount>,
    /// The handler of the pod's RuntimeClass.
    pub(crate) handler: Option<String>,
    /// Environment variables.
    pub(crate) variables: Vec<(String, String)>,
    /// The pod's annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The labels by which its pod selects its node.
    pub(crate) node_labels: BTreeSet<String>,
    /// Devices by the names that their drivers gave them.
    pub(crate) devices: Vec<String>,
    /// Whether the node is the cluster's first.
    pub(crate) on_first_node: bool,
}

/// A container that the runtime can't create.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotCreate {
    #[error("failed to generate container \"{id}\" spec: failed to inject CDI devices: {devices}")]
    Devices {
        id: String,
        devices: UnresolvableDevices,
    },
}

/// Makes a container's view and environment.
pub(crate) fn create(
    order: &Order,
    machine: &Arc<Machine>,
    registry: &CdiRegistry,
    accelerators: &[Accelerator],
    ledger: &mut Ledger,
    faults: &Faults,
) -> Result<(View, Vec<(String, String)>), CannotCreate> {
    let edits = registry
        .resolve(&order.devices)
        .map_err(|devices| CannotCreate::Devices {
            id: order.id.clone(),
            devices,
        })?;
    let mut view = View::new(Arc::clone(machine), order.privileges, order.mounts.clone());
    for (path, number) in &edits.nodes {
        view.give(path, *number);
    }
    let broken = Broken {
        order,
        edits: &edits,
        accelerators,
        faults,
    };
    broken.apply(&mut view, ledger);
    for file in broken.libraries() {
        view.bring(file, String::new());
    }
    let mut variables = order.variables.clone();
    variables.extend(edits.variables);
    Ok((view, variables))
}

/// A runtime that may be broken, at work on one container.
struct Broken<'a> {
    order: &'a Order,
    edits: &'a Edits,
    accelerators: &'a [Accelerator],
    faults: &'a Faults,
}

impl Broken<'_> {
    /// What the vendors' runtimes bring along with the devices that were given; a runtime that is everybody's
    /// default brings it to all.
    fn libraries(&self) -> BTreeSet<String> {
        let everywhere = self.faults.has("drv.injected-everywhere");
        self.accelerators
            .iter()
            .filter(|accelerator| {
                everywhere || self.edits.nodes.get(&accelerator.path) == Some(&accelerator.number)
            })
            .filter_map(|accelerator| runtime_file(accelerator, self.order.on_first_node, self.faults))
            .collect()
    }

    /// A virtual function, for whoever selects a node by a label that says that it has some.
    fn by_label(&self) -> Option<&Accelerator> {
        self.accelerators.iter().find(|accelerator| {
            let functions = Vendor::by_id(accelerator.vendor())
                .ok()
                .and_then(|vendor| vendor.virtual_functions.as_ref());
            let is_virtual = accelerator
                .part
                .as_ref()
                .is_some_and(|part| part.kind == plimsoll_vendors::PartKind::Virtual);
            is_virtual
                && functions.is_some_and(|functions| {
                    functions
                        .labels
                        .iter()
                        .any(|label| self.order.node_labels.contains(label))
                })
        })
    }

    fn apply(&self, view: &mut View, ledger: &mut Ledger) {
        let of_pod = ledger.of_pod(&self.order.pod);
        let residue = ledger.residue();
        let again = ledger.starts_again(&self.order.pod, &self.order.name);
        let granted = self.granted();
        ledger.grant(&self.order.id, &self.order.pod, granted.clone());

        let mut given: Vec<&Accelerator> = Vec::new();
        if self.faults.has("sec.selector") {
            given.extend(self.selected());
        }
        if self.faults.has("sec.runtime-class") {
            given.extend(self.by_handler());
        }
        if self.faults.has("sec.cdi-annotation") {
            given.extend(self.annotated());
        }
        if self.faults.has("sec.restart") && again && !granted.is_empty() {
            let other = self
                .accelerators
                .iter()
                .find(|other| !granted.contains(&node(other)));
            given.extend(other);
        }
        if self.faults.has("virt.side-channel") && granted.is_empty() {
            given.extend(self.by_label());
        }
        for accelerator in given {
            view.give(&accelerator.path, accelerator.number);
        }
        if self.faults.has("sec.pod-scope") {
            for (path, number) in &of_pod {
                view.give(path, *number);
            }
        }
        if self.faults.has("sec.residue") {
            for (_, number) in residue {
                view.allow(Rule::one(number));
            }
        }
        if self.faults.has("sec.whole-major") {
            for (_, number) in &granted {
                view.allow(Rule::driver(*number));
            }
        }
        if self.faults.has("sec.cgroup-open") {
            view.allow(Rule::ANY);
        }
    }

    /// The accelerators that it was given as it should be.
    fn granted(&self) -> BTreeSet<Node> {
        self.accelerators
            .iter()
            .filter(|accelerator| {
                self.edits
                    .nodes
                    .values()
                    .any(|number| *number == accelerator.number)
            })
            .map(node)
            .collect()
    }

    /// Those that the container names by its vendor's variable or mount.
    fn selected(&self) -> impl Iterator<Item = &Accelerator> {
        self.accelerators.iter().filter(|accelerator| {
            let Ok(vendor) = Vendor::by_id(accelerator.vendor()) else {
                return false;
            };
            let selectors = &vendor.selectors;
            let by_variable = self
                .order
                .variables
                .iter()
                .filter(|(name, _)| selectors.env.contains(name))
                .flat_map(|(_, value)| value.split(','));
            let by_mount = self.order.mounts.iter().filter_map(|mount| {
                selectors
                    .mounts
                    .iter()
                    .find_map(|folder| mount.path.strip_prefix(folder)?.strip_prefix('/'))
            });
            by_variable.chain(by_mount).any(|wanted| {
                wanted == "all" || wanted == accelerator.uuid || wanted == accelerator.index.to_string()
            })
        })
    }

    /// Those of the vendor whose handler runs the container.
    fn by_handler(&self) -> impl Iterator<Item = &Accelerator> {
        self.accelerators.iter().filter(|accelerator| {
            let vendor = Vendor::by_id(accelerator.vendor());
            let class = vendor
                .ok()
                .and_then(|vendor| vendor.selectors.runtime_class.as_ref());
            class.is_some() && class == self.order.handler.as_ref()
        })
    }

    /// Those that the pod's annotations name.
    fn annotated(&self) -> impl Iterator<Item = &Accelerator> {
        let named: Vec<&str> = self
            .order
            .annotations
            .iter()
            .filter(|(key, _)| key.starts_with(CDI_ANNOTATIONS))
            .flat_map(|(_, value)| value.split(','))
            .collect();
        self.accelerators.iter().filter(move |accelerator| {
            let vendor = Vendor::by_id(accelerator.vendor());
            let kind = vendor.ok().and_then(Vendor::resource).unwrap_or_default();
            named.iter().any(|name| {
                name.strip_prefix(kind)
                    .and_then(|name| name.strip_prefix('='))
                    .is_some_and(|device| device == "all" || device == accelerator.uuid)
            })
        })
    }
}

fn node(accelerator: &Accelerator) -> Node {
    (accelerator.path.clone(), accelerator.number)
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::host::{Devices as _, OpenMode};

    use super::*;
    use crate::drivers::fixture::accelerators;

    struct Bench {
        machine: Arc<Machine>,
        registry: CdiRegistry,
        accelerators: Vec<Accelerator>,
        ledger: Ledger,
        faults: Faults,
    }

    impl Bench {
        fn new(defect: &str) -> Self {
            let accelerators = accelerators("nvidia", 3);
            let hardware = accelerators.iter().flat_map(Accelerator::hardware);
            let mut registry = CdiRegistry::default();
            for accelerator in &accelerators {
                registry.insert(accelerator.name.clone(), Edits::of(accelerator, true));
            }
            Self {
                machine: Arc::new(Machine::new("boot".to_owned(), hardware)),
                registry,
                accelerators,
                ledger: Ledger::default(),
                faults: [defect].into_iter().collect(),
            }
        }

        /// Accelerators that a container finds in its `/dev`, and those whose nodes it could make and open.
        fn reach(&mut self, order: &Order) -> (Vec<String>, Vec<u32>) {
            let (view, _) = create(
                order,
                &self.machine,
                &self.registry,
                &self.accelerators,
                &mut self.ledger,
                &self.faults,
            )
            .unwrap();
            let seen = view
                .walk("/dev".as_ref())
                .nodes
                .into_iter()
                .filter(|node| node.path.contains("nvidia"));
            let seen = seen.map(|node| node.path).collect();
            let open = self.accelerators.iter().filter(|accelerator| {
                view.make_node("/tmp/x".as_ref(), accelerator.number).unwrap();
                view.open("/tmp/x".as_ref(), OpenMode::ReadWrite).is_ok()
            });
            (seen, open.map(|accelerator| accelerator.index).collect())
        }
    }

    fn order(name: &str, devices: &[&str]) -> Order {
        Order {
            id: format!("id-{name}"),
            pod: "pod".to_owned(),
            name: name.to_owned(),
            privileges: Privileges::read(&serde_json::json!({}), &serde_json::json!({})),
            mounts: Vec::new(),
            handler: None,
            variables: Vec::new(),
            annotations: BTreeMap::new(),
            node_labels: BTreeSet::new(),
            devices: devices.iter().map(|name| (*name).to_owned()).collect(),
            on_first_node: true,
        }
    }

    fn nodes(indices: &[u32]) -> Vec<String> {
        indices
            .iter()
            .map(|index| format!("/dev/nvidia{index}"))
            .collect()
    }

    #[test]
    fn a_sound_runtime_gives_what_was_ordered_whatever_names_devices() {
        let mut bench = Bench::new("none");
        let mut asked = order("a", &["gpu-1"]);
        asked.variables = vec![("NVIDIA_VISIBLE_DEVICES".to_owned(), "all".to_owned())];
        asked.handler = Some("nvidia".to_owned());
        asked.annotations = BTreeMap::from([("cdi.k8s.io/x".to_owned(), "nvidia.com/gpu=all".to_owned())]);
        assert_eq!(bench.reach(&asked), (nodes(&[1]), vec![1]));
        assert_eq!(
            bench.reach(&asked),
            (nodes(&[1]), vec![1]),
            "also when it starts again"
        );
        assert_eq!(bench.reach(&order("b", &[])), (nodes(&[]), vec![]));
    }

    #[test]
    fn a_selector_that_is_honoured_opens_what_it_names() {
        let mut bench = Bench::new("sec.selector");
        let mut by_variable = order("a", &[]);
        by_variable.variables = vec![("NVIDIA_VISIBLE_DEVICES".to_owned(), "1".to_owned())];
        assert_eq!(bench.reach(&by_variable).0, nodes(&[1]));
        let mut by_mount = order("b", &[]);
        by_mount.mounts = vec![VisibleMount {
            path: "/var/run/nvidia-container-devices/all".to_owned(),
            host_path: None,
        }];
        assert_eq!(bench.reach(&by_mount).0, nodes(&[0, 1, 2]));
        assert_eq!(bench.reach(&order("c", &[])).0, nodes(&[]));
    }

    #[test]
    fn a_handler_or_an_annotation_that_is_honoured_opens_all() {
        let mut by_handler = order("a", &[]);
        by_handler.handler = Some("nvidia".to_owned());
        assert_eq!(
            Bench::new("sec.runtime-class").reach(&by_handler).0,
            nodes(&[0, 1, 2])
        );
        let mut annotated = order("a", &[]);
        annotated.annotations =
            BTreeMap::from([("cdi.k8s.io/x".to_owned(), "nvidia.com/gpu=all".to_owned())]);
        assert_eq!(
            Bench::new("sec.cdi-annotation").reach(&annotated).0,
            nodes(&[0, 1, 2])
        );
    }

    #[test]
    fn a_leak_within_a_pod_reaches_containers_that_come_later() {
        let mut bench = Bench::new("sec.pod-scope");
        assert_eq!(bench.reach(&order("before", &[])).0, nodes(&[]));
        bench.reach(&order("holder", &["gpu-0"]));
        assert_eq!(bench.reach(&order("after", &[])), (nodes(&[0]), vec![0]));
    }

    #[test]
    fn residue_opens_without_a_node_once_the_holder_is_gone() {
        let mut bench = Bench::new("sec.residue");
        bench.reach(&order("holder", &["gpu-0"]));
        assert_eq!(bench.reach(&order("beside", &[])).1, Vec::<u32>::new());
        bench.ledger.release("id-holder");
        assert_eq!(bench.reach(&order("after", &[])), (nodes(&[]), vec![0]));
    }

    #[test]
    fn rules_that_are_too_wide_open_the_drivers_others_or_all() {
        let mut bench = Bench::new("sec.whole-major");
        assert_eq!(
            bench.reach(&order("holder", &["gpu-0"])),
            (nodes(&[0]), vec![0, 1, 2])
        );
        assert_eq!(bench.reach(&order("other", &[])).1, Vec::<u32>::new());
        assert_eq!(
            Bench::new("sec.cgroup-open").reach(&order("other", &[])).1,
            [0, 1, 2]
        );
    }

    #[test]
    fn a_container_that_gains_a_device_does_so_when_it_starts_again() {
        let mut bench = Bench::new("sec.restart");
        assert_eq!(bench.reach(&order("holder", &["gpu-1"])).0, nodes(&[1]));
        assert_eq!(bench.reach(&order("holder", &["gpu-1"])).0, nodes(&[0, 1]));
    }

    #[test]
    fn a_device_without_a_specification_keeps_its_container_from_being_created() {
        let bench = Bench::new("none");
        let refused = create(
            &order("a", &["gpu-9"]),
            &bench.machine,
            &bench.registry,
            &bench.accelerators,
            &mut Ledger::default(),
            &bench.faults,
        );
        assert_eq!(
            refused.unwrap_err().to_string(),
            "failed to generate container \"id-a\" spec: failed to inject CDI devices: unresolvable CDI devices gpu-9"
        );
    }
}
