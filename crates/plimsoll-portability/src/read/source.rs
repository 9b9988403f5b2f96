//! Where manifests come from, and the cutting into documents.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Document, Manifests, Note, ReadFault, template};
use crate::node::{Content, Node};

/// How much is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one document.
    pub document: usize,
    /// Bytes of all documents.
    pub total: usize,
}

impl Default for Limits {
    /// More than an API server stores, and what a hundred megabytes of memory are enough for.
    fn default() -> Self {
        Self {
            document: 4 << 20,
            total: 12 << 20,
        }
    }
}

/// A source of manifests.
pub enum Source {
    /// A file, or a folder with all that is below it.
    Path(PathBuf),
    /// Something that is read once, and its name.
    Stream(String, Box<dyn Read>),
}

impl Source {
    pub(super) fn read(
        self,
        limits: Limits,
        budget: &mut usize,
        manifests: &mut Manifests,
    ) -> Result<(), Vec<ReadFault>> {
        match self {
            Self::Stream(name, stream) => Stream::new(&name, stream).read(limits, budget, manifests),
            Self::Path(path) => {
                let files = files(&path).map_err(|fault| vec![fault])?;
                let mut faults = Vec::new();
                for file in files {
                    let name = file.display().to_string();
                    let read = match File::open(&file) {
                        Ok(stream) => Stream::new(&name, Box::new(stream)).read(limits, budget, manifests),
                        Err(source) => Err(vec![ReadFault::Unreadable { file: name, source }]),
                    };
                    if let Err(mut found) = read {
                        faults.append(&mut found);
                    }
                }
                if faults.is_empty() { Ok(()) } else { Err(faults) }
            }
        }
    }
}

/// The manifests at a path, sorted. Links to folders are not followed: they may lead in circles.
fn files(path: &Path) -> Result<Vec<PathBuf>, ReadFault> {
    let unreadable = |path: &Path, source| ReadFault::Unreadable {
        file: path.display().to_string(),
        source,
    };
    let kind = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if !kind.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| unreadable(&folder, source))?;
            let kind = entry.file_type().map_err(|source| unreadable(&folder, source))?;
            let path = entry.path();
            if kind.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(ReadFault::Empty {
            file: path.display().to_string(),
        });
    }
    Ok(found)
}

struct Stream {
    file: Arc<str>,
    reader: BufReader<Box<dyn Read>>,
}

impl Stream {
    fn new(name: &str, reader: Box<dyn Read>) -> Self {
        Self {
            file: name.into(),
            reader: BufReader::new(reader),
        }
    }

    fn read(
        mut self,
        limits: Limits,
        budget: &mut usize,
        manifests: &mut Manifests,
    ) -> Result<(), Vec<ReadFault>> {
        let file = Arc::clone(&self.file);
        let mut faults = Vec::new();
        let mut document = Vec::new();
        let (mut begins, mut line) = (1_u32, 0_u32);
        loop {
            let before = document.len();
            let room = limits.document.saturating_sub(before) + 1;
            let read = (&mut self.reader)
                .take(room as u64)
                .read_until(b'\n', &mut document);
            let length = match read {
                Ok(length) => length,
                Err(source) => {
                    faults.push(ReadFault::Unreadable {
                        file: file.to_string(),
                        source,
                    });
                    return Err(faults);
                }
            };
            if length > 0 {
                line += 1;
            }
            if document.len() > limits.document {
                faults.push(ReadFault::DocumentTooLarge {
                    file: file.to_string(),
                    line: begins,
                    limit: limits.document,
                });
                return Err(faults);
            }
            let ends = length == 0;
            let marker = !ends && is_marker(&document[before..]);
            if ends || marker {
                let rest = if marker {
                    document.split_off(before)
                } else {
                    Vec::new()
                };
                let Some(left) = budget.checked_sub(document.len()) else {
                    faults.push(ReadFault::TooLarge {
                        file: file.to_string(),
                        line: begins,
                        limit: limits.total,
                    });
                    return Err(faults);
                };
                *budget = left;
                if let Err(fault) = take(&file, begins, document, manifests) {
                    faults.push(fault);
                }
                document = after_marker(rest);
                begins = if document.is_empty() { line + 1 } else { line };
            }
            if ends {
                return if faults.is_empty() { Ok(()) } else { Err(faults) };
            }
        }
    }
}

/// Whether a line begins or ends a document.
fn is_marker(line: &[u8]) -> bool {
    (line.starts_with(b"---") || line.starts_with(b"...")) && line.get(3).is_none_or(u8::is_ascii_whitespace)
}

/// What stands behind `---` on its line, which belongs to the document.
fn after_marker(line: Vec<u8>) -> Vec<u8> {
    let rest = line.get(3..).unwrap_or_default();
    let bare =
        rest.trim_ascii().is_empty() || rest.trim_ascii().starts_with(b"#") || line.starts_with(b"...");
    if bare { Vec::new() } else { [b"   ", rest].concat() }
}

/// Takes one document in.
fn take(file: &Arc<str>, line: u32, bytes: Vec<u8>, manifests: &mut Manifests) -> Result<(), ReadFault> {
    let text = String::from_utf8(bytes).map_err(|_| ReadFault::NotText {
        file: file.to_string(),
        line,
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let empty = text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if empty {
        return Ok(());
    }
    let node = match Node::parse(&text) {
        Ok(mut node) => {
            node.shift(line - 1);
            node
        }
        Err(fault) => {
            if let Some(placeholder) = template::placeholder_in_text(&text) {
                manifests.documents.push(Document {
                    file: Arc::clone(file),
                    line,
                    node: head_of_template(&text),
                    text: Some(text),
                    unrendered: Some(placeholder),
                });
                return Ok(());
            }
            return Err(ReadFault::Syntax {
                file: file.to_string(),
                line: fault.line.saturating_add(line - 1),
                column: fault.column,
                message: fault.message,
            });
        }
    };
    admit(file, line, Some(text), node, manifests);
    Ok(())
}

/// Takes an object in, or the objects of a list.
fn admit(file: &Arc<str>, line: u32, text: Option<String>, mut node: Node, manifests: &mut Manifests) {
    let kind = node.get("kind").text().unwrap_or_default();
    if kind.ends_with("List") && matches!(node.get("items").content, Content::List(_)) {
        if let Some(Content::List(items)) = node.remove("items").map(|items| items.content) {
            for item in items {
                let line = item.line.max(line);
                admit(file, line, None, item, manifests);
            }
        }
        return;
    }
    if kind.is_empty() || node.get("apiVersion").text().is_none() {
        manifests.notes.push(Note {
            file: Arc::clone(file),
            line,
            text: "not an object of Kubernetes: it has no apiVersion and kind".to_owned(),
        });
        return;
    }
    let unrendered = template::placeholder_in_object(&node);
    let mut document = Document {
        file: Arc::clone(file),
        line: node.line.max(line),
        text,
        node,
        unrendered,
    };
    document.reduce();
    manifests.documents.push(document);
}

/// What a template says of its kind where that is plain text.
fn head_of_template(text: &str) -> Node {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .filter(|value| !value.is_empty() && !value.contains("{{"))
            .unwrap_or("unknown")
            .to_owned()
    };
    serde_json::json!({"apiVersion": field("apiVersion"), "kind": field("kind"), "metadata": {"name": "unrendered"}}).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read;

    fn of(text: &str, limits: Limits) -> Result<Manifests, super::super::ReadError> {
        read(
            vec![Source::Stream(
                "-".to_owned(),
                Box::new(std::io::Cursor::new(text.to_owned())),
            )],
            limits,
        )
    }

    fn titles(manifests: &Manifests) -> Vec<String> {
        manifests.documents.iter().map(Document::title).collect()
    }

    #[test]
    fn documents_are_cut_where_yaml_says_and_know_their_lines() {
        let text = "# head\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n--- # second\n\n---\n{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}}\n...\n";
        let manifests = of(text, Limits::default()).unwrap();
        assert_eq!(titles(&manifests), ["Pod/a", "Pod/b"]);
        assert_eq!((manifests.documents[0].line, manifests.documents[1].line), (3, 9));
    }

    #[test]
    fn a_list_is_taken_apart() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n";
        let manifests = of(text, Limits::default()).unwrap();
        assert_eq!(titles(&manifests), ["Pod/a", "Service/b"]);
        assert_eq!(manifests.documents[1].line, 5);
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_places() {
        let error = of("a: [\n---\nb: {\n", Limits::default()).unwrap_err();
        assert_eq!(error.faults.len(), 2, "{error}");
        assert!(error.to_string().contains("-:3:"), "{error}");
    }

    #[test]
    fn too_much_is_refused_and_not_read_to_its_end() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(b'a');
                Ok(buffer.len())
            }
        }
        let endless = Source::Stream("-".to_owned(), Box::new(Endless));
        let error = read(vec![endless], Limits::default()).unwrap_err();
        assert!(
            matches!(error.faults[0], ReadFault::DocumentTooLarge { .. }),
            "{error}"
        );

        let many = "---\napiVersion: v1\nkind: Pod\n".repeat(10);
        let small = Limits {
            document: 1000,
            total: 100,
        };
        assert!(matches!(
            of(&many, small).unwrap_err().faults[0],
            ReadFault::TooLarge { .. }
        ));
    }

    #[test]
    fn an_unrendered_template_is_told_and_does_not_end_the_reading() {
        let text = "{{- if .Values.on }}\napiVersion: apps/v1\nkind: Deployment\n{{- end }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
        let manifests = of(text, Limits::default()).unwrap();
        assert_eq!(manifests.documents[0].kind(), "Deployment");
        assert_eq!(
            manifests.documents[0].unrendered.as_deref(),
            Some("{{- if .Values.on }}")
        );
        assert_eq!(manifests.documents[1].unrendered, None);
    }

    #[test]
    fn what_is_no_object_is_a_note() {
        let manifests = of("replicas: 3\n", Limits::default()).unwrap();
        assert_eq!((manifests.documents.len(), manifests.notes.len()), (0, 1));
    }
}
