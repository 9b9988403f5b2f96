//! From a file to a [`Checklist`], or to all that is wrong with it.

use std::{collections::BTreeMap, path::Path};

use miette::NamedSource;

use super::{
    Checklist, Entry, Fault, FaultKind, FaultyChecklist, Field, LoadError, Place, Section, Status,
    yaml::{self, Key, Node, Value},
};
use crate::{Level, RequirementId, read_bounded};

/// The official ones have 20 KB.
const MOST_BYTES: u64 = 1 << 20;

impl Checklist {
    /// Reads a checklist file.
    ///
    /// # Errors
    /// When the file can't be read or is no checklist; then with all its faults.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let bytes = read_bounded(path, MOST_BYTES).map_err(|source| LoadError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|error| not_text(&file, &error))?;
        Ok(Self::parse(&file, &text)?)
    }

    /// Parses a checklist; `file` is what errors call it.
    ///
    /// # Errors
    /// When the text is no checklist; then with all its faults.
    pub fn parse(file: &str, text: &str) -> Result<Self, Box<FaultyChecklist>> {
        let mut loader = Loader {
            file,
            text,
            faults: Vec::new(),
            seen: BTreeMap::new(),
        };
        let checklist = match yaml::parse(file, text) {
            Ok(root) => loader.checklist(&root),
            Err(fault) => {
                loader.faults.push(*fault);
                None
            }
        };
        match checklist {
            Some(checklist) if loader.faults.is_empty() => Ok(checklist),
            _ => Err(faulty(file, text.to_owned(), loader.faults)),
        }
    }
}

fn faulty(file: &str, text: String, mut faults: Vec<Fault>) -> Box<FaultyChecklist> {
    faults.sort_by_key(|fault| fault.place);
    Box::new(FaultyChecklist {
        file: file.to_owned(),
        text: NamedSource::new(file, text),
        faults,
    })
}

fn not_text(file: &str, error: &std::string::FromUtf8Error) -> Box<FaultyChecklist> {
    let valid = error.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    let place = Place {
        line,
        column,
        offset: valid,
        length: 1,
    };
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    faulty(file, text, vec![Fault::new(file, place, "", FaultKind::NotText)])
}

/// Walks the tree and collects faults; a method returns `None` where it noted why it has nothing.
struct Loader<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<Fault>,
    /// The line of each id.
    seen: BTreeMap<String, usize>,
}

impl Loader<'_> {
    fn fault<T>(&mut self, place: Place, field: &str, kind: FaultKind) -> Option<T> {
        self.faults.push(Fault::new(self.file, place, field, kind));
        None
    }

    fn checklist(&mut self, root: &Node) -> Option<Checklist> {
        let fields = self.mapping(root, "")?;
        let metadata = self
            .part(root, fields, "metadata")
            .and_then(|node| self.metadata(node));
        let sections = self
            .part(root, fields, "spec")
            .and_then(|node| self.sections(node));
        Some(Checklist {
            metadata: metadata?,
            sections: sections?,
        })
    }

    /// A part that the document must have.
    fn part<'n>(&mut self, root: &Node, fields: &'n [(Key, Node)], name: &str) -> Option<&'n Node> {
        match get(fields, name) {
            Some(node) if !matches!(node.value, Value::Null) => Some(node),
            Some(node) => self.fault(node.place, name, FaultKind::Missing),
            None => self.fault(start(root), name, FaultKind::Missing),
        }
    }

    fn metadata(&mut self, node: &Node) -> Option<Vec<Field>> {
        let fields = self.mapping(node, "metadata")?;
        let mut metadata = Vec::new();
        for (key, value) in fields {
            match value.text(self.text) {
                Ok(text) => metadata.push(Field {
                    name: key.name.clone(),
                    text,
                    place: value.place,
                }),
                Err(kind) => {
                    self.fault::<()>(value.place, &format!("metadata.{}", key.name), kind);
                }
            }
        }
        Some(metadata)
    }

    fn sections(&mut self, node: &Node) -> Option<Vec<Section>> {
        let fields = self.mapping(node, "spec")?;
        let mut sections = Vec::new();
        for (key, value) in fields {
            let field = format!("spec.{}", key.name);
            let requirements = match self.list(value, &field) {
                Some(nodes) => nodes
                    .iter()
                    .enumerate()
                    .filter_map(|(index, node)| self.entry(node, &format!("{field}[{index}]")))
                    .collect(),
                None => Vec::new(),
            };
            sections.push(Section {
                name: key.name.clone(),
                place: key.place,
                requirements,
            });
        }
        Some(sections)
    }

    fn entry(&mut self, node: &Node, field: &str) -> Option<Entry> {
        let fields = self.mapping(node, field)?;
        // Each is looked at before any is asked for, so that all faults of the entry are found.
        let id = self
            .required(node, fields, field, "id")
            .and_then(|(id, place)| self.id(id, place, field));
        let description = self.required(node, fields, field, "description");
        let level = self
            .required(node, fields, field, "level")
            .and_then(|(text, place)| match text.as_str() {
                "MUST" => Some(Level::Must),
                "SHOULD" => Some(Level::Should),
                _ => self.fault(
                    place,
                    &format!("{field}.level"),
                    FaultKind::UnknownLevel { found: text },
                ),
            });
        let status = self.optional(fields, field, "status");
        let evidence = self.evidence(fields, field);
        let notes = self.optional(fields, field, "notes");
        Some(Entry {
            id: RequirementId::from(id?),
            description: description?.0,
            level: level?,
            status: Status::from(status?),
            evidence: evidence?,
            notes: notes?,
            place: node.place,
        })
    }

    fn id(&mut self, id: String, place: Place, field: &str) -> Option<String> {
        match self.seen.get(&id) {
            Some(&first) => self.fault(
                place,
                &format!("{field}.id"),
                FaultKind::DuplicateId { id, first },
            ),
            None => {
                self.seen.insert(id.clone(), place.line);
                Some(id)
            }
        }
    }

    fn evidence(&mut self, fields: &[(Key, Node)], field: &str) -> Option<Vec<String>> {
        let Some(node) = get(fields, "evidence") else {
            return Some(Vec::new());
        };
        let field = format!("{field}.evidence");
        let mut evidence = Vec::new();
        for (index, item) in self.list(node, &field)?.iter().enumerate() {
            match item.text(self.text) {
                Ok(text) => evidence.push(text.unwrap_or_default()),
                Err(kind) => {
                    self.fault::<()>(item.place, &format!("{field}[{index}]"), kind);
                }
            }
        }
        Some(evidence)
    }

    fn required(
        &mut self,
        entry: &Node,
        fields: &[(Key, Node)],
        field: &str,
        name: &str,
    ) -> Option<(String, Place)> {
        let field = format!("{field}.{name}");
        let Some(node) = get(fields, name) else {
            return self.fault(start(entry), &field, FaultKind::Missing);
        };
        match node.text(self.text) {
            Ok(Some(text)) if !text.trim().is_empty() => Some((text, node.place)),
            Ok(_) => self.fault(node.place, &field, FaultKind::Missing),
            Err(kind) => self.fault(node.place, &field, kind),
        }
    }

    fn optional(&mut self, fields: &[(Key, Node)], field: &str, name: &str) -> Option<String> {
        let Some(node) = get(fields, name) else {
            return Some(String::new());
        };
        match node.text(self.text) {
            Ok(text) => Some(text.unwrap_or_default()),
            Err(kind) => self.fault(node.place, &format!("{field}.{name}"), kind),
        }
    }

    fn mapping<'n>(&mut self, node: &'n Node, field: &str) -> Option<&'n [(Key, Node)]> {
        match &node.value {
            Value::Mapping(fields) => Some(fields),
            Value::Null | Value::Text(_) | Value::Other(_) | Value::List(_) => {
                let kind = FaultKind::WrongKind {
                    expected: "a mapping",
                    found: node.kind(),
                };
                self.fault(node.place, field, kind)
            }
        }
    }

    /// A list; nothing counts as an empty one.
    fn list<'n>(&mut self, node: &'n Node, field: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::Null => Some(&[]),
            Value::List(nodes) => Some(nodes),
            Value::Text(_) | Value::Other(_) | Value::Mapping(_) => {
                let kind = FaultKind::WrongKind {
                    expected: "a list",
                    found: node.kind(),
                };
                self.fault(node.place, field, kind)
            }
        }
    }
}

fn get<'n>(fields: &'n [(Key, Node)], name: &str) -> Option<&'n Node> {
    fields
        .iter()
        .find(|(key, _)| key.name == name)
        .map(|(_, node)| node)
}

/// Where a node begins, for what is missing in it: its whole extent would underline pages.
fn start(node: &Node) -> Place {
    Place {
        length: node.place.length.min(1),
        ..node.place
    }
}
