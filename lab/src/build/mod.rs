//! `plimsoll-lab build`: compiles the components as ordinary Go module dependencies into a cache.
//!
//! - [`component`] what there is to build, embedded from `lab/components/`;
//! - [`cache`] where the results lie, keyed by everything that shapes them;
//! - [`go`] the compiler; [`packages`] what else the machine must have.

use std::path::PathBuf;
use std::time::Instant;

pub(crate) mod cache;
pub(crate) mod component;
pub(crate) mod go;
pub(crate) mod packages;

use crate::progress::{Progress, seconds};
use cache::{Cache, CacheError};
use component::ComponentError;
use go::{Go, GoError};
use packages::MissingPackages;

/// Why the components could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error(transparent)]
    Packages(#[from] MissingPackages),
    #[error(transparent)]
    Go(#[from] GoError),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Builds what is not in the cache yet.
pub(crate) fn build(cache: &Cache, with: &[String], progress: &Progress) -> Result<(), BuildError> {
    let components = component::selected(with)?;
    packages::check()?;
    let go = Go::find()?;
    for component in components {
        let place = cache.place(component, go.version());
        if place.is_complete(component) {
            progress.done(&format!("{component} is built already"));
            continue;
        }
        let started = Instant::now();
        let step = progress.step(format!("building {component}"));
        place.fill(|folder| go.build(component, folder))?;
        step.done(&format!("built {component} in {}", seconds(started.elapsed())));
    }
    Ok(())
}

/// Where each executable of the selected components lies.
///
/// # Errors
/// When one is missing: then the components must be built first.
pub(crate) fn locate(cache: &Cache, with: &[String]) -> Result<Binaries, BuildError> {
    let components = component::selected(with)?;
    packages::check()?;
    let go = Go::find()?;
    let mut folders = Vec::new();
    for component in components {
        let place = cache.place(component, go.version());
        if !place.is_complete(component) {
            return Err(CacheError::NotBuilt {
                component: component.name.clone(),
            }
            .into());
        }
        folders.push(place.folder().to_owned());
    }
    Ok(Binaries { folders })
}

/// The built executables.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    folders: Vec<PathBuf>,
}

impl Binaries {
    /// The path of one executable.
    ///
    /// # Panics
    /// When no component of the table makes it, which [`component::selected`] rules out for the base set.
    pub(crate) fn path(&self, binary: &str) -> PathBuf {
        self.folders
            .iter()
            .map(|folder| folder.join(binary))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("no component makes `{binary}`"))
    }

    /// A search path that finds the executables before the machine's own tools.
    pub(crate) fn search_path(&self) -> String {
        let own = self.folders.iter().map(|folder| folder.display().to_string());
        let machine = [
            "/usr/local/sbin",
            "/usr/local/bin",
            "/usr/sbin",
            "/usr/bin",
            "/sbin",
            "/bin",
        ];
        own.chain(machine.into_iter().map(str::to_owned))
            .collect::<Vec<_>>()
            .join(":")
    }
}
