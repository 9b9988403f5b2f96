//! YAML as the programme's validator understands it: one document as a tree whose nodes know their places.
//!
//! The validator is written in Go, so [`scalar`] follows the resolution rules of its YAML library; syntax is
//! the parser's. Aliases stay references: a file of a few lines that stands for billions of values costs
//! nothing until somebody walks it, and who walks it counts (see `submission`).

mod read;
mod scalar;

pub(crate) use read::{MAX_BYTES, read};
pub(crate) use scalar::{Resolved, resolve};

use crate::checklist::Place;

/// A node's number in its document.
pub(crate) type NodeId = u32;

/// The first document of a file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    nodes: Vec<Node>,
    /// None: the file holds no document.
    pub(crate) root: Option<NodeId>,
    /// Where a second document begins, which the validator never looks at.
    pub(crate) second: Option<Place>,
}

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// An explicit tag, `!!` for the core schema's.
    pub(crate) tag: Option<Box<str>>,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A scalar's text and whether it was written plain.
    Scalar { text: Box<str>, plain: bool },
    /// A sequence.
    List(Vec<NodeId>),
    /// Keys and values in the order of the file.
    Mapping(Vec<(NodeId, NodeId)>),
    /// A reference to an earlier node, which may contain this one.
    Alias(NodeId),
}

impl Document {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The node that an alias stands for, or the node itself. An alias of an alias can't be written.
    pub(crate) fn target(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            Kind::Scalar { .. } | Kind::List(_) | Kind::Mapping(_) => id,
        }
    }

    /// Whether the key is the merge key `<<`.
    pub(crate) fn is_merge(&self, key: NodeId) -> bool {
        let node = self.node(key);
        match &node.kind {
            Kind::Scalar { text, plain } => {
                &**text == "<<"
                    && (*plain || node.tag.is_some())
                    && matches!(node.tag.as_deref(), None | Some("!" | "!!merge"))
            }
            Kind::List(_) | Kind::Mapping(_) | Kind::Alias(_) => false,
        }
    }
}
