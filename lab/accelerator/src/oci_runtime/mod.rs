//! A container runtime that can be broken: it stands before runc, and changes what containers may reach.
//!
//! Used only for defects of [`Component::ContainerRuntime`](plimsoll_defects::Component). On `create` it edits
//! the bundle's `config.json` ([`edits`]), on `delete` it takes note ([`ledger`]); then it becomes runc.

mod arguments;
mod edits;
mod ledger;

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    arguments::Call,
    edits::{Accelerator, Host},
    ledger::Ledger,
};
use crate::{DeviceConfig, cdi::Mount, identity, installation::Installation};
use plimsoll_vendors::Vendor;

/// How annotations begin by which a pod names CDI devices.
pub const CDI_ANNOTATIONS: &str = "cdi.k8s.io/";

/// What the runtime of one node is told; a JSON file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// The node's name.
    pub node: String,
    /// The runc to become.
    pub runc: PathBuf,
    /// A file of its own, where it remembers which container was granted what.
    pub state: PathBuf,
    /// The node's accelerators.
    pub devices: Vec<DeviceConfig>,
    /// Where the node's runtime looks for CDI specifications; drivers are installed beside it.
    pub cdi_dir: PathBuf,
    /// The handler of a RuntimeClass that this is; none for the default one.
    pub handler: Option<String>,
    /// Ids of seeded defects. Those of other components are none of its business.
    pub defects: Vec<String>,
}

/// Why the runtime did not become runc.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A file that it needs is not there, not right, or not writable.
    #[error("could not use `{path}`")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// runc cannot be started.
    #[error("could not become `{runc}`")]
    Exec {
        /// Which runc.
        runc: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Does what the `defects` of the configuration at `config` say to a call of runc, then becomes runc.
///
/// Returns only when that fails.
#[must_use]
pub fn run(config: &Path, arguments: &[OsString]) -> RuntimeError {
    let prepared = read(config).and_then(|config| break_call(&config, arguments).map(|()| config));
    match prepared {
        Ok(config) => {
            let source = Command::new(&config.runc).args(arguments).exec();
            RuntimeError::Exec {
                runc: config.runc,
                source,
            }
        }
        Err(error) => error,
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, RuntimeError> {
    let read = || Ok(serde_json::from_slice(&std::fs::read(path)?)?);
    read().map_err(|source| RuntimeError::File {
        path: path.to_owned(),
        source,
    })
}

fn break_call(config: &RuntimeConfig, arguments: &[OsString]) -> Result<(), RuntimeError> {
    let in_state = |source| RuntimeError::File {
        path: config.state.clone(),
        source,
    };
    match arguments::parse(arguments) {
        Call::Create { id, bundle } => {
            let path = bundle.join("config.json");
            let mut spec: Value = read(&path)?;
            let host = host(config);
            let extra = Ledger::update(&config.state, |ledger| {
                let granted = edits::granted(&spec, &host.accelerators);
                let extra = edits::Extra {
                    sandbox: ledger.of_sandbox(edits::sandbox(&spec)),
                    residue: ledger.residue(),
                    again: ledger.came_before(edits::sandbox(&spec), edits::name(&spec)),
                };
                ledger.grant(&id, edits::sandbox(&spec), edits::name(&spec), granted);
                extra
            });
            edits::apply(&mut spec, &config.defects, &host, &extra.map_err(in_state)?);
            std::fs::write(&path, spec.to_string()).map_err(|source| RuntimeError::File { path, source })
        }
        Call::Delete { id } => Ledger::update(&config.state, |ledger| ledger.release(&id)).map_err(in_state),
        Call::Other => Ok(()),
    }
}

/// The handlers by which vendors' runtimes are asked for, where they have one: the names of their RuntimeClasses.
pub fn handlers() -> impl Iterator<Item = &'static str> {
    Vendor::all()
        .iter()
        .filter_map(|vendor| vendor.selectors.runtime_class.as_deref())
}

fn host(config: &RuntimeConfig) -> Host {
    let accelerators = accelerators(config);
    let installation = Installation::beside(&config.cdi_dir, &config.node, &[]);
    let mut libraries: Vec<Mount> = Vec::new();
    for library in accelerators
        .iter()
        .filter_map(|accelerator| installation.library_mount(accelerator.vendor))
    {
        // Containers may start before drivers are installed.
        if library.host_path.exists() && !libraries.contains(&library) {
            libraries.push(library);
        }
    }
    Host {
        accelerators,
        libraries,
        handler: config.handler.clone(),
    }
}

/// The node's accelerators as this runtime knows them; a vendor it does not know it cannot favour.
fn accelerators(config: &RuntimeConfig) -> Vec<Accelerator> {
    let known = config.devices.iter().filter_map(|device| {
        let vendor = Vendor::by_id(&device.vendor).ok()?;
        let path = vendor.lab.as_ref()?.device_path(device.index);
        let uuid = identity::uuid(&config.node, &device.vendor, &device.index.to_string());
        let node = edits::Node {
            path,
            major: device.major,
            minor: device.minor,
        };
        Some(Accelerator {
            vendor,
            index: device.index,
            uuid,
            node,
        })
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::device::fixture;
    use plimsoll_defects::Allocation;

    fn call(config: &RuntimeConfig, bundle: &Path, id: &str, spec: &Value) -> Value {
        std::fs::write(bundle.join("config.json"), spec.to_string()).unwrap();
        let bundle_text = bundle.display().to_string();
        let arguments = ["--root", "/r", "create", "--bundle", &bundle_text, id].map(OsString::from);
        break_call(config, &arguments).unwrap();
        serde_json::from_slice(&std::fs::read(bundle.join("config.json")).unwrap()).unwrap()
    }

    fn rules(spec: &Value) -> usize {
        spec["linux"]["resources"]["devices"].as_array().unwrap().len()
    }

    #[test]
    fn residue_shows_only_after_the_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let config = RuntimeConfig {
            node: "n1".into(),
            runc: "/bin/true".into(),
            state: folder.path().join("state.json"),
            devices: vec![fixture::entry("nvidia", 0, Allocation::Dra)],
            cdi_dir: folder.path().join("cdi"),
            handler: None,
            defects: vec!["sec.residue".into()],
        };
        let allow = json!({"allow": true, "type": "b", "major": 7, "minor": 10, "access": "rw"});
        let holder = json!({"linux": {"resources": {"devices": [allow]}}});
        let stranger = json!({"linux": {"resources": {"devices": []}}});
        call(&config, folder.path(), "holder", &holder);
        assert_eq!(rules(&call(&config, folder.path(), "early", &stranger)), 0);
        break_call(&config, &["delete", "holder"].map(OsString::from)).unwrap();
        assert_eq!(rules(&call(&config, folder.path(), "late", &stranger)), 1);
        call(&config, folder.path(), "next-holder", &holder);
        assert_eq!(rules(&call(&config, folder.path(), "beside", &stranger)), 0);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = run(Path::new("/does/not/exist"), &[]);
        assert!(error.to_string().contains("/does/not/exist"), "{error}");
    }
}
