//! Writing manifests for a platform.
//!
//! Changes are made on the trees of the documents; what no change touches is written as it was read, byte for byte. A
//! changed document keeps its order, not its comments. The result is read and asked about again: only what then runs
//! without further changes is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    answer::{Answers, Verdict, answer},
    change::Edit,
    need::look,
    node::{Content, Node, Step, steps},
    platform::Platform,
    read::{Limits, Manifests, Source, read},
    rewrite::{claim_template, claim_version, drop_queue, gang_version, pod_group, rename_class},
};

/// Manifests for a platform: file names and texts.
pub type Files = BTreeMap<String, String>;

/// Manifests can't be adapted.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// The folder is in use.
    #[error("`{}` exists and is not empty", dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder can't be written.
    #[error("could not write to `{}`", dir.display())]
    Unwritable {
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A change could not be made, or did not help.
    #[error("the changed manifests of {workload} would not run on {platform}: {why}")]
    Unsound {
        /// The workload.
        workload: String,
        /// The platform.
        platform: String,
        /// Why.
        why: String,
    },
}

/// The manifests of all workloads that run on a platform, changed where they must be; none where none is changed.
///
/// # Errors
/// [`AdaptError::Unsound`].
pub fn adapted(
    manifests: &Manifests,
    answers: &Answers,
    platforms: &[Platform],
    number: usize,
) -> Result<Option<Files>, AdaptError> {
    let platform = &platforms[number];
    let of_platform = || answers.answers.iter().filter(|answer| answer.platform == number);
    let mut documents: Vec<Option<Node>> = vec![None; manifests.documents.len()];
    let mut removed = BTreeSet::new();
    let mut added: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
    let mut made: Vec<&Edit> = Vec::new();
    let mut left_out: BTreeSet<usize> = BTreeSet::new();
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    for answer in of_platform() {
        let workload = &answers.workloads[answer.workload];
        if answer.verdict == Verdict::DoesNotRun {
            left_out.extend(workload.documents.iter().copied());
            continue;
        }
        kept.extend(workload.documents.iter().copied());
        for change in answer.changes() {
            // Workloads that share an object may want the same of it.
            if made.contains(&&change.edit) {
                continue;
            }
            made.push(&change.edit);
            let mut work = Work {
                manifests,
                documents: &mut documents,
                removed: &mut removed,
                added: &mut added,
            };
            work.apply(&change.edit);
        }
    }
    if made.is_empty() {
        return Ok(None);
    }
    let mut files = Files::new();
    for (index, document) in manifests.documents.iter().enumerate() {
        if removed.contains(&index) || (left_out.contains(&index) && !kept.contains(&index)) {
            continue;
        }
        let file = files.entry(file_name(&document.file)).or_default();
        for node in added.get(&index).into_iter().flatten() {
            push(file, &yaml(node));
        }
        match (&documents[index], &document.text) {
            (Some(node), _) => push(file, &yaml(node)),
            (None, Some(text)) => push(file, text),
            (None, None) => push(file, &yaml(&document.node)),
        }
    }
    check(&files, manifests, answers, platform, number)?;
    Ok(Some(files))
}

/// Asks about the changed manifests again.
fn check(
    files: &Files,
    manifests: &Manifests,
    answers: &Answers,
    platform: &Platform,
    number: usize,
) -> Result<(), AdaptError> {
    let unsound = |workload: String, why: String| AdaptError::Unsound {
        workload,
        platform: platform.name.clone(),
        why,
    };
    let sources = files
        .iter()
        .map(|(name, text)| Source::Stream(name.clone(), Box::new(io::Cursor::new(text.clone()))))
        .collect();
    let limits = Limits::default();
    let roomy = Limits {
        document: limits.document * 2,
        total: limits.total * 2,
    };
    let again = read(sources, roomy).map_err(|error| unsound("all".to_owned(), error.to_string()))?;
    let asked = platform.without_admissions();
    let second = answer(&again, std::slice::from_ref(&asked));
    let wanted: BTreeSet<String> = answers
        .answers
        .iter()
        .filter(|answer| answer.platform == number && answer.verdict != Verdict::DoesNotRun)
        .map(|answer| manifests.documents[answers.workloads[answer.workload].main].title())
        .collect();
    for answer in &second.answers {
        let title = again.documents[second.workloads[answer.workload].main].title();
        if wanted.contains(&title) && answer.verdict != Verdict::Runs {
            let changes = answer.changes().map(|change| change.what.clone());
            let why: Vec<String> = answer.reasons.iter().cloned().chain(changes).collect();
            return Err(unsound(title, why.join("; ")));
        }
    }
    Ok(())
}

/// Writes the files of each platform into a folder of its own, all or nothing.
///
/// # Errors
/// [`AdaptError`]; nothing is left of what was begun.
pub fn write(dir: &Path, platforms: &BTreeMap<String, Files>) -> Result<(), AdaptError> {
    let unwritable = |source| AdaptError::Unwritable {
        dir: dir.to_owned(),
        source,
    };
    let taken = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => return Err(unwritable(source)),
    };
    if taken {
        return Err(AdaptError::Exists { dir: dir.to_owned() });
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(unwritable)?;
    let staging = tempfile::Builder::new()
        .prefix(".plimsoll-adapt-")
        .tempdir_in(parent)
        .map_err(unwritable)?;
    let inner = staging.path().join("written");
    for (platform, files) in platforms {
        let folder = inner.join(platform);
        fs::create_dir_all(&folder).map_err(unwritable)?;
        for (name, text) in files {
            fs::write(folder.join(name), text).map_err(unwritable)?;
        }
    }
    // An empty folder may be replaced by a rename; on other systems it has to go first.
    if dir.exists() {
        fs::remove_dir(dir).map_err(unwritable)?;
    }
    fs::rename(&inner, dir).map_err(unwritable)
}

fn push(file: &mut String, document: &str) {
    if !file.is_empty() {
        if !file.ends_with('\n') {
            file.push('\n');
        }
        file.push_str("---\n");
    }
    file.push_str(document);
}

fn yaml(node: &Node) -> String {
    // What was read from YAML or made as JSON can be written as YAML; JSON is YAML, too.
    serde_saphyr::to_string(node).unwrap_or_else(|_| node.to_json().to_string() + "\n")
}

/// A file's own name; two of one name in different folders keep what tells them apart.
fn file_name(file: &Arc<str>) -> String {
    if &**file == "-" {
        return "stdin.yaml".to_owned();
    }
    let parts: Vec<&str> = file
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .collect();
    let name = parts.join("_");
    // JSON is YAML, but what is changed is not written as JSON.
    let name = name
        .strip_suffix(".json")
        .map_or(name.clone(), |stem| format!("{stem}.yaml"));
    if name.is_empty() {
        "manifests.yaml".to_owned()
    } else {
        name
    }
}

/// Documents under change.
struct Work<'a> {
    manifests: &'a Manifests,
    documents: &'a mut Vec<Option<Node>>,
    removed: &'a mut BTreeSet<usize>,
    added: &'a mut BTreeMap<usize, Vec<Node>>,
}

impl Work<'_> {
    fn document(&mut self, index: usize) -> &mut Node {
        let whole = &self.manifests.documents;
        self.documents[index].get_or_insert_with(|| whole[index].whole())
    }

    /// What a path leads to, made where it is missing.
    fn reach(&mut self, index: usize, path: &[Step]) -> Option<&mut Node> {
        let mut node = self.document(index);
        for step in path {
            node = match step {
                Step::Key(key) => node.entry(key)?,
                Step::Index(index) => match &mut node.content {
                    Content::List(items) => items.get_mut(*index)?,
                    _ => return None,
                },
            };
        }
        Some(node)
    }

    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::ResourceToClaim {
                document,
                spec,
                containers,
                resource,
                class,
                selectors,
                version,
                template,
            } => {
                let counts: BTreeSet<u64> = containers.iter().map(|(_, count)| *count).collect();
                let named = |count: u64| {
                    if counts.len() > 1 {
                        format!("{template}-{count}")
                    } else {
                        template.clone()
                    }
                };
                for (number, (path, count)) in containers.iter().enumerate() {
                    self.drop_resource(*document, path, resource);
                    let claim = if containers.len() > 1 {
                        format!("devices-{number}")
                    } else {
                        "devices".to_owned()
                    };
                    self.append(
                        *document,
                        &[spec.clone(), steps("resourceClaims")].concat(),
                        json!({"name": claim, "resourceClaimTemplateName": named(*count)}),
                    );
                    self.append(
                        *document,
                        &[path.clone(), steps("claims")].concat(),
                        json!({"name": claim}),
                    );
                }
                let namespace = self.manifests.documents[*document].namespace().to_owned();
                for count in &counts {
                    let made = claim_template(&named(*count), &namespace, version, class, *count, selectors);
                    self.added.entry(*document).or_default().push(made);
                }
            }
            Edit::ClaimToResource {
                document,
                spec,
                claim,
                template,
                resource,
                count,
            } => {
                self.removed.insert(*template);
                self.drop_named(*document, spec, "resourceClaims", claim);
                for list in ["containers", "initContainers"] {
                    let way = [spec.clone(), steps(list)].concat();
                    let containers =
                        look(self.document(*document), &way).map_or(0, |node| node.items().len());
                    for number in 0..containers {
                        let resources = [
                            way.clone(),
                            vec![Step::Index(number), Step::Key("resources".to_owned())],
                        ]
                        .concat();
                        if self.drop_named(*document, &resources, "claims", claim)
                            && let Some(limits) =
                                self.reach(*document, &[resources.clone(), steps("limits")].concat())
                        {
                            limits.set(resource, json!(count));
                        }
                    }
                }
            }
            Edit::RenameResource {
                document,
                containers,
                from,
                to,
            } => {
                for path in containers {
                    for list in ["limits", "requests"] {
                        let way = [path.clone(), steps(list)].concat();
                        if let Some(Content::Map(entries)) = self
                            .document(*document)
                            .find_mut(&way)
                            .map(|node| &mut node.content)
                        {
                            for (key, _) in entries.iter_mut().filter(|(key, _)| key == from) {
                                key.clone_from(to);
                            }
                        }
                    }
                }
            }
            Edit::ClaimVersion { document, to } => claim_version(self.document(*document), to),
            Edit::ClaimClass { document, from, to } => rename_class(self.document(*document), from, to),
            Edit::QueueToGang {
                document,
                template,
                version,
                group,
                count,
            } => {
                let node = self.document(*document);
                for path in [steps("metadata"), [template.clone(), steps("metadata")].concat()] {
                    drop_queue(node, &path);
                }
                if let Some(spec) = node.find_mut(&steps("spec")) {
                    spec.remove("suspend");
                }
                if let Some(spec) = self.reach(*document, &[template.clone(), steps("spec")].concat()) {
                    spec.set("schedulingGroup", json!({"podGroupName": group}));
                }
                let namespace = self.manifests.documents[*document].namespace().to_owned();
                self.added
                    .entry(*document)
                    .or_default()
                    .push(pod_group(group, &namespace, version, *count));
            }
            Edit::GangVersion { document, to } => gang_version(self.document(*document), to),
            Edit::Set {
                document,
                path,
                value,
            } => {
                if let Some(node) = self.reach(*document, path) {
                    *node = value.clone().into();
                }
            }
            Edit::Append {
                document,
                path,
                value,
            } => self.append(*document, path, value.clone()),
            Edit::Remove { document, path } => {
                if let Some((Step::Key(key), way)) = path.split_last() {
                    let empty = self.document(*document).find_mut(way).is_some_and(|node| {
                        node.remove(key);
                        node.entries().is_empty()
                    });
                    if empty && let Some((Step::Key(key), way)) = way.split_last() {
                        self.document(*document)
                            .find_mut(way)
                            .map(|node| node.remove(key));
                    }
                }
            }
        }
    }

    fn append(&mut self, index: usize, path: &[Step], value: Value) {
        let value = Node::from(value);
        if let Some(list) = self.reach(index, path).and_then(Node::list_mut)
            && !list.iter().any(|item| item.to_json() == value.to_json())
        {
            list.push(value);
        }
    }

    fn drop_resource(&mut self, index: usize, resources: &[Step], name: &str) {
        let Some(resources) = self.document(index).find_mut(resources) else {
            return;
        };
        for list in ["limits", "requests"] {
            if resources.get(list).get(name).is_null() {
                continue;
            }
            if let Some(entries) = resources.entry(list) {
                entries.remove(name);
            }
            if resources.get(list).entries().is_empty() {
                resources.remove(list);
            }
        }
    }

    /// Takes the item of that name out of a list, and the list if nothing else is in it.
    fn drop_named(&mut self, index: usize, holder: &[Step], list: &str, name: &str) -> bool {
        let Some(holder) = self.document(index).find_mut(holder) else {
            return false;
        };
        if holder.get(list).is_null() {
            return false;
        }
        let Some(items) = holder.entry(list).and_then(Node::list_mut) else {
            return false;
        };
        let before = items.len();
        items.retain(|item| item.get("name").text() != Some(name));
        let dropped = items.len() < before;
        if items.is_empty() {
            holder.remove(list);
        }
        dropped
    }
}
