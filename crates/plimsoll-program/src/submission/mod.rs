//! A vendor's `PRODUCT.yaml` as the programme's validator reads it.
//!
//! [`crate::Checklist`] is the strict reading of an official file; this is the lenient one of what vendors
//! hand in: unknown keys are kept for advice, a scalar is taken for text where the validator does so, and
//! aliases and merge keys mean what they mean to its YAML library.

mod decode;
mod walk;

pub(crate) use decode::decode;

use crate::checklist::Place;

/// A `PRODUCT.yaml` that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// The fields of `metadata`; none if it is absent or null.
    pub metadata: Option<Vec<MetadataField>>,
    /// The categories of `spec`; none if it is absent or null.
    pub spec: Option<Vec<CategoryClaims>>,
    /// Keys of the top level and of requirements that nothing reads.
    pub unknown_keys: Vec<UnknownKey>,
    /// Where a second document begins, which nothing reads.
    pub second_document: Option<Place>,
}

/// A field of `metadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataField {
    /// Its key.
    pub name: String,
    /// What stands there.
    pub value: MetadataValue,
    /// Where the value stands.
    pub place: Place,
}

/// What a field of `metadata` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataValue {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// Something that is no text, in words.
    Other(&'static str),
}

/// A category of `spec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryClaims {
    /// Its key.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    /// Its requirements, in the order of the file.
    pub claims: Vec<Claim>,
}

/// What is claimed of one requirement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Where the entry stands.
    pub place: Place,
    /// Its id.
    pub id: Value,
    /// The requirement's text.
    pub description: Value,
    /// How binding the file says it is.
    pub level: Value,
    /// The status claimed.
    pub status: Value,
    /// Links and files that support the claim. Entries that are null are left out.
    pub evidence: Vec<Value>,
    /// Where the list of evidence stands; none if there is no such key.
    pub evidence_place: Option<Place>,
    /// The vendor's remarks.
    pub notes: Value,
}

/// A text and where it stands; empty if it is absent or null, then at the place of the entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The text.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// A key that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// The key.
    pub name: String,
    /// The requirement it stands in; none at the top level.
    pub requirement: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// Why a file ends the validation at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) kind: BrokenKind,
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// The three rules of form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokenKind {
    /// R04
    Yaml,
    /// R05
    DuplicateKey,
    /// R06
    WrongKind,
}

impl Submission {
    /// Reads the bytes of a `PRODUCT.yaml` as the validator does.
    ///
    /// # Errors
    /// When the validator could not read it; the words are for people.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let (_, document) = crate::yaml::read(bytes);
        let document = document.map_err(|fault| format!("line {}: {}", fault.place.line, fault.message))?;
        decode(&document).map_err(|broken| {
            broken.first().map_or_else(String::new, |first| {
                format!("line {}: {}", first.place.line, first.message)
            })
        })
    }

    /// A field of `metadata` in the spelling that the validator looks up: camelCase first.
    #[must_use]
    pub fn field(&self, camel: &str) -> Option<&MetadataField> {
        let fields = self.metadata.as_ref()?;
        let named = |name: &str| fields.iter().find(|field| field.name == name);
        named(camel).or_else(|| named(&snake(camel)))
    }

    /// The text of a field of `metadata`, if it is text.
    #[must_use]
    pub fn text(&self, camel: &str) -> Option<&str> {
        match &self.field(camel)?.value {
            MetadataValue::Text(text) => Some(text),
            MetadataValue::Null | MetadataValue::Other(_) => None,
        }
    }

    /// All claims with their categories.
    pub fn claims(&self) -> impl Iterator<Item = (&CategoryClaims, &Claim)> {
        let categories = self.spec.iter().flatten();
        categories.flat_map(|category| category.claims.iter().map(move |claim| (category, claim)))
    }
}

/// `websiteUrl` as `website_url`.
pub(crate) fn snake(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut snake, c| {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
        snake
    })
}
