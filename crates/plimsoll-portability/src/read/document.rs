//! Documents: one object each.

use std::sync::Arc;

use crate::node::Node;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// The objects in the order of the input; lists are taken apart.
    pub documents: Vec<Document>,
    /// What people should know of the input.
    pub notes: Vec<Note>,
}

/// Something people should know of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// What.
    pub text: String,
}

/// One object.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file it is from; `-` for standard input.
    pub file: Arc<str>,
    /// Where it begins.
    pub line: u32,
    /// Its text; none for an item of a list.
    pub text: Option<String>,
    /// The object. Only head and metadata of what carries nothing that a platform could lack.
    pub node: Node,
    /// The placeholder of an unrendered template, if it is one.
    pub unrendered: Option<String>,
}

/// Kinds that every cluster takes and that need nothing of a platform: their bodies are not kept.
const PLAIN: &[&str] = &[
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "Namespace",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "CustomResourceDefinition",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "PriorityClass",
    "ResourceQuota",
    "LimitRange",
    "Endpoints",
    "EndpointSlice",
    "Lease",
];

impl Document {
    /// Its `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.node.get("apiVersion").text().unwrap_or_default()
    }

    /// Its API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Its API version without the group.
    #[must_use]
    pub fn version(&self) -> &str {
        self.api_version()
            .rsplit_once('/')
            .map_or(self.api_version(), |(_, version)| version)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.node.get("kind").text().unwrap_or_default()
    }

    /// Its name, or the beginning of it.
    #[must_use]
    pub fn name(&self) -> &str {
        let metadata = self.node.get("metadata");
        metadata
            .get("name")
            .text()
            .or_else(|| metadata.get("generateName").text())
            .unwrap_or_default()
    }

    /// Its namespace; empty where that is left to who applies it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.node.at("metadata.namespace").text().unwrap_or_default()
    }

    /// `Kind/name`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// Whether it needs nothing of a platform.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let builtin =
            self.group().is_empty() || self.group().ends_with(".k8s.io") || self.group() == "policy";
        builtin && PLAIN.contains(&self.kind())
    }

    /// Forgets the body of what needs nothing.
    pub(super) fn reduce(&mut self) {
        if self.is_plain()
            && self.text.is_some()
            && let crate::node::Content::Map(entries) = &mut self.node.content
        {
            entries.retain(|(key, _)| matches!(key.as_str(), "apiVersion" | "kind" | "metadata"));
        }
    }

    /// The whole object, read again where its body was not kept.
    #[must_use]
    pub fn whole(&self) -> Node {
        match &self.text {
            Some(text) if self.is_plain() => Node::parse(text).unwrap_or_else(|_| self.node.clone()),
            _ => self.node.clone(),
        }
    }
}
