//! What a path says: the version, the product, and where an evidence entry leads.

use std::path::{Component, Path, PathBuf};

/// A name of the form `v<digits>.<digits>`; gives what follows the `v`.
pub(super) fn version_of(name: &str) -> Option<&str> {
    let version = name.strip_prefix('v')?;
    let (major, minor) = version.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor)).then_some(version)
}

/// Where in the programme's repository a product lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The version, such as `1.37`.
    pub(super) version: String,
    /// Its own prefix, such as `v1.37/acme/`.
    pub(super) prefix: String,
    /// The product's directory as an absolute path.
    pub(super) directory: PathBuf,
}

impl Location {
    /// Reads a product directory's path. The directory above the product decides if it is a version; else the
    /// first component that is one, in the path as given and then in the absolute one.
    pub(super) fn of(given: &Path) -> Option<Self> {
        let directory = std::path::absolute(given).unwrap_or_else(|_| given.to_owned());
        let directory = cleaned(&directory);
        let names = |path: &Path| -> Vec<String> {
            path.components()
                .filter_map(|component| match component {
                    Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                    Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
                        None
                    }
                })
                .collect()
        };
        let all = names(&directory);
        let name = all.last()?.clone();
        let above = all.len().checked_sub(2).and_then(|above| version_of(&all[above]));
        let given = names(given);
        let version = above
            .or_else(|| given.iter().find_map(|name| version_of(name)))
            .or_else(|| all.iter().find_map(|name| version_of(name)))?
            .to_owned();
        let prefix = format!("v{version}/{name}/");
        Some(Self {
            version,
            prefix,
            directory,
        })
    }
}

/// The path without `.` and `..`, by its text alone.
pub(super) fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => clean.push(component),
        }
    }
    clean
}

/// Where a local evidence entry leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Local {
    /// No path is left.
    Nothing,
    /// Into another product's directory.
    OtherProduct,
    /// Out of the product's directory, or to the directory itself.
    Outside,
    /// To a file: its path in the product's directory.
    File(String),
}

/// Resolves a local evidence entry by its text; gives the fragment, too.
pub(super) fn local(entry: &str, location: &Location) -> (Local, Option<String>) {
    let entry = entry.trim();
    let entry = entry.strip_prefix("file://").unwrap_or(entry);
    let (path, fragment) = match entry.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment.to_owned())),
        None => (entry, None),
    };
    let path = path.trim();
    let path = path.strip_prefix('/').unwrap_or(path);
    let leads = if path.is_empty() {
        Local::Nothing
    } else if let Some(own) = path.strip_prefix(&location.prefix) {
        inside(own, location)
    } else if is_product_path(path) {
        Local::OtherProduct
    } else {
        inside(path, location)
    };
    (leads, fragment.filter(|fragment| !fragment.is_empty()))
}

/// `v<digits>.<digits>/<something>/` and anything.
fn is_product_path(path: &str) -> bool {
    let mut parts = path.splitn(3, '/');
    let (version, product, rest) = (parts.next(), parts.next(), parts.next());
    version.is_some_and(|version| version_of(version).is_some())
        && product.is_some_and(|product| !product.is_empty())
        && rest.is_some()
}

fn inside(path: &str, location: &Location) -> Local {
    // Joined by text: an absolute path must not replace the directory.
    let joined = format!("{}/{path}", location.directory.display());
    let clean = cleaned(Path::new(&joined));
    match clean.strip_prefix(&location.directory) {
        Ok(rest) if rest.as_os_str().is_empty() => Local::Outside,
        Ok(rest) => Local::File(rest.to_string_lossy().into_owned()),
        Err(_) => Local::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location() -> Location {
        Location::of(Path::new("/repo/v1.37/acme")).unwrap()
    }

    fn leads(entry: &str) -> Local {
        local(entry, &location()).0
    }

    fn file(path: &str) -> Local {
        Local::File(path.to_owned())
    }

    #[test]
    fn the_directory_above_the_product_names_the_version() {
        for (path, version) in [
            ("/repo/v1.37/acme", Some("1.37")),
            ("/home/v1.2/repo/v1.36/acme/", Some("1.36")),
            ("v1.99/x/y", Some("1.99")),
            ("/repo/v1.37/acme/../other", Some("1.37")),
            ("/repo/submissions/acme", None),
            ("/repo/v1.37x/acme", None),
        ] {
            let found = Location::of(Path::new(path)).map(|location| location.version);
            assert_eq!(found.as_deref(), version, "{path}");
        }
        assert_eq!(location().prefix, "v1.37/acme/");
    }

    #[test]
    fn entries_lead_where_the_programme_s_rules_say() {
        assert_eq!(leads("  "), Local::Nothing);
        assert_eq!(leads("file://#TestX"), Local::Nothing);
        assert_eq!(leads("file:///docs/a.md"), file("docs/a.md"));
        assert_eq!(leads("v1.37/acme/junit.xml"), file("junit.xml"));
        assert_eq!(leads("v1.37/other/junit.xml"), Local::OtherProduct);
        assert_eq!(leads("v1.37/notes.md"), file("v1.37/notes.md"));
        assert_eq!(leads("../acme/x.md"), file("x.md"));
        assert_eq!(leads("../../docs/x.yaml"), Local::Outside);
        assert_eq!(leads("file://../../etc/passwd"), Local::Outside);
        assert_eq!(leads("a/.."), Local::Outside);
        assert_eq!(leads("v1.37/acme/"), Local::Outside);
        assert_eq!(leads("//etc/passwd"), file("etc/passwd"));
        assert_eq!(leads("ftp://x/y"), file("ftp:/x/y"));
        let (_, fragment) = local("file://junit.xml#TestA/B#c", &location());
        assert_eq!(fragment.as_deref(), Some("TestA/B#c"));
    }
}
