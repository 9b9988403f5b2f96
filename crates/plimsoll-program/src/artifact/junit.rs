//! `junit.xml`, by the rules of Go's strict XML reader as far as they decide whether a file is one.

use std::io::BufRead;

use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesStart, Event},
};

use super::{Artifact, ArtifactError, TestOutcome};

/// As deep as Go's reader goes.
const MAX_DEPTH: usize = 10_000;
/// No single element, comment or text is larger in any real file.
const MAX_EVENT: usize = 64 << 20;

/// What an open element means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The root, or a suite: suites and cases count in it.
    Suites,
    /// A test case: its result counts in it.
    Case,
    /// Anything else: nothing counts in it.
    Other,
}

pub(super) fn parse(input: &mut dyn BufRead) -> Result<Artifact, ArtifactError> {
    let mut reader = Reader::from_reader(input);
    reader.config_mut().check_comments = true;
    let mut reading = Reading::default();
    let mut buffer = Vec::new();
    loop {
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| fault(&error.to_string()))?;
        if reading.event(&event)? {
            return Ok(reading.artifact);
        }
        if buffer.len() > MAX_EVENT {
            return Err(fault("an element is larger than 64 MiB"));
        }
        buffer.clear();
    }
}

#[derive(Default)]
struct Reading {
    artifact: Artifact,
    open: Vec<Level>,
    /// The test case that is open.
    case: Option<(String, TestOutcome)>,
}

impl Reading {
    /// Takes an event; `true` at the end of the root element, behind which nothing counts.
    fn event(&mut self, event: &Event<'_>) -> Result<bool, ArtifactError> {
        match event {
            Event::Start(element) => {
                self.start(element)?;
                Ok(false)
            }
            Event::Empty(element) => {
                self.start(element)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => {
                let text = checked(text)?;
                // Outside the root element Go passes text over.
                if text.contains("]]>") && !self.open.is_empty() {
                    return Err(fault("`]]>` stands outside CDATA"));
                }
                Ok(false)
            }
            Event::CData(text) => checked(text).map(|_| false),
            Event::Comment(text) | Event::DocType(text) => checked(text).map(|_| false),
            Event::PI(text) => checked(text).map(|_| false),
            Event::GeneralRef(name) => {
                let name = checked(name)?;
                unescaped(&format!("&{name};")).map(|_| false)
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().and_then(Result::ok);
                let other = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case(b"utf-8"));
                other.map_or(Ok(false), |_| Err(fault("its declared encoding is not UTF-8")))
            }
            Event::Eof => Err(fault("it ends before its root element does")),
        }
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ArtifactError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fault("its elements are nested too deep"));
        }
        checked(element)?;
        let mut name = String::new();
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| fault(&error.to_string()))?;
            let raw = std::str::from_utf8(&attribute.value).map_err(|_| fault("it is not UTF-8"))?;
            if raw.contains('<') {
                return Err(fault("an attribute holds `<`"));
            }
            let value = unescaped(raw)?;
            if attribute.key.local_name().as_ref() == b"name" {
                name = value;
            }
        }
        let local = element.local_name();
        let level = match (self.open.last(), local.as_ref()) {
            (None, _) | (Some(Level::Suites), b"testsuite") => Level::Suites,
            (Some(Level::Suites), b"testcase") => {
                self.case = Some((name, TestOutcome::Passed));
                Level::Case
            }
            (Some(Level::Case), b"failure" | b"error") => {
                self.outcome(TestOutcome::Failed);
                Level::Other
            }
            (Some(Level::Case), b"skipped") => {
                self.outcome(TestOutcome::Skipped);
                Level::Other
            }
            (Some(Level::Suites | Level::Case | Level::Other), _) => Level::Other,
        };
        self.open.push(level);
        Ok(())
    }

    fn outcome(&mut self, outcome: TestOutcome) {
        if let Some((_, known)) = &mut self.case
            && *known != TestOutcome::Failed
        {
            *known = outcome;
        }
    }

    fn end(&mut self) -> Result<bool, ArtifactError> {
        if self.open.pop() == Some(Level::Case)
            && let Some((name, outcome)) = self.case.take()
        {
            self.artifact.record(name, outcome, None)?;
        }
        Ok(self.open.is_empty())
    }
}

/// The text, if it is one and has no character that XML forbids.
fn checked(bytes: &[u8]) -> Result<&str, ArtifactError> {
    let text = std::str::from_utf8(bytes).map_err(|_| fault("it is not UTF-8"))?;
    let forbidden = |c: char| !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().find(|c| forbidden(*c)) {
        Some(c) => Err(fault(&format!(
            "it has the control character U+{:04X}",
            u32::from(c)
        ))),
        None => Ok(text),
    }
}

fn unescaped(raw: &str) -> Result<String, ArtifactError> {
    unescape(raw)
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| fault(&error.to_string()))
}

fn fault(reason: &str) -> ArtifactError {
    ArtifactError::new(format!("is not valid XML: {reason}"), None)
}
