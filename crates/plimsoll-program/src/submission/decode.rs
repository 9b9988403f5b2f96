//! From a document to a [`Submission`], or to all that breaks its form.

use super::{
    Broken, BrokenKind, CategoryClaims, Claim, MetadataField, MetadataValue, Submission, UnknownKey, Value,
    walk::{GivenUp, Walk},
};
use crate::yaml::{Document, Kind, NodeId, Resolved};

/// Decodes a document as the validator does.
pub(crate) fn decode(document: &Document) -> Result<Submission, Vec<Broken>> {
    let mut decoder = Decoder {
        walk: Walk::new(document),
        unknown: Vec::new(),
    };
    let mut submission = Submission {
        second_document: document.second,
        ..Submission::default()
    };
    let ended = document
        .root
        .map_or(Ok(()), |root| decoder.root(root, &mut submission));
    submission.unknown_keys = decoder.unknown;
    match (ended, decoder.walk.broken) {
        (Ok(()), broken) if broken.is_empty() => Ok(submission),
        (Ok(()) | Err(GivenUp), broken) => Err(broken),
    }
}

struct Decoder<'d> {
    walk: Walk<'d>,
    unknown: Vec<UnknownKey>,
}

/// What a value is, once entered.
enum Shape {
    Null,
    Scalar,
    List,
    Mapping,
}

impl<'d> Decoder<'d> {
    fn document(&self) -> &'d Document {
        self.walk.document
    }

    fn root(&mut self, root: NodeId, submission: &mut Submission) -> Result<(), GivenUp> {
        let root = self.walk.enter(root)?;
        let Some(entries) = self.mapping(root, "the file")? else {
            return Ok(());
        };
        for (key, value) in entries {
            match self.key(key)? {
                Some("metadata") => submission.metadata = self.within(value, Self::metadata)?,
                Some("spec") => submission.spec = self.within(value, Self::spec)?,
                Some(name) => self.unknown(key, name, None),
                None => {}
            }
        }
        Ok(())
    }

    /// Decodes a value that may be an alias.
    fn within<T>(
        &mut self,
        id: NodeId,
        decode: impl FnOnce(&mut Self, NodeId) -> Result<T, GivenUp>,
    ) -> Result<T, GivenUp> {
        let target = self.walk.enter(id)?;
        let decoded = decode(self, target)?;
        if target != id {
            self.walk.leave(id);
        }
        Ok(decoded)
    }

    /// A key as text; none for a null, which counts for nothing.
    fn key(&mut self, id: NodeId) -> Result<Option<&'d str>, GivenUp> {
        let target = self.walk.enter(id)?;
        if target != id {
            self.walk.leave(id);
        }
        match self.walk.scalar(target)? {
            Some((_, Resolved::Null)) => Ok(None),
            Some((text, _)) => Ok(Some(text)),
            None => {
                let message = "a key must be text".to_owned();
                self.walk
                    .note(BrokenKind::WrongKind, self.walk.place(id), message);
                Ok(None)
            }
        }
    }

    fn unknown(&mut self, key: NodeId, name: &str, requirement: Option<&str>) {
        self.unknown.push(UnknownKey {
            name: name.to_owned(),
            requirement: requirement.map(str::to_owned),
            place: self.walk.place(key),
        });
    }

    fn shape(&mut self, id: NodeId) -> Result<(Shape, &'static str), GivenUp> {
        Ok(match self.walk.scalar(id)? {
            Some((_, Resolved::Null)) => (Shape::Null, "nothing"),
            Some((_, resolved)) => (Shape::Scalar, resolved.name()),
            None => match &self.document().node(id).kind {
                Kind::List(_) => (Shape::List, "a list"),
                Kind::Mapping(_) | Kind::Scalar { .. } | Kind::Alias(_) => (Shape::Mapping, "a mapping"),
            },
        })
    }

    fn wrong<T>(&mut self, id: NodeId, what: &str, expected: &str, found: &str) -> Option<T> {
        let place = crate::checklist::Place {
            length: 0,
            ..self.walk.place(id)
        };
        self.walk.note(
            BrokenKind::WrongKind,
            place,
            format!("{what} must be {expected}, found {found}"),
        );
        None
    }

    /// The entries of a mapping; none for null, or when something is wrong with it.
    fn mapping(&mut self, id: NodeId, what: &str) -> Result<Option<super::walk::Entries>, GivenUp> {
        match self.shape(id)? {
            (Shape::Mapping, _) => self.walk.entries(id),
            (Shape::Null, _) => Ok(None),
            (Shape::Scalar | Shape::List, found) => Ok(self.wrong(id, what, "a mapping", found)),
        }
    }

    fn list(&mut self, id: NodeId, what: &str) -> Result<Option<&'d [NodeId]>, GivenUp> {
        match self.shape(id)? {
            (Shape::List, _) => match &self.document().node(id).kind {
                Kind::List(items) => Ok(Some(items)),
                Kind::Mapping(_) | Kind::Scalar { .. } | Kind::Alias(_) => Ok(None),
            },
            (Shape::Null, _) => Ok(None),
            (Shape::Mapping, found) => {
                let whole = self.walk.unique(id);
                Ok(if whole {
                    self.wrong(id, what, "a list", found)
                } else {
                    None
                })
            }
            (Shape::Scalar, found) => Ok(self.wrong(id, what, "a list", found)),
        }
    }

    /// A scalar's text whatever it resolves to; none for null.
    fn text(&mut self, id: NodeId, what: &str) -> Result<Option<String>, GivenUp> {
        match self.shape(id)? {
            (Shape::Null, _) => Ok(None),
            (Shape::Scalar, _) => Ok(self.walk.scalar(id)?.map(|(text, _)| text.to_owned())),
            (Shape::Mapping, found) => {
                let whole = self.walk.unique(id);
                Ok(if whole {
                    self.wrong(id, what, "text", found)
                } else {
                    None
                })
            }
            (Shape::List, found) => Ok(self.wrong(id, what, "text", found)),
        }
    }

    fn metadata(&mut self, id: NodeId) -> Result<Option<Vec<MetadataField>>, GivenUp> {
        let Some(entries) = self.mapping(id, "`metadata`")? else {
            return Ok(None);
        };
        let mut fields = Vec::new();
        for (key, value) in entries {
            let Some(name) = self.key(key)? else { continue };
            self.walk.any(value)?;
            let target = self.document().target(value);
            let found = match self.walk.scalar(target)? {
                Some((_, Resolved::Null)) => MetadataValue::Null,
                Some((text, Resolved::Text)) => MetadataValue::Text(text.to_owned()),
                Some((_, resolved)) => MetadataValue::Other(resolved.name()),
                None => MetadataValue::Other(self.shape(target)?.1),
            };
            fields.push(MetadataField {
                name: name.to_owned(),
                value: found,
                place: self.walk.place(value),
            });
        }
        Ok(Some(fields))
    }

    fn spec(&mut self, id: NodeId) -> Result<Option<Vec<CategoryClaims>>, GivenUp> {
        let Some(entries) = self.mapping(id, "`spec`")? else {
            return Ok(None);
        };
        let mut categories = Vec::new();
        for (key, value) in entries {
            let Some(name) = self.key(key)? else { continue };
            let place = self.walk.place(key);
            let claims = self.within(value, |decoder, value| decoder.claims(value, name))?;
            categories.push(CategoryClaims {
                name: name.to_owned(),
                place,
                claims,
            });
        }
        Ok(Some(categories))
    }

    fn claims(&mut self, id: NodeId, category: &str) -> Result<Vec<Claim>, GivenUp> {
        let mut claims = Vec::new();
        let what = format!("`spec.{category}`");
        for (index, item) in self.list(id, &what)?.unwrap_or_default().iter().enumerate() {
            let what = format!("`spec.{category}[{index}]`");
            claims.extend(self.within(*item, |decoder, item| decoder.claim(item, &what))?);
        }
        Ok(claims)
    }

    fn claim(&mut self, id: NodeId, what: &str) -> Result<Option<Claim>, GivenUp> {
        let Some(entries) = self.mapping(id, what)? else {
            return Ok(None);
        };
        let whole = self.walk.place(id);
        let place = crate::checklist::Place { length: 0, ..whole };
        let absent = || Value {
            text: String::new(),
            place,
        };
        let mut claim = Claim {
            place: whole,
            id: absent(),
            description: absent(),
            level: absent(),
            status: absent(),
            evidence: Vec::new(),
            evidence_place: None,
            notes: absent(),
        };
        let mut unknown = Vec::new();
        for (key, value) in entries {
            let Some(name) = self.key(key)? else { continue };
            let field = match name {
                "id" => &mut claim.id,
                "description" => &mut claim.description,
                "level" => &mut claim.level,
                "status" => &mut claim.status,
                "notes" => &mut claim.notes,
                "evidence" => {
                    claim.evidence_place = Some(self.walk.place(value));
                    claim.evidence = self.within(value, |decoder, value| decoder.evidence(value, what))?;
                    continue;
                }
                name => {
                    unknown.push((key, name));
                    continue;
                }
            };
            let what = format!("`{name}` of {what}");
            field.place = self.walk.place(value);
            field.text = self
                .within(value, |decoder, value| decoder.text(value, &what))?
                .unwrap_or_default();
        }
        for (key, name) in unknown {
            self.unknown(key, name, Some(&claim.id.text));
        }
        Ok(Some(claim))
    }

    fn evidence(&mut self, id: NodeId, what: &str) -> Result<Vec<Value>, GivenUp> {
        let mut evidence = Vec::new();
        let list = format!("`evidence` of {what}");
        for (index, item) in self.list(id, &list)?.unwrap_or_default().iter().enumerate() {
            let entry = format!("`evidence[{index}]` of {what}");
            if let Some(text) = self.within(*item, |decoder, item| decoder.text(item, &entry))? {
                evidence.push(Value {
                    text,
                    place: self.walk.place(*item),
                });
            }
        }
        Ok(evidence)
    }
}
