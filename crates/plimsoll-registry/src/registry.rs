//! A checkout as a registry.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;
use plimsoll_program::rules::{Checklists, ChecklistsError, DiscoverError, Product, Validator, discover};

use crate::{Certificate, Dates, Entry, Filter};

/// The products of a checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// The newest version first, then by name.
    pub entries: Vec<Entry>,
}

/// A checkout can't be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RegistryError {
    /// There are no submissions.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Discover(#[from] DiscoverError),
    /// Its checklists are broken.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Checklists(#[from] ChecklistsError),
    /// No such product.
    #[error("there is no product `{0}` in the registry")]
    #[diagnostic(help("`list` shows all, each with its id"))]
    Unknown(String),
}

impl Registry {
    /// Reads the products of a checkout, and gives them the days they were merged on.
    ///
    /// # Errors
    /// When there are none.
    pub fn read(checkout: &Path, dates: &Dates) -> Result<Self, RegistryError> {
        let found = discover(checkout)?;
        let checklists = match Checklists::beside(&checkout.join("x")) {
            Some(directory) => Checklists::read(&directory)?,
            None => Checklists::built_in(),
        };
        let validator = Validator {
            checklists,
            ..Validator::default()
        };
        let verdicts = validator.validate_all(&found.products);
        let mut entries: Vec<Entry> = found
            .products
            .iter()
            .zip(&verdicts)
            .map(|(product, verdict)| Entry::of(id(product), product, verdict))
            .collect();
        for entry in &mut entries {
            entry.certificate = dates
                .get(&entry.id)
                .map(|(since, source)| Certificate::of(since, source));
        }
        entries.sort_by_key(|entry| {
            (
                std::cmp::Reverse(entry.minor()),
                entry.platform.to_lowercase(),
                entry.id.clone(),
            )
        });
        let mut registry = Self { entries };
        registry.renewals();
        Ok(registry)
    }

    /// A product with a newer certificate has renewed the older ones.
    fn renewals(&mut self) {
        let mut newest: BTreeMap<(String, String), (u32, String)> = BTreeMap::new();
        for entry in &self.entries {
            let of = (entry.minor(), entry.id.clone());
            newest
                .entry(entry.identity())
                .and_modify(|known| *known = of.clone().max(known.clone()))
                .or_insert(of);
        }
        for entry in &mut self.entries {
            let newer = newest
                .get(&entry.identity())
                .filter(|(minor, _)| *minor > entry.minor());
            if let (Some(certificate), Some((_, id))) = (&mut entry.certificate, newer) {
                certificate.renewed_by = Some(id.clone());
            }
        }
    }

    /// The products that a filter lets through.
    pub fn filtered<'r>(&'r self, filter: &'r Filter) -> impl Iterator<Item = &'r Entry> {
        self.entries
            .iter()
            .filter(move |entry| filter.lets_through(entry))
    }

    /// The product of this id, or the newest of this directory's or product's name.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, name: &str) -> Result<&Entry, RegistryError> {
        let wanted = name.trim_end_matches('/').to_lowercase();
        let matches = |entry: &&Entry| {
            let id = entry.id.to_lowercase();
            id == wanted
                || id
                    .split_once('/')
                    .is_some_and(|(_, directory)| directory == wanted)
                || entry.platform.to_lowercase() == wanted
        };
        self.entries
            .iter()
            .find(matches)
            .ok_or_else(|| RegistryError::Unknown(name.to_owned()))
    }

    /// The certificates that run out within so many days, or have run out, and are not renewed; the first to end first.
    #[must_use]
    pub fn expiring(&self, today: Date, within: i32) -> Vec<(&Entry, &Certificate)> {
        let mut expiring: Vec<(&Entry, &Certificate)> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry, entry.certificate.as_ref()?)))
            .filter(|(_, certificate)| {
                certificate.renewed_by.is_none() && certificate.days_left(today) <= within
            })
            .collect();
        expiring.sort_by_key(|(entry, certificate)| (certificate.until, &entry.id));
        expiring
    }
}

/// `v1.37/acme` of a product's path.
fn id(product: &Product) -> String {
    let directory = std::path::absolute(&product.directory).unwrap_or_else(|_| product.directory.clone());
    let names: Vec<String> = directory
        .components()
        .map(|component| component.as_os_str().to_string_lossy().into_owned())
        .collect();
    match names.as_slice() {
        [.., version, name] => format!("{version}/{name}"),
        [name] => name.clone(),
        [] => String::new(),
    }
}
