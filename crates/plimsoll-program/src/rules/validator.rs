//! Validation of product directories.

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::{self, Read},
    num::NonZero,
    path::Path,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{Checklists, Links, Product, Verdict, judge::Judge};

/// A generation of the programme's validator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// That of autumn 2026: local evidence is opened and judged.
    #[default]
    Current,
    /// That of June 2026.
    June2026,
}

/// The text names no generation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no generation of the rules, expected current or 2026-06")]
pub struct UnknownGeneration(pub String);

impl FromStr for Generation {
    type Err = UnknownGeneration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "current" => Ok(Self::Current),
            "2026-06" => Ok(Self::June2026),
            other => Err(UnknownGeneration(other.to_owned())),
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "current",
            Self::June2026 => "2026-06",
        })
    }
}

/// The members of the CNCF, as vendors have to spell them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(BTreeSet<String>);

impl Members {
    /// Takes one name a line, cleaned as the validator cleans the landscape's.
    #[must_use]
    pub fn from_lines(text: &str) -> Self {
        let clean = |line: &str| {
            let name = line.trim();
            let name = name.strip_suffix(" (member)").unwrap_or(name);
            name.strip_suffix(" (supporter)")
                .unwrap_or(name)
                .trim()
                .to_owned()
        };
        Self(text.lines().map(clean).filter(|name| !name.is_empty()).collect())
    }

    /// Whether the name is on the list, letter for letter.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The name on the list that is most like it, if one is like it at all.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let wanted = name.to_lowercase();
        self.0
            .iter()
            .map(|known| (strsim::jaro_winkler(&wanted, &known.to_lowercase()), known))
            .filter(|(similarity, _)| *similarity > 0.85)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, known)| known.as_str())
    }
}

/// Judges product directories.
#[derive(Clone, Default)]
pub struct Validator {
    /// Whose rules.
    pub generation: Generation,
    /// What submissions are held to.
    pub checklists: Checklists,
    /// Who is a member; none if nobody knows.
    pub members: Option<Members>,
    /// The network; none if nobody may be asked.
    pub links: Option<Arc<dyn Links>>,
}

impl Validator {
    /// Judges one product directory. Whatever it holds, this gives a verdict.
    #[must_use]
    pub fn validate(&self, product: &Product) -> Verdict {
        let read = read_small(&product.file);
        Judge::new(self, product).judge(read)
    }

    /// Judges many, side by side; verdicts come in the order of the products.
    #[must_use]
    pub fn validate_all(&self, products: &[Product]) -> Vec<Verdict> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        // Asking the network is waiting, so more can do it at once.
        let threads = if self.links.is_some() { 16 } else { cores }.min(products.len());
        if threads < 2 {
            return products.iter().map(|product| self.validate(product)).collect();
        }
        let next = AtomicUsize::new(0);
        let verdicts = Mutex::new(Vec::with_capacity(products.len()));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((index, product)) = {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        products.get(index).map(|product| (index, product))
                    } {
                        let verdict = self.validate(product);
                        if let Ok(mut verdicts) = verdicts.lock() {
                            verdicts.push((index, verdict));
                        }
                    }
                });
            }
        });
        let mut verdicts = verdicts
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        verdicts.sort_by_key(|(index, _)| *index);
        verdicts.into_iter().map(|(_, verdict)| verdict).collect()
    }
}

/// Why a `PRODUCT.yaml` was not read.
#[derive(Debug)]
pub(super) enum Unread {
    Io(io::Error),
    NotRegular,
    TooLarge(u64),
}

/// Reads a regular file of limited size: nothing blocks, nothing fills the memory.
fn read_small(path: &Path) -> Result<Vec<u8>, Unread> {
    let facts = fs::metadata(path).map_err(Unread::Io)?;
    if !facts.is_file() {
        return Err(Unread::NotRegular);
    }
    let limit = crate::yaml::MAX_BYTES;
    if facts.len() > limit {
        return Err(Unread::TooLarge(facts.len()));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Unread::Io)?;
    // It may have grown meanwhile.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > limit {
        return Err(Unread::TooLarge(bytes.len() as u64));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_cleaned_and_the_nearest_is_found() {
        let members = Members::from_lines(" Acme Corp (member)\nOther (supporter) \n\n");
        assert!(members.contains("Acme Corp") && members.contains("Other"));
        assert!(!members.contains("acme corp"));
        assert_eq!(members.nearest("ACME Corp."), Some("Acme Corp"));
        assert_eq!(members.nearest("Zzz"), None);
    }
}
