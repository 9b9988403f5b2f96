//! The components as data: one folder each under `lab/components/`, embedded when this crate is compiled.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

/// A folder of `lab/components/` as `build.rs` found it.
struct EmbeddedComponent {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const EMBEDDED: &[EmbeddedComponent] = include!(concat!(env!("OUT_DIR"), "/components.rs"));
const FACTS: &str = "component.toml";

/// One Go module that the lab builds.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) facts: Facts,
    /// The module's own files, `component.toml` left out.
    pub(crate) module: Vec<(&'static str, &'static str)>,
}

/// What `component.toml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    pub(crate) version: String,
    /// Built and started only when asked for by `--with`.
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(rename = "output")]
    pub(crate) outputs: Vec<Output>,
}

/// One executable of a component.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) binary: String,
    pub(crate) package: String,
    #[serde(default)]
    pub(crate) tags: String,
    pub(crate) ldflags: String,
}

/// Why a selection of components makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ComponentError {
    #[error("there is no component `{name}`{}", hint(suggestion.as_deref()))]
    Unknown {
        name: String,
        suggestion: Option<String>,
    },
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

static COMPONENTS: LazyLock<Vec<Component>> = LazyLock::new(|| {
    EMBEDDED
        .iter()
        .map(|embedded| {
            let of_module = |(name, _): &&(&str, &str)| *name != FACTS;
            let (_, facts) = embedded
                .files
                .iter()
                .find(|(name, _)| *name == FACTS)
                .unwrap_or_else(|| panic!("build.rs embeds only folders with a {FACTS}"));
            Component {
                name: embedded.name.to_owned(),
                facts: toml::from_str(facts)
                    .unwrap_or_else(|error| panic!("components/{}/{FACTS}: {error}", embedded.name)),
                module: embedded.files.iter().filter(of_module).copied().collect(),
            }
        })
        .collect()
});

/// The base components and the optional ones that were asked for.
pub(crate) fn selected(with: &[String]) -> Result<Vec<&'static Component>, ComponentError> {
    for name in with {
        if !COMPONENTS.iter().any(|component| component.name == *name) {
            let names = COMPONENTS.iter().map(|component| component.name.as_str());
            let suggestion = crate::nearest::nearest(name, names).map(str::to_owned);
            return Err(ComponentError::Unknown {
                name: name.clone(),
                suggestion,
            });
        }
    }
    Ok(COMPONENTS
        .iter()
        .filter(|component| !component.facts.optional || with.contains(&component.name))
        .collect())
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.facts.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_component_is_a_whole_module_with_something_to_build() {
        for component in COMPONENTS.iter() {
            let files: Vec<_> = component.module.iter().map(|(name, _)| *name).collect();
            assert!(
                files.contains(&"go.mod") && files.contains(&"go.sum"),
                "{component}: {files:?}"
            );
            assert!(!component.facts.outputs.is_empty(), "{component}");
        }
    }

    #[test]
    fn no_two_components_make_an_executable_of_the_same_name() {
        let mut names: Vec<_> = COMPONENTS
            .iter()
            .flat_map(|c| c.facts.outputs.iter().map(|o| o.binary.as_str()))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_components_version_is_the_one_its_module_requires() {
        for component in COMPONENTS.iter() {
            let (_, module) = component
                .module
                .iter()
                .find(|(name, _)| *name == "go.mod")
                .unwrap();
            let required = format!(" v{}", component.facts.version);
            assert!(
                module.lines().any(|line| line.ends_with(&required)),
                "{component}"
            );
        }
    }

    #[test]
    fn the_base_set_makes_all_that_a_lab_starts() {
        let base = selected(&[]).unwrap();
        let made: Vec<_> = base
            .iter()
            .flat_map(|c| c.facts.outputs.iter().map(|o| o.binary.as_str()))
            .collect();
        for needed in [
            "kubernetes",
            "etcd",
            "containerd",
            "containerd-shim-runc-v2",
            "ctr",
            "runc",
            "coredns",
        ] {
            assert!(made.contains(&needed), "{needed}");
        }
    }

    #[test]
    fn an_unknown_component_suggests_the_nearest() {
        let error = selected(&["corends".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no component `corends`; did you mean `coredns`?"
        );
    }
}
