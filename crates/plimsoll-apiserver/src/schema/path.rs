//! Where a value is in an object, as causes write it.

/// A path that grows and shrinks along a walk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    text: String,
}

impl Path {
    pub(crate) fn root() -> Self {
        Self::default()
    }

    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    /// `spec.replicas`.
    #[must_use]
    pub(crate) fn child(&self, name: &str) -> Self {
        let mut text = self.text.clone();
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(name);
        Self { text }
    }

    /// `containers[0]`.
    #[must_use]
    pub(crate) fn index(&self, index: usize) -> Self {
        self.key(&index.to_string())
    }

    /// `labels[app]`.
    #[must_use]
    pub(crate) fn key(&self, key: &str) -> Self {
        Self {
            text: format!("{}[{key}]", self.text),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.text.is_empty()
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.text
    }
}

impl From<&Path> for String {
    fn from(path: &Path) -> Self {
        path.text.clone()
    }
}
