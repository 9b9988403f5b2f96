//! What a probe is asked to look at.

use plimsoll_probe::protocol::DeviceNumber;
use plimsoll_vendors::Vendor;

/// The arguments of the probe's mode `devices`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    globs: Vec<String>,
    forge: Vec<DeviceNumber>,
    texts: Vec<String>,
    files: Vec<String>,
    fail_first: Option<String>,
    stays: bool,
}

impl Look {
    /// Looks at all of `/dev`, and knows the vendor's nodes by their paths.
    #[must_use]
    pub fn at(vendor: Option<&Vendor>) -> Self {
        let globs = vendor.into_iter().flat_map(|vendor| {
            let devices = &vendor.devices;
            devices
                .exclusive
                .patterns()
                .iter()
                .chain(devices.control.patterns())
                .cloned()
        });
        Self {
            globs: globs.collect(),
            ..Self::default()
        }
    }

    /// Also tries to reach devices by making their nodes.
    #[must_use]
    pub fn forging(mut self, numbers: impl IntoIterator<Item = DeviceNumber>) -> Self {
        self.forge.extend(numbers);
        self
    }

    /// Also reads text files.
    #[must_use]
    pub fn reading<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.texts.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Also looks for files, by patterns.
    #[must_use]
    pub fn finding<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.files.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Fails after reporting, unless the file `mark` shows that it has done so before.
    #[must_use]
    pub fn failing_first(mut self, mark: impl Into<String>) -> Self {
        self.fail_first = Some(mark.into());
        self
    }

    /// Stays, and keeps what it was given, until the pod is deleted.
    #[must_use]
    pub fn staying(mut self) -> Self {
        self.stays = true;
        self
    }

    /// The arguments.
    #[must_use]
    pub fn args(&self) -> Vec<String> {
        let mut args = vec!["devices".to_owned()];
        args.extend(self.globs.iter().map(|glob| format!("--match={glob}")));
        args.extend(self.forge.iter().map(|number| format!("--forge={number}")));
        args.extend(self.texts.iter().map(|path| format!("--read={path}")));
        args.extend(self.files.iter().map(|pattern| format!("--find={pattern}")));
        args.extend(self.fail_first.iter().map(|mark| format!("--fail-first={mark}")));
        args.extend(self.stays.then(|| "--hold".to_owned()));
        args
    }
}
