//! In which form an answer is wanted.

use crate::{Reason, Status};

/// The form of objects in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    #[default]
    Whole,
    /// Rows for people.
    Table,
    /// Only their metadata.
    Metadata,
}

/// What a client wants, in the order of its wishes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accept(Vec<Wish>);

#[derive(Clone, Debug)]
struct Wish {
    media: String,
    parameters: Vec<(String, String)>,
}

impl Wish {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    fn is_json(&self) -> bool {
        matches!(self.media.as_str(), "application/json" | "application/*" | "*/*")
    }
}

impl Accept {
    /// Reads an `Accept` header.
    pub(crate) fn parse(header: &str) -> Self {
        Self(
            header
                .split(',')
                .filter_map(|wish| {
                    let mut parts = wish.split(';').map(str::trim);
                    let media = parts
                        .next()
                        .filter(|media| !media.is_empty())?
                        .to_ascii_lowercase();
                    let parameters = parts
                        .filter_map(|part| part.split_once('='))
                        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                        .collect();
                    Some(Wish { media, parameters })
                })
                .collect(),
        )
    }

    /// The first wish that can be met for an object or a list.
    ///
    /// # Errors
    /// `NotAcceptable` where there is none.
    pub(crate) fn form(&self) -> Result<Form, Status> {
        if self.0.is_empty() {
            return Ok(Form::Whole);
        }
        self.0
            .iter()
            .filter(|wish| wish.is_json())
            .find_map(
                |wish| match (wish.parameter("as"), wish.parameter("g"), wish.parameter("v")) {
                    (None, _, _) => Some(Form::Whole),
                    (Some("Table"), Some("meta.k8s.io"), Some("v1" | "v1beta1")) => Some(Form::Table),
                    (
                        Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                        Some("meta.k8s.io"),
                        Some("v1" | "v1beta1"),
                    ) => Some(Form::Metadata),
                    _ => None,
                },
            )
            .ok_or_else(not_acceptable)
    }

    /// The version of the aggregated discovery that is wanted before the plain documents, if any.
    pub(crate) fn discovery(&self) -> Option<&str> {
        self.0
            .iter()
            .filter(|wish| wish.is_json())
            .find_map(
                |wish| match (wish.parameter("as"), wish.parameter("g"), wish.parameter("v")) {
                    (
                        Some("APIGroupDiscoveryList"),
                        Some("apidiscovery.k8s.io"),
                        Some(version @ ("v2" | "v2beta1")),
                    ) => Some(Some(version)),
                    (None, _, _) => Some(None),
                    _ => None,
                },
            )
            .flatten()
    }

    /// Whether JSON without more is welcome.
    pub(crate) fn is_json_welcome(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(Wish::is_json)
    }
}

/// None of the forms that there are.
pub(crate) fn not_acceptable() -> Status {
    Status::new(
        Reason::NotAcceptable,
        "only the following media types are accepted: application/json",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_that_can_be_met_is_met() {
        let form = |header| Accept::parse(header).form();
        assert_eq!(form(""), Ok(Form::Whole));
        assert_eq!(form("*/*"), Ok(Form::Whole));
        assert_eq!(
            form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
            Ok(Form::Table)
        );
        assert_eq!(
            form("application/vnd.kubernetes.protobuf, application/json"),
            Ok(Form::Whole)
        );
        assert_eq!(
            form("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Ok(Form::Metadata)
        );
        assert!(form("application/vnd.kubernetes.protobuf").is_err());
    }

    #[test]
    fn discovery_is_aggregated_on_demand() {
        let wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        assert_eq!(Accept::parse(wanted).discovery(), Some("v2"));
        assert_eq!(Accept::parse("application/json").discovery(), None);
    }
}
