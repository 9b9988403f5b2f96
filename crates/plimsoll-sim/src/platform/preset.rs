//! The platforms that come along: one TOML file each under `platforms/`.

use super::{PlatformSpec, fault::nearest};

macro_rules! platforms {
    ($($name:literal)*) => {
        /// Names and embedded files, sorted by name.
        const FILES: &[Preset] = &[
            $(Preset { name: $name, text: include_str!(concat!("../../platforms/", $name, ".toml")) }),*
        ];
    };
}

platforms! {
    "all-busy"
    "amd"
    "busy"
    "consumable"
    "cordoned"
    "crowded"
    "dedicated-nodes"
    "extended-resource"
    "intel"
    "kubernetes-1-33"
    "kubernetes-1-34"
    "kubernetes-1-35"
    "kubernetes-1-37"
    "mig-only"
    "minimal"
    "mixed"
    "namespace-quota"
    "neuron"
    "no-accelerators"
    "no-exporter"
    "no-gang-scheduling"
    "numa"
    "nvidia"
    "old-kubelets"
    "one-accelerator"
    "partitioned"
    "plugin-only"
    "restricted"
    "single-node"
    "slow-api"
    "slow-devices"
    "slow-exporter"
    "slow-image-pulls"
    "slow-scheduler"
    "static-mig"
    "strict-quota"
    "tainted-accelerators"
    "time-sliced"
    "tpu"
    "vgpu"
    "virtualised"
}

/// The platform that is simulated where none is named: it has what the lab has, so every defect can show on it.
pub const DEFAULT: &str = "mixed";

/// The platform called [`DEFAULT`].
#[must_use]
pub fn default() -> PlatformSpec {
    let preset = FILES.iter().find(|preset| preset.name == DEFAULT);
    // A test sees to it that there is one.
    preset.unwrap_or(&FILES[0]).spec()
}

/// A platform that comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

/// A name that no platform has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no simulated platform `{name}`")]
pub struct UnknownPreset {
    /// The name asked for.
    pub name: String,
    /// The known name that looks most like it.
    pub nearest: Option<&'static str>,
}

impl UnknownPreset {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self.nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => {
                let names: Vec<&str> = FILES.iter().map(|preset| preset.name).collect();
                format!(
                    "known: {}; or name a TOML file that describes one",
                    names.join(", ")
                )
            }
        }
    }
}

impl Preset {
    /// All of them, sorted by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        FILES
    }

    /// The platform that it describes.
    #[must_use]
    pub fn spec(&self) -> PlatformSpec {
        match PlatformSpec::parse(self.name, self.text) {
            Ok(spec) => spec,
            // Embedded at build time and parsed by a test: a fault here is a bug of this crate.
            Err(error) => panic!("platforms/{}.toml: {error}", self.name),
        }
    }
}

impl PlatformSpec {
    /// The platform of that name among those that come along.
    ///
    /// # Errors
    /// [`UnknownPreset`], with the nearest known name.
    pub fn preset(name: &str) -> Result<Self, UnknownPreset> {
        FILES
            .iter()
            .find(|preset| preset.name == name)
            .map(Preset::spec)
            .ok_or_else(|| UnknownPreset {
                name: name.to_owned(),
                nearest: nearest(name, FILES.iter().map(|preset| preset.name)),
            })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn the_list_is_sorted_and_equals_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("platforms");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".toml", ""))
            .collect();
        let listed: Vec<String> = FILES.iter().map(|preset| preset.name.to_owned()).collect();
        assert_eq!(
            files.into_iter().collect::<Vec<_>>(),
            listed,
            "platforms/ and the list disagree"
        );
    }

    #[test]
    fn every_file_describes_a_platform_of_its_name() {
        for preset in Preset::all() {
            let spec = PlatformSpec::parse(preset.name, preset.text)
                .unwrap_or_else(|error| panic!("{error}: {:#?}", error.faults));
            assert_eq!(spec.name, preset.name);
            assert!(spec.description.ends_with('.'), "{}: no sentence", preset.name);
        }
    }

    #[test]
    fn the_default_is_one_of_them() {
        assert_eq!(default().name, DEFAULT);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        assert_eq!(PlatformSpec::preset("nvdia").unwrap_err().nearest, Some("nvidia"));
        let error = PlatformSpec::preset("zzz").unwrap_err();
        assert!(error.help().contains("minimal"), "{}", error.help());
    }
}
