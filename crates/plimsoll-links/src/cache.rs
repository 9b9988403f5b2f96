//! What links answered, kept for a while: whoever validates a checkout ten times in an hour asks the world once.
//!
//! The file is a help and never in the way: what can't be read is asked again. It is written beside its place and renamed,
//! so that two validations at once leave one whole file. Only what links answered is kept, never that one was not asked:
//! which addresses are public is judged anew each time a link is asked.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use plimsoll_program::{read_bounded, rules::Reach};
use serde::{Deserialize, Serialize};

/// The format of the file; others are passed over.
const FORMAT: u32 = 1;
/// How long an answer is good for.
const GOOD: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a failure is: often it is chance, and the vendor is about to mend it.
const BAD: Duration = Duration::from_secs(10 * 60);
/// As many links as are asked at most.
const MOST_ENTRIES: usize = 5_000;
/// The file is never larger than this.
const MOST_BYTES: u64 = 4 << 20;
/// Longer links are not kept.
const LONGEST_LINK: usize = 500;
/// Longer reasons are cut.
const LONGEST_REASON: usize = 200;

/// What links answered.
#[derive(Debug)]
pub struct Cache {
    file: PathBuf,
    now: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    format: u32,
    links: BTreeMap<String, Entry>,
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    /// When it was given, in seconds since 1970.
    at: u64,
    /// Why it was none; nothing if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unreachable: Option<String>,
}

impl Entry {
    fn is_fresh(&self, now: u64) -> bool {
        let good_for = if self.unreachable.is_some() { BAD } else { GOOD };
        // What is from the future was written by a clock that was wrong.
        now.checked_sub(self.at)
            .is_some_and(|age| age < good_for.as_secs())
    }
}

impl Cache {
    /// Where answers are kept for this user; none where nothing says where that is.
    #[must_use]
    pub fn usual_file() -> Option<PathBuf> {
        usual_file(|name| std::env::var_os(name))
    }

    /// Reads what is kept in `file`; nothing where it can't be read.
    #[must_use]
    pub fn open(file: PathBuf) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self::open_at(file, now)
    }

    fn open_at(file: PathBuf, now: u64) -> Self {
        let content = read_bounded(&file, MOST_BYTES)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok())
            .filter(|content| content.format == FORMAT);
        let mut entries = content.map(|content| content.links).unwrap_or_default();
        entries.retain(|_, entry| entry.is_fresh(now));
        Self { file, now, entries }
    }

    /// What a link answered lately.
    pub(crate) fn get(&self, url: &str) -> Option<Reach> {
        self.entries.get(url).map(|entry| match &entry.unreachable {
            None => Reach::Reachable,
            Some(why) => Reach::Unreachable(why.clone()),
        })
    }

    /// Keeps what a link answered.
    pub(crate) fn put(&mut self, url: &str, reach: &Reach) {
        let unreachable = match reach {
            Reach::Reachable => None,
            Reach::Unreachable(why) => Some(why.chars().take(LONGEST_REASON).collect()),
            Reach::NotAsked(_) => return,
        };
        if url.len() > LONGEST_LINK {
            return;
        }
        let at = self.now;
        self.entries.insert(url.to_owned(), Entry { at, unreachable });
        if self.entries.len() > MOST_ENTRIES {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(url, entry)| (entry.at, url.as_str()))
                .map(|(url, _)| url.clone());
            oldest.and_then(|url| self.entries.remove(&url));
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it can't be written; the one that was there stays.
    pub(crate) fn save(&self) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let content = Content {
            format: FORMAT,
            links: self.entries.clone(),
        };
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut temporary, &content)?;
        temporary.persist(&self.file).map_err(|error| error.error)?;
        Ok(())
    }
}

fn usual_file(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| {
        let path = PathBuf::from(variable(name)?);
        // A relative one is to be passed over, says the specification.
        path.is_absolute().then_some(path)
    };
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("plimsoll").join("links.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn no(why: &str) -> Reach {
        Reach::Unreachable(why.to_owned())
    }

    #[test]
    fn answers_are_kept_for_a_day_and_failures_for_minutes() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("deep/links.json");
        let mut cache = Cache::open_at(file.clone(), 10 * DAY);
        cache.put("https://a", &Reach::Reachable);
        cache.put("https://b", &no("status 404"));
        cache.put("https://c", &Reach::NotAsked("10.0.0.1".to_owned()));
        cache.put(&"x".repeat(LONGEST_LINK + 1), &Reach::Reachable);
        cache.save().unwrap();
        let later = |seconds| Cache::open_at(file.clone(), 10 * DAY + seconds);
        assert_eq!(later(1).get("https://a"), Some(Reach::Reachable));
        assert_eq!(later(1).get("https://b"), Some(no("status 404")));
        assert_eq!(later(1).get("https://c"), None);
        assert_eq!(later(1).entries.len(), 2);
        assert_eq!(later(BAD.as_secs()).get("https://b"), None);
        assert_eq!(later(DAY - 1).get("https://a"), Some(Reach::Reachable));
        assert_eq!(later(DAY).get("https://a"), None);
        let earlier = Cache::open_at(file, 10 * DAY - 1);
        assert_eq!(
            earlier.get("https://a"),
            None,
            "an answer from the future is none"
        );
        let left: Vec<_> = fs::read_dir(home.path().join("deep")).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_that_is_no_cache_is_passed_over_and_written_anew() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("links.json");
        for broken in [
            "",
            "[]",
            "{\"format\": 2, \"links\": {}}",
            "{\"format\": 1, \"links\": {\"a\": 1}}",
        ] {
            fs::write(&file, broken).unwrap();
            let mut cache = Cache::open_at(file.clone(), DAY);
            assert!(cache.entries.is_empty(), "{broken}");
            cache.put("https://a", &Reach::Reachable);
            cache.save().unwrap();
            assert!(Cache::open_at(file.clone(), DAY).get("https://a").is_some());
        }
        fs::File::create(&file).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(Cache::open_at(file, DAY).entries.is_empty());
    }

    #[test]
    fn the_cache_is_bounded_and_forgets_the_oldest() {
        let mut cache = Cache::open_at(PathBuf::from("none"), DAY);
        cache.put("https://first", &Reach::Reachable);
        cache.now += 1;
        for number in 0..MOST_ENTRIES {
            cache.put(&format!("https://{number}"), &no(&"x".repeat(10_000)));
        }
        assert_eq!(cache.entries.len(), MOST_ENTRIES);
        assert_eq!(cache.get("https://first"), None);
        let bytes = serde_json::to_vec(&cache.entries).unwrap().len() as u64;
        assert!(bytes < MOST_BYTES, "{bytes}");
    }

    #[test]
    fn the_file_lies_where_the_desktop_says_caches_do() {
        let of = |pairs: &'static [(&str, &str)]| {
            usual_file(move |name| {
                let found = pairs.iter().find(|(known, _)| *known == name)?;
                Some(OsString::from(found.1))
            })
        };
        let here = |path: &str| Some(PathBuf::from(path));
        assert_eq!(
            of(&[("XDG_CACHE_HOME", "/xdg"), ("HOME", "/me")]),
            here("/xdg/plimsoll/links.json")
        );
        assert_eq!(of(&[("HOME", "/me")]), here("/me/.cache/plimsoll/links.json"));
        assert_eq!(
            of(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/me")]),
            here("/me/.cache/plimsoll/links.json")
        );
        assert_eq!(of(&[]), None);
    }
}
