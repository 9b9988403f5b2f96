//! The official checklists that submissions are held to.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Category, Checklist, Level, ProgrammeVersion, checklist::LoadError, requirements};

/// What submissions are held to, per version.
#[derive(Clone, Debug, Default)]
pub struct Checklists {
    /// None: nobody has the files, the facts that came along have to do.
    files: Option<BTreeMap<String, Arc<Official>>>,
}

/// The checklist of one version.
#[derive(Clone, Debug)]
pub(super) struct Official {
    pub(super) categories: Vec<(String, Vec<OfficialRequirement>)>,
}

/// A requirement in an official checklist.
#[derive(Clone, Debug)]
pub(super) struct OfficialRequirement {
    pub(super) id: String,
    pub(super) level: Level,
    /// None where only the facts that came along are known.
    pub(super) description: Option<String>,
}

/// The checklists can't be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ChecklistsError {
    /// The directory can't be read.
    #[error("could not read the directory of checklists `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds no checklist.
    #[error("`{}` holds no file `AIConformance-<version>.yaml`", .0.display())]
    #[diagnostic(help("give the folder `docs` of the programme's repository with --checklists"))]
    Empty(PathBuf),
    /// A checklist is broken.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Broken(#[from] LoadError),
}

impl Checklists {
    /// Reads every `AIConformance-<version>.yaml` of a directory.
    ///
    /// # Errors
    /// When the directory can't be read, holds none, or a file is no checklist.
    pub fn read(directory: &Path) -> Result<Self, ChecklistsError> {
        let failed = |source| ChecklistsError::Directory {
            path: directory.to_owned(),
            source,
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix("AIConformance-"));
            if let Some(version) = version.and_then(|name| name.strip_suffix(".yaml")) {
                let checklist = Checklist::read(&entry.path())?;
                files.insert(version.to_owned(), Arc::new(Official::of(&checklist)));
            }
        }
        if files.is_empty() {
            return Err(ChecklistsError::Empty(directory.to_owned()));
        }
        Ok(Self { files: Some(files) })
    }

    /// The folder `docs` beside the version directory that a path lies in, if it holds checklists.
    #[must_use]
    pub fn beside(path: &Path) -> Option<PathBuf> {
        let path = std::path::absolute(path).ok()?;
        path.ancestors().map(|above| above.join("docs")).find(|docs| {
            ProgrammeVersion::ALL
                .iter()
                .any(|version| docs.join(format!("AIConformance-{version}.yaml")).is_file())
        })
    }

    /// One checklist, for its own version.
    #[must_use]
    pub fn of(version: ProgrammeVersion, checklist: &Checklist) -> Self {
        let official = Arc::new(Official::of(checklist));
        Self {
            files: Some(BTreeMap::from([(version.to_string(), official)])),
        }
    }

    /// Only ids and levels, as they came along; texts are not compared then.
    #[must_use]
    pub fn built_in() -> Self {
        Self::default()
    }

    /// Whether the official files are known.
    #[must_use]
    pub fn are_files(&self) -> bool {
        self.files.is_some()
    }

    pub(super) fn get(&self, version: &str) -> Option<Arc<Official>> {
        match &self.files {
            Some(files) => files.get(version).cloned(),
            None => version
                .parse()
                .ok()
                .map(|version| Arc::new(Official::built_in(version))),
        }
    }
}

impl Official {
    fn of(checklist: &Checklist) -> Self {
        let requirement = |entry: &crate::checklist::Entry| OfficialRequirement {
            id: entry.id.to_string(),
            level: entry.level,
            description: Some(entry.description.clone()),
        };
        let categories = checklist.sections.iter();
        Self {
            categories: categories
                .map(|section| {
                    (
                        section.name.clone(),
                        section.requirements.iter().map(requirement).collect(),
                    )
                })
                .collect(),
        }
    }

    fn built_in(version: ProgrammeVersion) -> Self {
        let of = |category: Category| -> Vec<OfficialRequirement> {
            let known = requirements()
                .iter()
                .filter(|known| known.category == Some(category));
            known
                .filter_map(|known| {
                    let level = *known.levels.get(&version)?;
                    Some(OfficialRequirement {
                        id: known.id.to_string(),
                        level,
                        description: None,
                    })
                })
                .collect()
        };
        Self {
            categories: Category::ALL
                .into_iter()
                .map(|category| (category.to_string(), of(category)))
                .collect(),
        }
    }
}
