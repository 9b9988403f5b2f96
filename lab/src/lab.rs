//! One lab in the hands of a command: its state, its folder, the executables it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::addresses::AddressPlan;
use crate::build::Binaries;
use crate::folder::LabFolder;
use crate::keeper::MARK;
use crate::state::LabState;

/// What every step of bringing up a lab needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    pub(crate) state: LabState,
    pub(crate) folder: LabFolder,
    pub(crate) binaries: Binaries,
    /// This very program, which nodes run as well.
    pub(crate) program: PathBuf,
}

impl Lab {
    pub(crate) fn plan(&self) -> AddressPlan {
        self.state.slot.plan()
    }

    /// The API server's address.
    pub(crate) fn server(&self) -> String {
        format!("https://{}:6443", self.plan().host())
    }

    /// What every process of the lab finds in its environment.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        [
            (MARK, self.state.name.to_string()),
            ("PATH", self.binaries.search_path()),
            ("HOME", "/root".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            // By default Go collects garbage at every doubling, a fifth of all CPU time while a lab comes up.
            ("GOGC", "400".to_owned()),
            ("GOMEMLIMIT", "512MiB".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
