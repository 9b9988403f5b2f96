//! What a broken runtime does to a container's `config.json`. Pure: JSON in, JSON out.

use std::collections::BTreeSet;

use plimsoll_vendors::Vendor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CDI_ANNOTATIONS;
use crate::cdi::Mount;

/// The annotation by which the CRI tells which pod a container is of.
const SANDBOX: &str = "io.kubernetes.cri.sandbox-id";

/// The annotation by which it tells which of the pod's containers it is.
const NAME: &str = "io.kubernetes.cri.container-name";

/// A device node in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) path: String,
    pub(super) major: u32,
    pub(super) minor: u32,
}

/// An accelerator of the node.
#[derive(Debug, Clone)]
pub(super) struct Accelerator {
    pub(super) vendor: &'static Vendor,
    pub(super) index: u32,
    pub(super) uuid: String,
    pub(super) node: Node,
}

/// The machine that the runtime runs on, and as what it was called.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) accelerators: Vec<Accelerator>,
    /// Files of installed drivers, as they come into a container.
    pub(super) libraries: Vec<Mount>,
    /// The handler of a RuntimeClass; none where it is the default runtime.
    pub(super) handler: Option<String>,
}

/// What other containers leave for this one.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Devices of other containers of the same pod.
    pub(super) sandbox: BTreeSet<Node>,
    /// Devices that were given back.
    pub(super) residue: BTreeSet<Node>,
    /// Whether the container was there before, with devices.
    pub(super) again: bool,
}

/// What the pod calls the container.
pub(super) fn name(spec: &Value) -> Option<&str> {
    spec["annotations"][NAME].as_str()
}

/// The pod's sandbox.
pub(super) fn sandbox(spec: &Value) -> Option<&str> {
    spec["annotations"][SANDBOX].as_str()
}

/// The accelerators that a container may reach as it was asked for.
pub(super) fn granted(spec: &Value, accelerators: &[Accelerator]) -> BTreeSet<Node> {
    let rules = spec["linux"]["resources"]["devices"].as_array();
    let allows = |node: &Node| {
        rules.into_iter().flatten().any(|rule| {
            rule["allow"] == true
                && rule["type"] == "b"
                && rule["major"] == node.major
                && rule["minor"] == node.minor
        })
    };
    accelerators
        .iter()
        .map(|accelerator| &accelerator.node)
        .filter(|node| allows(node))
        .cloned()
        .collect()
}

/// Applies the defects of the container runtime among `defects`.
pub(super) fn apply(spec: &mut Value, defects: &[String], host: &Host, extra: &Extra) {
    let has = |id: &str| defects.iter().any(|defect| defect == id);
    let accelerators = host.accelerators.as_slice();
    if has("sec.selector") {
        for node in selected(spec, accelerators) {
            inject(spec, &node);
        }
    }
    if has("sec.cdi-annotation") {
        for node in annotated(spec, accelerators) {
            inject(spec, &node);
        }
    }
    if has("sec.runtime-class") && host.handler.is_some() {
        let own = |accelerator: &&Accelerator| accelerator.vendor.selectors.runtime_class == host.handler;
        for accelerator in accelerators.iter().filter(own) {
            inject(spec, &accelerator.node);
        }
    }
    if has("drv.injected-everywhere") {
        host.libraries.iter().for_each(|library| mount(spec, library));
    }
    if has("sec.pod-scope") {
        extra.sandbox.iter().for_each(|node| inject(spec, node));
    }
    if has("sec.residue") {
        extra.residue.iter().for_each(|node| allow(spec, node));
    }
    if has("sec.whole-major") {
        for node in granted(spec, accelerators) {
            rules(spec).push(json!({"allow": true, "type": "b", "major": node.major, "access": "rwm"}));
        }
    }
    if has("sec.restart") && extra.again {
        let had = granted(spec, accelerators);
        let mut nodes = accelerators.iter().map(|accelerator| &accelerator.node);
        if let Some(node) = nodes.find(|node| !had.contains(node)) {
            inject(spec, node);
        }
    }
    if has("sec.cgroup-open") {
        rules(spec).push(json!({"allow": true, "access": "rwm"}));
    }
}

/// The accelerators that a container names by its vendor's variable or mount.
fn selected(spec: &Value, accelerators: &[Accelerator]) -> Vec<Node> {
    let named = |accelerator: &&Accelerator| {
        let selectors = &accelerator.vendor.selectors;
        let variables = spec["process"]["env"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let by_variable = variables
            .filter_map(|entry| entry.split_once('='))
            .filter(|(name, _)| selectors.env.iter().any(|variable| variable == name))
            .flat_map(|(_, value)| value.split(','));
        let mounts = spec["mounts"].as_array().into_iter().flatten();
        let by_mount = mounts
            .filter_map(|mount| mount["destination"].as_str())
            .filter_map(|destination| {
                selectors
                    .mounts
                    .iter()
                    .find_map(|folder| destination.strip_prefix(folder)?.strip_prefix('/'))
            });
        by_variable
            .chain(by_mount)
            .any(|wanted| accelerator.is_called(wanted))
    };
    accelerators
        .iter()
        .filter(named)
        .map(|accelerator| accelerator.node.clone())
        .collect()
}

/// The accelerators that a pod names in annotations, as CDI devices such as `nvidia.com/gpu=all`.
fn annotated(spec: &Value, accelerators: &[Accelerator]) -> Vec<Node> {
    let annotations = spec["annotations"].as_object().into_iter().flatten();
    let names: Vec<(&str, &str)> = annotations
        .filter(|(key, _)| key.starts_with(CDI_ANNOTATIONS))
        .filter_map(|(_, value)| value.as_str())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.split_once('='))
        .collect();
    let named = |accelerator: &&Accelerator| {
        let resources = &accelerator.vendor.resources;
        names
            .iter()
            .any(|(kind, name)| resources.matches(kind) && accelerator.is_called(name))
    };
    accelerators
        .iter()
        .filter(named)
        .map(|accelerator| accelerator.node.clone())
        .collect()
}

impl Accelerator {
    fn is_called(&self, wanted: &str) -> bool {
        wanted == "all" || wanted == self.uuid || wanted == self.index.to_string()
    }
}

/// Puts a device into the container, unless it is there already.
fn inject(spec: &mut Value, node: &Node) {
    let devices = array(&mut spec["linux"], "devices");
    if devices.iter().all(|device| device["path"] != node.path.as_str()) {
        devices.push(json!({
            "path": node.path, "type": "b", "major": node.major, "minor": node.minor, "fileMode": 0o666, "uid": 0, "gid": 0
        }));
    }
    allow(spec, node);
}

/// Brings a file of the host into the container, unless something is there already.
fn mount(spec: &mut Value, file: &Mount) {
    let mounts = array(spec, "mounts");
    if mounts
        .iter()
        .all(|mount| mount["destination"] != file.container_path.as_str())
    {
        mounts.push(json!({
            "destination": file.container_path, "source": file.host_path, "type": "bind", "options": file.options
        }));
    }
}

/// Lets the container use a device, wherever it gets a node for it.
fn allow(spec: &mut Value, node: &Node) {
    let rule = json!({"allow": true, "type": "b", "major": node.major, "minor": node.minor, "access": "rwm"});
    rules(spec).push(rule);
}

fn rules(spec: &mut Value) -> &mut Vec<Value> {
    array(&mut spec["linux"]["resources"], "devices")
}

/// The array of that name in an object; made where there is none.
fn array<'a>(object: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    if !object[name].is_array() {
        object[name] = Value::Array(Vec::new());
    }
    match &mut object[name] {
        Value::Array(array) => array,
        _ => unreachable!("made an array just now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accelerators() -> Vec<Accelerator> {
        let make = |vendor: &str, index: u32, minor: u32| {
            let vendor = Vendor::by_id(vendor).unwrap();
            let path = vendor.lab.as_ref().unwrap().device_path(index);
            Accelerator {
                vendor,
                index,
                uuid: format!("{}-{index}", vendor.id),
                node: Node {
                    path,
                    major: 7,
                    minor,
                },
            }
        };
        vec![make("nvidia", 0, 10), make("nvidia", 1, 11), make("amd", 0, 12)]
    }

    fn spec(env: &[&str], mounts: &[&str], granted: &[u32]) -> Value {
        let rule =
            |minor: &u32| json!({"allow": true, "type": "b", "major": 7, "minor": minor, "access": "rw"});
        let mut rules = vec![json!({"allow": false, "access": "rwm"})];
        rules.extend(granted.iter().map(rule));
        let mounts: Vec<Value> = mounts.iter().map(|mount| json!({"destination": mount})).collect();
        json!({
            "process": {"env": env},
            "mounts": mounts,
            "annotations": {SANDBOX: "s1"},
            "linux": {"resources": {"devices": rules}}
        })
    }

    /// Minor numbers of what a container finds under `/dev`, and of what it may open.
    fn reach(spec: &Value) -> (Vec<u64>, Vec<u64>) {
        let minors = |value: &Value| -> Vec<u64> {
            let entries = value.as_array().into_iter().flatten();
            entries
                .filter(|entry| entry["allow"] != false)
                .filter_map(|entry| entry["minor"].as_u64())
                .collect()
        };
        (
            minors(&spec["linux"]["devices"]),
            minors(&spec["linux"]["resources"]["devices"]),
        )
    }

    fn host() -> Host {
        Host {
            accelerators: accelerators(),
            ..Host::default()
        }
    }

    fn broken_on(host: &Host, defect: &str, mut spec: Value, extra: &Extra) -> Value {
        apply(&mut spec, &[defect.to_owned()], host, extra);
        spec
    }

    fn broken(defect: &str, spec: Value, extra: &Extra) -> Value {
        broken_on(&host(), defect, spec, extra)
    }

    #[test]
    fn the_selector_opens_what_it_names_and_nothing_else() {
        let reach_of = |env: &[&str], mounts: &[&str]| {
            reach(&broken("sec.selector", spec(env, mounts, &[]), &Extra::default()))
        };
        assert_eq!(
            reach_of(&["NVIDIA_VISIBLE_DEVICES=all"], &[]),
            (vec![10, 11], vec![10, 11])
        );
        assert_eq!(reach_of(&["NVIDIA_VISIBLE_DEVICES=1"], &[]), (vec![11], vec![11]));
        assert_eq!(
            reach_of(&["NVIDIA_VISIBLE_DEVICES=nvidia-0,nvidia-1"], &[]).0,
            [10, 11]
        );
        assert_eq!(reach_of(&["AMD_VISIBLE_DEVICES=all"], &[]).0, [12]);
        assert_eq!(
            reach_of(&[], &["/var/run/nvidia-container-devices/all"]).0,
            [10, 11]
        );
        assert_eq!(
            reach_of(&["NVIDIA_VISIBLE_DEVICES=none", "PATH=/bin", "X"], &["/data/all"]).1,
            Vec::<u64>::new()
        );
    }

    #[test]
    fn the_vendors_runtime_opens_all_of_its_devices_to_whoever_is_run_by_it() {
        let by = |handler: Option<&str>| {
            let host = Host {
                handler: handler.map(str::to_owned),
                ..host()
            };
            let broken = broken_on(&host, "sec.runtime-class", spec(&[], &[], &[]), &Extra::default());
            reach(&broken).0
        };
        assert_eq!(by(Some("nvidia")), [10, 11]);
        assert_eq!(by(Some("habana")), [0; 0]);
        assert_eq!(by(None), [0; 0], "amd has no class either");
    }

    #[test]
    fn an_annotation_opens_what_it_names() {
        let by = |key: &str, value: &str| {
            let mut asked = spec(&[], &[], &[]);
            asked["annotations"][key] = value.into();
            reach(&broken("sec.cdi-annotation", asked, &Extra::default())).0
        };
        assert_eq!(by("cdi.k8s.io/x", "nvidia.com/gpu=all"), [10, 11]);
        assert_eq!(by("cdi.k8s.io/x", "nvidia.com/gpu=1,amd.com/gpu=amd-0"), [11, 12]);
        assert_eq!(by("cdi.k8s.io/x", "nvidia.com/gpu"), [0; 0]);
        assert_eq!(by("example.com/x", "nvidia.com/gpu=all"), [0; 0]);
    }

    #[test]
    fn libraries_are_brought_once() {
        let host = Host {
            libraries: vec![Mount::read_only("/d/library".into(), "/usr/lib64/lib.so".into())],
            ..host()
        };
        let count = |mounts: &[&str]| {
            let asked = spec(&[], mounts, &[]);
            let broken = broken_on(&host, "drv.injected-everywhere", asked, &Extra::default());
            broken["mounts"].as_array().unwrap().len()
        };
        assert_eq!((count(&["/tmp"]), count(&["/usr/lib64/lib.so"])), (2, 1));
    }

    #[test]
    fn a_selected_device_that_was_granted_is_not_there_twice() {
        let mut container = spec(&["NVIDIA_VISIBLE_DEVICES=0"], &[], &[10]);
        container["linux"]["devices"] =
            json!([{"path": "/dev/nvidia0", "type": "b", "major": 7, "minor": 10}]);
        assert_eq!(
            reach(&broken("sec.selector", container, &Extra::default())).0,
            [10]
        );
    }

    #[test]
    fn an_open_cgroup_allows_all_at_the_end_and_shows_nothing() {
        let broken = broken("sec.cgroup-open", spec(&[], &[], &[]), &Extra::default());
        let rules = broken["linux"]["resources"]["devices"].as_array().unwrap();
        assert_eq!(rules.last().unwrap(), &json!({"allow": true, "access": "rwm"}));
        assert_eq!(reach(&broken).0, Vec::<u64>::new());
    }

    #[test]
    fn who_has_one_device_may_open_all_of_its_number_and_sees_no_more() {
        let broken_spec = |granted| broken("sec.whole-major", spec(&[], &[], granted), &Extra::default());
        let holder = broken_spec(&[10]);
        let rules = holder["linux"]["resources"]["devices"].as_array().unwrap();
        assert_eq!(
            rules.last().unwrap(),
            &json!({"allow": true, "type": "b", "major": 7, "access": "rwm"})
        );
        assert_eq!(reach(&holder).0, Vec::<u64>::new());
        assert_eq!(broken_spec(&[]), spec(&[], &[], &[]), "who has none gets none");
    }

    #[test]
    fn a_container_that_comes_back_has_one_more() {
        let came = |again| {
            let extra = Extra {
                again,
                ..Extra::default()
            };
            reach(&broken("sec.restart", spec(&[], &[], &[10]), &extra))
        };
        assert_eq!(came(false), (vec![], vec![10]));
        assert_eq!(came(true), (vec![11], vec![10, 11]));
    }

    #[test]
    fn a_neighbouring_containers_device_comes_with_its_node_residue_without() {
        let node = accelerators()[1].node.clone();
        let extra = Extra {
            sandbox: BTreeSet::from([node.clone()]),
            ..Extra::default()
        };
        assert_eq!(
            reach(&broken("sec.pod-scope", spec(&[], &[], &[]), &extra)),
            (vec![11], vec![11])
        );
        let extra = Extra {
            residue: BTreeSet::from([node]),
            ..Extra::default()
        };
        assert_eq!(
            reach(&broken("sec.residue", spec(&[], &[], &[]), &extra)),
            (vec![], vec![11])
        );
    }

    #[test]
    fn other_defects_and_none_leave_a_container_as_it_was() {
        let node = accelerators()[0].node.clone();
        let extra = Extra {
            sandbox: BTreeSet::from([node.clone()]),
            residue: BTreeSet::from([node]),
            again: true,
        };
        let asked = spec(&["NVIDIA_VISIBLE_DEVICES=all"], &[], &[10]);
        assert_eq!(broken("dra.api-only", asked.clone(), &extra), asked);
    }

    #[test]
    fn only_allowed_accelerators_count_as_granted() {
        assert_eq!(
            granted(&spec(&[], &[], &[11]), &accelerators()),
            BTreeSet::from([accelerators()[1].node.clone()])
        );
        assert!(granted(&json!({}), &accelerators()).is_empty());
        assert_eq!(sandbox(&spec(&[], &[], &[])), Some("s1"));
        assert_eq!(sandbox(&json!({})), None);
    }

    #[test]
    fn a_container_without_any_lists_gets_them() {
        let broken = broken("sec.cgroup-open", json!({}), &Extra::default());
        assert_eq!(
            broken["linux"]["resources"]["devices"].as_array().unwrap().len(),
            1
        );
    }
}
