//! Where built components lie: a folder for each, named by the digest of everything that shapes the result.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::component::Component;
use super::go::GoError;

/// The folder of all built components.
#[derive(Clone, Debug)]
pub(crate) struct Cache(PathBuf);

/// Why the cache could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error("neither PLIMSOLL_LAB_CACHE, XDG_CACHE_HOME nor HOME says where to keep built components")]
    Nowhere,
    #[error("could not use the cache folder `{path}`")]
    Folder { path: PathBuf, source: io::Error },
    #[error("`{component}` is not built yet; run `plimsoll-lab build` first")]
    NotBuilt { component: String },
    #[error(transparent)]
    Build(#[from] GoError),
}

impl Cache {
    /// The cache that the environment asks for.
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, CacheError> {
        variable("PLIMSOLL_LAB_CACHE")
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("plimsoll-lab")))
            .or_else(|| Some(variable("HOME")?.join(".cache/plimsoll-lab")))
            .map(Self)
            .ok_or(CacheError::Nowhere)
    }

    /// Where a component built by that compiler lies.
    pub(crate) fn place(&self, component: &Component, go_version: &str) -> Place {
        let digest = digest(component, go_version);
        Place(self.0.join(format!("{}-{digest}", component.name)))
    }
}

/// The folder of one built component.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Whether all the component's executables are there.
    pub(crate) fn is_complete(&self, component: &Component) -> bool {
        component
            .facts
            .outputs
            .iter()
            .all(|output| self.0.join(&output.binary).is_file())
    }

    /// Builds into a folder beside this one and moves it here when it is whole.
    pub(crate) fn fill(&self, build: impl FnOnce(&Path) -> Result<(), GoError>) -> Result<(), CacheError> {
        let failed = |source| CacheError::Folder {
            path: self.0.clone(),
            source,
        };
        let parent = self.0.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(failed)?;
        let building = tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(parent)
            .map_err(failed)?;
        build(building.path())?;
        if self.0.exists() {
            // Left by an older version of the facts, or by somebody who built at the same time.
            fs::remove_dir_all(&self.0).map_err(failed)?;
        }
        fs::rename(building.keep(), &self.0).map_err(failed)
    }
}

fn digest(component: &Component, go_version: &str) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        // The length keeps neighbouring fields apart.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    field(go_version);
    for (name, content) in &component.module {
        field(name);
        field(content);
    }
    for output in &component.facts.outputs {
        for part in [&output.binary, &output.package, &output.tags, &output.ldflags] {
            field(part);
        }
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::super::component::selected;
    use super::*;

    fn etcd() -> Component {
        selected(&[])
            .unwrap()
            .into_iter()
            .find(|component| component.name == "etcd")
            .unwrap()
            .clone()
    }

    #[test]
    fn the_environment_decides_in_order() {
        let from = |set: &'static [(&str, &str)]| {
            let find = move |name: &str| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.into())
            };
            Cache::from_environment(find).map(|cache| cache.0)
        };
        let all = &[
            ("PLIMSOLL_LAB_CACHE", "/own"),
            ("XDG_CACHE_HOME", "/xdg"),
            ("HOME", "/home/x"),
        ];
        assert_eq!(from(all).unwrap(), Path::new("/own"));
        assert_eq!(from(&all[1..]).unwrap(), Path::new("/xdg/plimsoll-lab"));
        assert_eq!(from(&all[2..]).unwrap(), Path::new("/home/x/.cache/plimsoll-lab"));
        assert!(matches!(from(&[]), Err(CacheError::Nowhere)));
    }

    #[test]
    fn whatever_shapes_the_result_moves_its_place() {
        let sound = etcd();
        let place = |component: &Component, go: &str| Cache("/c".into()).place(component, go).0;
        let original = place(&sound, "go1.26.8");
        assert_eq!(original, place(&sound, "go1.26.8"));
        assert_ne!(original, place(&sound, "go1.27"));
        let mut flags = sound.clone();
        flags.facts.outputs[0].ldflags.push_str(" -X a=b");
        assert_ne!(original, place(&flags, "go1.26.8"));
        let mut module = sound;
        module.module[0].1 = "module other";
        assert_ne!(original, place(&module, "go1.26.8"));
    }

    #[test]
    fn a_build_that_fails_leaves_no_place_behind() {
        let folder = tempfile::tempdir().unwrap();
        let component = etcd();
        let place = Cache(folder.path().to_owned()).place(&component, "go");
        assert!(place.fill(|_| Err(GoError::NotInstalled)).is_err());
        assert!(!place.is_complete(&component));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_build_that_succeeds_is_complete_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let component = etcd();
        let place = Cache(folder.path().to_owned()).place(&component, "go");
        place
            .fill(|into| fs::write(into.join("etcd"), "binary").map_err(GoError::Spawn))
            .unwrap();
        assert!(place.is_complete(&component));
    }
}
