//! One line: a name, labels in braces, a value, perhaps a time, perhaps an exemplar.

use std::collections::BTreeMap;

use super::Sample;

/// A name or a value longer than this is no label that anybody wants.
const TEXT_BYTES: usize = 2048;
/// So is a line, with all of its labels.
const LINE_BYTES: usize = 16 << 10;
/// No exporter has as many labels on one series.
const LABELS: usize = 64;

/// What is left of a line.
struct Rest<'a>(&'a str);

/// Reads a line that is neither empty nor a comment.
pub(super) fn sample(line: &str) -> Result<Sample, &'static str> {
    if line.len() > LINE_BYTES {
        return Err("a line that is too long");
    }
    let mut rest = Rest(line);
    let mut name = rest.name(true).map(str::to_owned);
    let mut labels = BTreeMap::new();
    rest.spaces();
    if rest.takes('{') {
        loop {
            rest.spaces();
            if rest.takes('}') {
                break;
            }
            // A name that is no identifier stands among the labels, in quotes.
            if rest.0.starts_with('"') {
                let quoted = rest.quoted()?;
                rest.spaces();
                if rest.takes('=') {
                    rest.spaces();
                    insert(&mut labels, quoted, rest.quoted()?)?;
                } else if name.is_none() {
                    name = Some(quoted);
                } else {
                    return Err("a label without a value");
                }
            } else {
                let label = rest.name(false).ok_or("no label where one is due")?.to_owned();
                rest.spaces();
                if !rest.takes('=') {
                    return Err("a label without a value");
                }
                rest.spaces();
                insert(&mut labels, label, rest.quoted()?)?;
            }
            rest.spaces();
            if !rest.takes(',') && !rest.0.starts_with('}') {
                return Err("labels that do not end");
            }
        }
    }
    let name = name.ok_or("no name")?;
    if name.len() > TEXT_BYTES {
        return Err("a name that is too long");
    }
    let mut words = rest.0.split_whitespace();
    let value = words.next().ok_or("no value")?;
    let value: f64 = value.parse().map_err(|_| "a value that is no number")?;
    match words.next() {
        None => {}
        // An exemplar says where a value came from.
        Some(word) if word.starts_with('#') => {}
        Some(time) => {
            let _: f64 = time.parse().map_err(|_| "a time that is no number")?;
            if words.next().is_some_and(|word| !word.starts_with('#')) {
                return Err("more than a value and a time");
            }
        }
    }
    Ok(Sample { name, labels, value })
}

fn insert(labels: &mut BTreeMap<String, String>, name: String, value: String) -> Result<(), &'static str> {
    if labels.len() >= LABELS {
        return Err("too many labels");
    }
    match labels.insert(name, value) {
        None => Ok(()),
        Some(_) => Err("the same label twice"),
    }
}

impl<'a> Rest<'a> {
    fn spaces(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn takes(&mut self, wanted: char) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// A name of a metric, which may have colons, or of a label.
    fn name(&mut self, colons: bool) -> Option<&'a str> {
        let fits = |index: usize, letter: char| {
            letter.is_ascii_alphabetic()
                || letter == '_'
                || (colons && letter == ':')
                || (index > 0 && letter.is_ascii_digit())
        };
        let end = self
            .0
            .char_indices()
            .find(|(index, letter)| !fits(*index, *letter))
            .map_or(self.0.len(), |(index, _)| index);
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        (!name.is_empty()).then_some(name)
    }

    fn quoted(&mut self) -> Result<String, &'static str> {
        if !self.takes('"') {
            return Err("a value without quotes");
        }
        let mut text = String::new();
        let mut letters = self.0.char_indices();
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.0 = self.0.get(index + 1..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                other => text.push(other),
            }
            if text.len() > TEXT_BYTES {
                return Err("a label that is too long");
            }
        }
        Err("a quote that does not end")
    }
}
