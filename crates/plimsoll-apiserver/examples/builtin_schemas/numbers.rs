//! By which numbers protobuf knows the fields of built-in kinds, read from the tags of their Go types.

use std::{collections::BTreeMap, error::Error, fmt::Write as _, fs, path::Path};

use regex::Regex;

/// The numbers of all fields, by type (`core.v1.Pod`) and JSON name.
#[derive(Default)]
pub(crate) struct Numbers {
    fields: BTreeMap<String, BTreeMap<String, Number>>,
    /// Types whose fields JSON shows as the outer type's own, with the number of the message that holds them.
    inline: BTreeMap<String, Vec<(String, u32)>>,
}

#[derive(Clone)]
struct Number {
    path: Vec<u32>,
    is_pointer: bool,
}

impl Numbers {
    /// Reads the types in the folders `GROUP/VERSION` of a Go module.
    ///
    /// # Errors
    /// A folder can't be read.
    pub(crate) fn read(&mut self, module: &Path) -> Result<(), Box<dyn Error>> {
        for group in folders(module)? {
            for version in folders(&group)? {
                let prefix = format!("{}.{}", name(&group), name(&version));
                for file in fs::read_dir(&version)? {
                    let file = file?.path();
                    let (file_name, is_go) = (name(&file), file.extension().is_some_and(|own| own == "go"));
                    if is_go && !file_name.contains("generated") && !file_name.ends_with("_test.go") {
                        self.read_file(&prefix, &fs::read_to_string(&file)?)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn read_file(&mut self, prefix: &str, text: &str) -> Result<(), Box<dyn Error>> {
        let tags =
            Regex::new(r#"^\t(?:(\w+)\s+)?(\S+)\s+`json:"([^",]*)[^"]*"[^`]* protobuf:"[^,"]*,(\d+)"#)?;
        let begin = Regex::new(r"^type (\w+) struct \{")?;
        let mut current = None;
        for line in text.lines() {
            if let Some(found) = begin.captures(line) {
                current = Some(format!("{prefix}.{}", &found[1]));
            } else if line.starts_with('}') {
                current = None;
            } else if let (Some(own), Some(found)) = (&current, tags.captures(line)) {
                let number: u32 = found[4].parse()?;
                if found[3].is_empty() {
                    let inner = match found[2].split_once('.') {
                        Some(("metav1", inner)) => format!("meta.v1.{inner}"),
                        Some(("v1", inner)) => format!("core.v1.{inner}"),
                        Some((package, inner)) => format!("{package}.{inner}"),
                        None => format!("{prefix}.{}", &found[2]),
                    };
                    self.inline.entry(own.clone()).or_default().push((inner, number));
                } else {
                    let is_pointer = found[2].starts_with('*');
                    let path = vec![number];
                    let fields = self.fields.entry(own.clone()).or_default();
                    fields.insert(found[3].to_owned(), Number { path, is_pointer });
                }
            }
        }
        Ok(())
    }

    /// ` #3` for a field that is never absent, ` &3` for one behind a pointer; `2.3` lies in the message 2.
    pub(crate) fn of(&self, of: &str, field: &str) -> String {
        let Some(number) = self.find(of, field) else {
            return String::new();
        };
        let mut text = if number.is_pointer { " &" } else { " #" }.to_owned();
        for (index, step) in number.path.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let _ = write!(text, "{dot}{step}");
        }
        text
    }

    fn find(&self, of: &str, field: &str) -> Option<Number> {
        if let Some(number) = self.fields.get(of).and_then(|fields| fields.get(field)) {
            return Some(number.clone());
        }
        self.inline
            .get(of)
            .into_iter()
            .flatten()
            .find_map(|(inner, outer)| {
                let mut number = self.find(inner, field)?;
                number.path.insert(0, *outer);
                Some(number)
            })
    }
}

fn folders(of: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
