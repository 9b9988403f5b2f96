//! Finding the product directories below a path.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::path::version_of;

/// The file that makes a directory a product; case counts.
pub(super) const FILE_NAME: &str = "PRODUCT.yaml";
/// Deeper than any checkout has product directories.
const MAX_DEPTH: usize = 8;

/// A product directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The path as it was given or found.
    pub path: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Its `PRODUCT.yaml`.
    pub file: PathBuf,
    pub(super) shown_directory: String,
    pub(super) shown_file: String,
}

impl Product {
    /// The product directory of this path.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let shown = shown(directory);
        Self {
            path: shown.clone(),
            directory: directory.to_owned(),
            file: directory.join(FILE_NAME),
            shown_file: format!("{shown}/{FILE_NAME}"),
            shown_directory: shown,
        }
    }

    /// The product of a file, whatever the file is called.
    fn of_file(file: &Path) -> Self {
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        Self {
            path: file.display().to_string(),
            directory: directory.to_owned(),
            file: file.to_owned(),
            shown_directory: shown(directory),
            shown_file: file.display().to_string(),
        }
    }
}

fn shown(directory: &Path) -> String {
    let text = directory.display().to_string();
    let bare = text.trim_end_matches('/');
    if bare.is_empty() { text } else { bare.to_owned() }
}

/// What lies below some paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// The products, in the order of their paths.
    pub products: Vec<Product>,
    /// What looks as if it were meant for a product and is seen by nobody.
    pub notices: Vec<Notice>,
}

/// Something that the programme's workflow passes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The path.
    pub path: String,
    /// What is the matter.
    pub message: String,
}

/// The path can't be searched.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DiscoverError {
    /// It can't be read.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing to validate is there.
    #[error("there is no PRODUCT.yaml in or below `{}`", .0.display())]
    #[diagnostic(help("give a PRODUCT.yaml, its directory, or a checkout of the programme's repository"))]
    Nothing(PathBuf),
}

/// Finds what a path stands for: a `PRODUCT.yaml`, the directory that holds one, or a tree of them. Directories
/// behind symbolic links are not entered.
///
/// # Errors
/// When the path can't be read or holds no product.
pub fn discover(path: &Path) -> Result<Discovered, DiscoverError> {
    let unreadable = |source| DiscoverError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut found = Discovered::default();
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        search(path, 0, &mut found).map_err(unreadable)?;
        if found.products.is_empty() {
            return Err(DiscoverError::Nothing(path.to_owned()));
        }
    } else {
        found.products.push(Product::of_file(path));
    }
    Ok(found)
}

fn search(directory: &Path, depth: usize, found: &mut Discovered) -> io::Result<()> {
    let file = directory.join(FILE_NAME);
    // Also a link that leads nowhere: the validator would try to read it.
    if fs::symlink_metadata(&file).is_ok() {
        found.products.push(Product::in_directory(directory));
        return Ok(());
    }
    let mut names: Vec<(String, bool)> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        names.push((name, entry.file_type()?.is_dir()));
    }
    names.sort();
    let in_version = directory
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str())
        .and_then(version_of);
    for (name, is_directory) in names {
        let path = directory.join(&name);
        let looks_meant = matches!(name.to_ascii_lowercase().as_str(), "product.yaml" | "product.yml");
        if looks_meant && !is_directory {
            let message = format!("is seen by nobody: the file must be called {FILE_NAME}");
            found.notices.push(Notice {
                path: path.display().to_string(),
                message,
            });
        }
        if is_directory && !name.starts_with('.') && depth < MAX_DEPTH {
            let before = found.products.len();
            // A directory that can't be read is named, the others are still looked at.
            if let Err(error) = search(&path, depth + 1, found) {
                let message = format!("can't be read: {error}");
                found.notices.push(Notice {
                    path: path.display().to_string(),
                    message,
                });
            }
            let is_version = directory
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(version_of)
                .is_some();
            if is_version && in_version.is_none() && found.products.len() == before {
                let message = format!("holds no {FILE_NAME}");
                found.notices.push(Notice {
                    path: path.display().to_string(),
                    message,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_found_and_what_is_misnamed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for directory in ["v1.37/b", "v1.37/a", "v1.37/c", ".git/x", "docs"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for file in [
            "v1.37/b/PRODUCT.yaml",
            "v1.37/a/PRODUCT.yaml",
            "v1.37/c/product.yaml",
            ".git/x/PRODUCT.yaml",
        ] {
            fs::write(at(file), "").unwrap();
        }
        let found = discover(folder.path()).unwrap();
        let names: Vec<_> = found
            .products
            .iter()
            .map(|product| product.directory.clone())
            .collect();
        assert_eq!(names, [at("v1.37/a"), at("v1.37/b")]);
        let notices: Vec<_> = found.notices.iter().map(|notice| notice.path.clone()).collect();
        assert_eq!(
            notices,
            [
                at("v1.37/c/product.yaml").display().to_string(),
                at("v1.37/c").display().to_string()
            ]
        );
        assert!(matches!(discover(&at("docs")), Err(DiscoverError::Nothing(_))));
        assert!(matches!(
            discover(&at("nowhere")),
            Err(DiscoverError::Unreadable { .. })
        ));
    }
}
