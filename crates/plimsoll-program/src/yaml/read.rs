//! From bytes to a [`Document`].

use std::collections::HashMap;

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, Tag};

use super::{Document, Kind, Node, NodeId};
use crate::checklist::Place;

/// No larger file is read. Published ones have some twenty kilobytes.
pub(crate) const MAX_BYTES: u64 = 4 << 20;
/// No more values are kept, so that memory stays small.
const MAX_NODES: usize = 400_000;
/// As deep as the validator's own parser goes.
const MAX_DEPTH: usize = 10_000;

/// Why a file is no YAML, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlFault {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// Parses the first document of a file. Gives the text as well, decoded, for spans point into it.
pub(crate) fn read(bytes: &[u8]) -> (String, Result<Document, YamlFault>) {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err((text, fault)) => return (text, Err(fault)),
    };
    let document = control_character(&text).map_or_else(|| Builder::default().build(&text), Err);
    (text, document)
}

/// UTF-8, or UTF-16 with a byte order mark; the mark itself is dropped.
fn decode(bytes: &[u8]) -> Result<String, (String, YamlFault)> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        let text = String::from_utf16_lossy(&units);
        if rest.len().is_multiple_of(2) && String::from_utf16(&units).is_ok() {
            return Ok(text);
        }
        let offset = text.find('\u{fffd}').unwrap_or(text.len());
        let fault = YamlFault {
            place: place_at(&text, offset),
            message: "is not valid UTF-16".to_owned(),
        };
        Err((text, fault))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let message = format!("is not valid UTF-8: byte 0x{byte:02x}");
        let place = place_at(&text, error.valid_up_to());
        (text, YamlFault { place, message })
    })
}

/// The first character that YAML does not allow in a file.
fn control_character(text: &str) -> Option<YamlFault> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let (offset, c) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let message = format!("has the control character U+{:04X}", u32::from(c));
    Some(YamlFault {
        place: place_at(text, offset),
        message,
    })
}

fn place_at(text: &str, offset: usize) -> Place {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        offset,
        length: text[offset..].chars().next().map_or(0, char::len_utf8),
    }
}

/// A collection that is open while its children come.
enum Open {
    List(NodeId, Vec<NodeId>),
    Mapping(NodeId, Vec<(NodeId, NodeId)>, Option<NodeId>),
}

#[derive(Default)]
struct Builder {
    document: Document,
    anchors: HashMap<usize, NodeId>,
    open: Vec<Open>,
}

impl Builder {
    fn build(mut self, text: &str) -> Result<Document, YamlFault> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = MAX_DEPTH;
        options.block_nesting_limit = MAX_DEPTH;
        let mut parser = Parser::new_from_str_with_options(text, options);
        let mut ended = false;
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                // What comes after the first document is none of the validator's business.
                Err(_) if ended => break,
                Err(error) => {
                    return Err(YamlFault {
                        place: spot(text, *error.marker()),
                        message: message(&error.info()),
                    });
                }
            };
            match event {
                Event::DocumentStart(..) if ended => {
                    self.document.second = Some(place(text, span));
                    break;
                }
                Event::DocumentEnd => ended = true,
                event => self.add(text, event, span)?,
            }
        }
        Ok(self.document)
    }

    fn add(&mut self, text: &str, event: Event<'_>, span: Span) -> Result<(), YamlFault> {
        let place = place(text, span);
        if self.document.nodes.len() >= MAX_NODES || self.open.len() > MAX_DEPTH {
            let message = format!("holds more than {MAX_NODES} values, or is nested deeper than {MAX_DEPTH}");
            return Err(YamlFault { place, message });
        }
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let kind = Kind::Scalar {
                    text: value.as_ref().into(),
                    plain,
                };
                let id = self.node(place, kind, tag.as_deref(), anchor);
                self.attach(id);
            }
            Event::Alias(anchor) => {
                let Some(&target) = self.anchors.get(&anchor) else {
                    return Err(YamlFault {
                        place,
                        message: "has an alias without its anchor".to_owned(),
                    });
                };
                let id = self.node(place, Kind::Alias(target), None, 0);
                self.attach(id);
            }
            Event::SequenceStart(_, anchor, tag) => {
                let id = self.node(place, Kind::List(Vec::new()), tag.as_deref(), anchor);
                self.open.push(Open::List(id, Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                let id = self.node(place, Kind::Mapping(Vec::new()), tag.as_deref(), anchor);
                self.open.push(Open::Mapping(id, Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(place),
            // Nothing that has a value.
            _ => {}
        }
        Ok(())
    }

    fn node(&mut self, place: Place, kind: Kind, tag: Option<&Tag>, anchor: usize) -> NodeId {
        // `MAX_NODES` is far below.
        let id = NodeId::try_from(self.document.nodes.len()).unwrap_or(NodeId::MAX);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        let tag = tag.map(short_tag);
        self.document.nodes.push(Node { place, kind, tag });
        id
    }

    fn attach(&mut self, id: NodeId) {
        match self.open.last_mut() {
            None => self.document.root = Some(id),
            Some(Open::List(_, items)) => items.push(id),
            Some(Open::Mapping(_, entries, key)) => match key.take() {
                Some(key) => entries.push((key, id)),
                None => *key = Some(id),
            },
        }
    }

    fn close(&mut self, end: Place) {
        let (id, kind) = match self.open.pop() {
            Some(Open::List(id, items)) => (id, Kind::List(items)),
            Some(Open::Mapping(id, entries, _)) => (id, Kind::Mapping(entries)),
            None => return,
        };
        let node = &mut self.document.nodes[id as usize];
        node.kind = kind;
        node.place.length = (end.offset + end.length).saturating_sub(node.place.offset);
        self.attach(id);
    }
}

/// `!!str` for `tag:yaml.org,2002:str`, as the validator's library has it.
fn short_tag(tag: &Tag) -> Box<str> {
    let (handle, suffix) = tag.parts();
    let whole = format!("{handle}{suffix}");
    match whole.strip_prefix("tag:yaml.org,2002:") {
        Some(core) => format!("!!{core}").into(),
        None => whole.into(),
    }
}

fn message(info: &str) -> String {
    format!(
        "is not valid YAML: {}",
        info.split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

fn spot(text: &str, at: Marker) -> Place {
    let offset = floor(text, at.byte_offset().unwrap_or(text.len()));
    Place {
        line: at.line().max(1),
        column: at.col() + 1,
        offset,
        length: 0,
    }
}

fn place(text: &str, span: Span) -> Place {
    let start = spot(text, span.start);
    let end = floor(text, span.end.byte_offset().unwrap_or(start.offset));
    Place {
        length: end.saturating_sub(start.offset),
        ..start
    }
}

fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
