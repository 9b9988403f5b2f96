//! Answers in the text of a checklist: only what is answered changes, every other byte stays.

use std::ops::Range;

use plimsoll_program::{
    rules::SAMPLE,
    submission::{Claim, MetadataField, Submission, Value},
};

use crate::answer::Answer;

/// Changes to a text, kept until all are known: places are those of the original.
struct Edits<'t> {
    text: &'t str,
    edits: Vec<(Range<usize>, String)>,
}

/// Fills the answers into the text of a checklist, or of an earlier submission. `metadata` are the fields by
/// their names, none for one that is to be left out; `mark` is what a sample says of itself.
pub(crate) fn fill_in(
    text: &str,
    checklist: &Submission,
    metadata: &[(&str, Option<String>)],
    answers: &[Answer],
    mark: Option<&str>,
) -> String {
    let mut edits = Edits {
        text,
        edits: Vec::new(),
    };
    for (name, value) in metadata {
        edits.field(checklist, metadata, name, value.as_deref());
    }
    for answer in answers {
        let claim = checklist
            .claims()
            .map(|(_, claim)| claim)
            .filter(|claim| claim.id.text == answer.id.as_str())
            .last();
        if let Some(claim) = claim {
            edits.answer(claim, answer);
        }
    }
    if let Some(mark) = mark {
        let marked = text.split('\n').any(|line| line.starts_with(SAMPLE));
        if !marked {
            edits.edits.push((0..0, format!("{SAMPLE}{mark}\n")));
        }
    }
    edits.apply()
}

/// A YAML string between double quotes, on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                quoted.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Edits<'_> {
    fn apply(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = String::with_capacity(self.text.len() + 4096);
        let mut at = 0;
        for (range, with) in self.edits {
            text.push_str(self.text.get(at..range.start).unwrap_or_default());
            text.push_str(&with);
            at = range.end.max(at);
        }
        text.push_str(self.text.get(at..).unwrap_or_default());
        text
    }

    fn field(
        &mut self,
        checklist: &Submission,
        all: &[(&str, Option<String>)],
        name: &str,
        value: Option<&str>,
    ) {
        match (checklist.field(name), value) {
            (Some(field), Some(value)) => self.set(
                field.place.offset..field.place.offset + field.place.length,
                &quoted(value),
            ),
            (Some(field), None) => {
                let lines = self.line_start(field.place.offset)
                    ..self.next_line(field.place.offset + field.place.length);
                self.edits.push((lines, String::new()));
            }
            (None, Some(value)) => self.new_field(checklist, all, name, value),
            (None, None) => {}
        }
    }

    /// Behind the last field that stays, indented as it is.
    fn new_field(&mut self, checklist: &Submission, all: &[(&str, Option<String>)], name: &str, value: &str) {
        let end = |field: &MetadataField| field.place.offset + field.place.length;
        let goes = |field: &&MetadataField| {
            all.iter()
                .any(|(name, value)| *name == field.name && value.is_none())
        };
        let stays = checklist.metadata.iter().flatten().filter(|field| !goes(field));
        let Some(last) = stays.max_by_key(|field| end(field)) else {
            return;
        };
        let indent = self.indent(last.place.offset);
        let at = self.line_end(end(last));
        self.edits
            .push((at..at, format!("\n{indent}{name}: {}", quoted(value))));
    }

    fn answer(&mut self, claim: &Claim, answer: &Answer) {
        self.value(&claim.status, answer.status.as_str());
        self.value(&claim.notes, &answer.notes);
        self.evidence(claim, &answer.evidence);
    }

    fn value(&mut self, value: &Value, text: &str) {
        if value.text != text {
            self.set(
                value.place.offset..value.place.offset + value.place.length,
                &quoted(text),
            );
        }
    }

    /// Replaces a scalar. A block scalar ends with a line break, which stays; one that is null has no length, and
    /// what replaces it goes behind the colon of its key.
    fn set(&mut self, range: Range<usize>, with: &str) {
        if range.is_empty() {
            let line = self.line_end(range.start);
            let from = self.line_start(range.start);
            let before = self.text[from..range.start].ends_with(':');
            let colon = self.text[range.start..line]
                .find(':')
                .map(|at| range.start + at + 1);
            let at = if before {
                range.start
            } else {
                colon.unwrap_or(range.start)
            };
            self.edits.push((at..at, format!(" {with}")));
            return;
        }
        let old = self.text.get(range.clone()).unwrap_or_default();
        let kept = old.len() - old.trim_end().len();
        self.edits.push((range.start..range.end - kept, with.to_owned()));
    }

    fn evidence(&mut self, claim: &Claim, entries: &[String]) {
        let old: Vec<&str> = claim.evidence.iter().map(|entry| entry.text.as_str()).collect();
        let Some(place) = claim.evidence_place else {
            if !entries.is_empty() {
                let status = &claim.status.place;
                let at = self.line_end(status.offset + status.length);
                let indent = self.indent(status.offset);
                self.edits
                    .push((at..at, format!("\n{indent}evidence:{}", list(entries, &indent))));
            }
            return;
        };
        if old == entries {
            return;
        }
        let first = claim.evidence.first().map(|entry| entry.place.offset);
        match first.filter(|_| !self.text[place.offset..].starts_with('[')) {
            // A block list: its lines are replaced.
            Some(first) => {
                let last = claim
                    .evidence
                    .iter()
                    .map(|entry| entry.place.offset + entry.place.length)
                    .max();
                let indent = self.indent(first);
                let range = self.line_start(first)..self.line_end(last.unwrap_or(first));
                let lines: Vec<String> = entries
                    .iter()
                    .map(|entry| format!("{indent}- {}", quoted(entry)))
                    .collect();
                let with = if lines.is_empty() {
                    format!("{indent}[]")
                } else {
                    lines.join("\n")
                };
                self.edits.push((range, with));
            }
            // `[]`, or a list in one line, or nothing.
            None => {
                let start = self.text[..place.offset].trim_end_matches(' ').len();
                let end = place.offset + place.length;
                let indent = self.indent(place.offset);
                self.edits.push((start..end, String::new()));
                let at = self.line_end(end);
                self.edits.push((at..at, list(entries, &indent)));
            }
        }
    }

    fn line_start(&self, offset: usize) -> usize {
        self.text[..offset].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self, offset: usize) -> usize {
        let end = self.text[offset..]
            .find('\n')
            .map_or(self.text.len(), |at| offset + at);
        if self.text[..end].ends_with('\r') && end > offset {
            end - 1
        } else {
            end
        }
    }

    fn next_line(&self, offset: usize) -> usize {
        self.text[offset..]
            .find('\n')
            .map_or(self.text.len(), |at| offset + at + 1)
    }

    /// The blanks at the beginning of a line; a list's dash counts as one, for what it holds is aligned behind it.
    fn indent(&self, offset: usize) -> String {
        let line = &self.text[self.line_start(offset)..offset];
        let blanks = line.len() - line.trim_start_matches(' ').len();
        " ".repeat(blanks)
    }
}

fn list(entries: &[String], indent: &str) -> String {
    entries
        .iter()
        .map(|entry| format!("\n{indent}  - {}", quoted(entry)))
        .collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_program::{Level, RequirementId, checklist::Status};
    use proptest::prelude::*;

    use super::*;
    use crate::answer::Source;

    const CHECKLIST: &str = "# A comment\nmetadata:\n  platformName: \"[Name]\" # stays\n  repoUrl: \"[Repo]\"\n\nspec:\n  security:\n    \
        - id: x\n      description: \"text: with # signs\"\n      level: MUST\n      status: \"\"   # Implemented, N/A\n      \
        evidence: [] # links\n      notes: \"\"";

    fn answer(evidence: &[&str], notes: &str) -> Answer {
        Answer {
            id: RequirementId::new("x"),
            level: Level::Must,
            status: Status::Implemented,
            source: Source::Runs,
            verdict: None,
            evidence: evidence.iter().map(|entry| (*entry).to_owned()).collect(),
            notes: notes.to_owned(),
            owner: None,
        }
    }

    fn filled(text: &str, metadata: &[(&str, Option<String>)], answers: &[Answer]) -> String {
        fill_in(
            text,
            &Submission::read(text.as_bytes()).unwrap(),
            metadata,
            answers,
            None,
        )
    }

    #[test]
    fn only_answers_change_and_comments_stay() {
        let metadata = [
            ("platformName", Some("Acme \"1\"".to_owned())),
            ("repoUrl", None),
            ("k8sConformanceUrl", Some("https://k".to_owned())),
        ];
        let text = filled(CHECKLIST, &metadata, &[answer(&["a", "b#c"], "n: 1\n2")]);
        let wanted = "# A comment\nmetadata:\n  platformName: \"Acme \\\"1\\\"\" # stays\n  k8sConformanceUrl: \"https://k\"\n\nspec:\n  security:\n    \
            - id: x\n      description: \"text: with # signs\"\n      level: MUST\n      status: \"Implemented\"   # Implemented, N/A\n      \
            evidence: # links\n        - \"a\"\n        - \"b#c\"\n      notes: \"n: 1\\n2\"";
        assert_eq!(text, wanted);
        assert_eq!(
            filled(&text, &metadata, &[answer(&["a", "b#c"], "n: 1\n2")]),
            text,
            "the same answers change nothing"
        );
    }

    #[test]
    fn lists_that_are_there_are_replaced_line_by_line() {
        let first = filled(CHECKLIST, &[], &[answer(&["a", "b"], "")]);
        let second = filled(&first, &[], &[answer(&["c"], "")]);
        assert!(
            second.contains("evidence: # links\n        - \"c\"\n      notes"),
            "{second}"
        );
        let none = filled(&second, &[], &[answer(&[], "")]);
        assert!(
            Submission::read(none.as_bytes())
                .unwrap()
                .claims()
                .all(|(_, claim)| claim.evidence.is_empty()),
            "{none}"
        );
        let flow = CHECKLIST.replace("[] # links", "[a, \"b\"]");
        let third = filled(&flow, &[], &[answer(&["d"], "")]);
        assert!(
            third.contains("evidence:\n        - \"d\"\n      notes"),
            "{third}"
        );
    }

    #[test]
    fn values_that_are_null_or_absent_get_their_place() {
        let null = CHECKLIST
            .replace("status: \"\"   #", "status: #")
            .replace("notes: \"\"", "notes:");
        let text = filled(&null, &[], &[answer(&["a"], "n")]);
        let read = Submission::read(text.as_bytes()).unwrap();
        let (_, claim) = read.claims().next().unwrap();
        assert_eq!(
            (claim.status.text.as_str(), claim.notes.text.as_str()),
            ("Implemented", "n"),
            "{text}"
        );
        let absent = CHECKLIST.replace("      evidence: [] # links\n", "");
        let text = filled(&absent, &[], &[answer(&["a"], "n")]);
        assert_eq!(
            Submission::read(text.as_bytes())
                .unwrap()
                .claims()
                .next()
                .unwrap()
                .1
                .evidence
                .len(),
            1,
            "{text}"
        );
    }

    #[test]
    fn a_sample_is_marked_once_at_the_top() {
        let read = |text: &str| Submission::read(text.as_bytes()).unwrap();
        let text = fill_in(CHECKLIST, &read(CHECKLIST), &[], &[], Some("made up"));
        assert_eq!(text, format!("# SAMPLE: made up\n{CHECKLIST}"));
        assert_eq!(fill_in(&text, &read(&text), &[], &[], Some("made up")), text);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(name in "\\PC{0,20}|.{0,20}", notes in any::<String>(), entry in ".{1,20}") {
            let metadata = [("platformName", Some(name.clone()))];
            let text = filled(CHECKLIST, &metadata, &[answer(&[&entry], &notes)]);
            let read = Submission::read(text.as_bytes()).unwrap();
            prop_assert_eq!(read.text("platformName"), Some(name.as_str()));
            let (_, claim) = read.claims().next().unwrap();
            prop_assert_eq!(&claim.notes.text, &notes);
            prop_assert_eq!(&claim.evidence[0].text, &entry);
            prop_assert_eq!(&claim.description.text, "text: with # signs");
        }
    }
}
