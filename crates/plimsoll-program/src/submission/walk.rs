//! Walking a document as the validator's decoder does: aliases are followed and counted, keys are unique,
//! merges are resolved.

use std::collections::{HashMap, HashSet};

use super::{Broken, BrokenKind};
use crate::{
    checklist::Place,
    yaml::{Document, Kind, NodeId, Resolved, resolve},
};

/// The decoder gave up on the whole file: R04.
pub(super) struct GivenUp;

/// A mapping's entries, merged ones last.
pub(super) type Entries = Vec<(NodeId, NodeId)>;

/// Walks a document and keeps what is wrong with it.
pub(super) struct Walk<'d> {
    pub(super) document: &'d Document,
    pub(super) broken: Vec<Broken>,
    decoded: u32,
    aliased: u32,
    /// The aliases that are being followed right now.
    following: HashSet<NodeId>,
}

enum Step {
    Visit(NodeId),
    Leave(NodeId),
}

impl<'d> Walk<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self {
            document,
            broken: Vec::new(),
            decoded: 0,
            aliased: 0,
            following: HashSet::new(),
        }
    }

    pub(super) fn place(&self, id: NodeId) -> Place {
        self.document.node(id).place
    }

    pub(super) fn note(&mut self, kind: BrokenKind, place: Place, message: String) {
        self.broken.push(Broken { kind, place, message });
    }

    /// Only what made the decoder give up counts then.
    pub(super) fn give_up<T>(&mut self, place: Place, message: String) -> Result<T, GivenUp> {
        self.broken.clear();
        self.note(BrokenKind::Yaml, place, message);
        Err(GivenUp)
    }

    /// Counts a decoded value. A file most of which comes from aliases is refused, the sooner the bigger.
    fn count(&mut self, id: NodeId) -> Result<(), GivenUp> {
        self.decoded = self.decoded.saturating_add(1);
        if !self.following.is_empty() {
            self.aliased = self.aliased.saturating_add(1);
        }
        let allowed = match self.decoded {
            0..=400_000 => 0.99,
            4_000_000.. => 0.10,
            decoded => 0.99 - 0.89 * f64::from(decoded - 400_000) / 3_600_000.0,
        };
        let excessive = f64::from(self.aliased) / f64::from(self.decoded) > allowed;
        if self.aliased > 100 && self.decoded > 1000 && excessive {
            return self.give_up(
                self.place(id),
                "repeats values by aliases out of all proportion".to_owned(),
            );
        }
        Ok(())
    }

    /// Counts a value and enters the alias it may be; [`Walk::leave`] with what is returned ends it.
    pub(super) fn enter(&mut self, id: NodeId) -> Result<NodeId, GivenUp> {
        self.count(id)?;
        let Kind::Alias(target) = self.document.node(id).kind else {
            return Ok(id);
        };
        if !self.following.insert(id) {
            return self.give_up(self.place(id), "has an anchor that contains itself".to_owned());
        }
        self.count(target)?;
        Ok(target)
    }

    pub(super) fn leave(&mut self, id: NodeId) {
        self.following.remove(&id);
    }

    /// What a scalar is; its tag may ask for what it is not.
    pub(super) fn scalar(&mut self, id: NodeId) -> Result<Option<(&'d str, Resolved)>, GivenUp> {
        let node = self.document.node(id);
        let Kind::Scalar { text, plain } = &node.kind else {
            return Ok(None);
        };
        match resolve(text, *plain, node.tag.as_deref()) {
            Ok(resolved) => Ok(Some((text, resolved))),
            Err(message) => self.give_up(node.place, message),
        }
    }

    /// Whether all keys of a mapping differ; notes those that don't.
    pub(super) fn unique(&mut self, id: NodeId) -> bool {
        let Kind::Mapping(entries) = &self.document.node(id).kind else {
            return true;
        };
        let mut first: HashMap<(u8, &str, NodeId), usize> = HashMap::new();
        let before = self.broken.len();
        for (key, _) in entries {
            let node = self.document.node(*key);
            // Keys that are collections count as equal; the library compares texts only.
            let identity = match &node.kind {
                Kind::Scalar { text, .. } => (0, &**text, 0),
                Kind::List(_) => (1, "", 0),
                Kind::Mapping(_) => (2, "", 0),
                Kind::Alias(target) => (3, "", *target),
            };
            if let Some(line) = first.get(&identity) {
                let message = format!("has the key `{}` twice, first in line {line}", identity.1);
                self.note(BrokenKind::DuplicateKey, node.place, message);
            } else {
                first.insert(identity, node.place.line);
            }
        }
        self.broken.len() == before
    }

    /// The entries of a mapping, then those that merge keys bring and that it does not have itself. `None`:
    /// a key stands twice.
    pub(super) fn entries(&mut self, id: NodeId) -> Result<Option<Entries>, GivenUp> {
        let mut entries = Entries::new();
        let mut names: HashSet<&'d str> = HashSet::new();
        let mut pending = vec![id];
        let mut merged: HashSet<NodeId> = HashSet::new();
        while let Some(mapping) = pending.pop() {
            if !self.unique(mapping) {
                return Ok(None);
            }
            let Kind::Mapping(own) = &self.document.node(mapping).kind else {
                continue;
            };
            let mut sources = Vec::new();
            for (key, value) in own {
                if self.document.is_merge(*key) {
                    self.merge_sources(*value, &mut sources)?;
                } else if let Kind::Scalar { text, .. } = &self.document.node(self.document.target(*key)).kind
                {
                    if names.insert(text) {
                        entries.push((*key, *value));
                    }
                } else {
                    entries.push((*key, *value));
                }
            }
            // The last pushed is looked at first, and the first source wins.
            for source in sources.into_iter().rev() {
                if source == id {
                    return self.give_up(self.place(source), "merges a mapping into itself".to_owned());
                }
                // What was merged already brings nothing new.
                if merged.insert(source) {
                    pending.push(source);
                }
            }
        }
        Ok(Some(entries))
    }

    fn merge_sources(&mut self, value: NodeId, sources: &mut Vec<NodeId>) -> Result<(), GivenUp> {
        let target = self.document.target(value);
        match &self.document.node(target).kind {
            Kind::Mapping(_) => {
                sources.push(target);
                return Ok(());
            }
            Kind::List(items) if target == value => {
                let mappings = items.iter().map(|item| self.document.target(*item));
                let mappings: Vec<NodeId> = mappings
                    .filter(|item| matches!(self.document.node(*item).kind, Kind::Mapping(_)))
                    .collect();
                if mappings.len() == items.len() {
                    sources.extend(mappings);
                    return Ok(());
                }
            }
            Kind::List(_) | Kind::Scalar { .. } | Kind::Alias(_) => {}
        }
        self.give_up(
            self.place(value),
            "merges (`<<`) something that is no mapping".to_owned(),
        )
    }

    /// Decodes a value whatever it is, to any depth.
    pub(super) fn any(&mut self, id: NodeId) -> Result<(), GivenUp> {
        let document = self.document;
        let mut steps = vec![Step::Visit(id)];
        while let Some(step) = steps.pop() {
            let id = match step {
                Step::Visit(id) => id,
                Step::Leave(id) => {
                    self.leave(id);
                    continue;
                }
            };
            let target = self.enter(id)?;
            if target != id {
                steps.push(Step::Leave(id));
            }
            self.scalar(target)?;
            match &document.node(target).kind {
                Kind::List(items) => steps.extend(items.iter().rev().map(|item| Step::Visit(*item))),
                Kind::Mapping(_) if !self.unique(target) => {}
                Kind::Mapping(entries) => {
                    for (key, value) in entries.iter().rev() {
                        let name = document.node(document.target(*key));
                        if !matches!(name.kind, Kind::Scalar { .. }) {
                            return self.give_up(name.place, "has a list or mapping as a key".to_owned());
                        }
                        if document.is_merge(*key) {
                            self.merge_sources(*value, &mut Vec::new())?;
                        }
                        steps.push(Step::Visit(*value));
                        steps.push(Step::Visit(*key));
                    }
                }
                Kind::Scalar { .. } | Kind::Alias(_) => {}
            }
        }
        Ok(())
    }
}
