//! Lists, in pages if that is wanted.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Asked,
    answer::{self, Answer},
    query::Query,
};
use crate::{
    Reason, Status, resources,
    server::{Inner, refusal, selector::Selectors},
    store::{Item, Key, State},
};

/// Where the next page begins, and of which moment it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Token {
    v: String,
    /// The resourceVersion; below zero for the present, whatever that is.
    rv: i64,
    /// Namespace and name of the last object that was shown.
    start: (String, String),
}

const TOKEN_FORM: &str = "meta.k8s.io/v1";

impl Token {
    fn after(version: i64, key: &Key) -> Self {
        Self {
            v: TOKEN_FORM.to_owned(),
            rv: version,
            start: (key.namespace.to_string(), key.name.to_string()),
        }
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<Self, Status> {
        let refused = |why: String| {
            refusal::bad_request(format!(
                "invalid continue token: continue key is not valid: {why}"
            ))
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| refused(error.to_string()))?;
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(token) if token.v == TOKEN_FORM => Ok(token),
            Ok(_) => Err(refused(
                "server does not recognize this encoded version".to_owned(),
            )),
            Err(_) => Err(refused(unreadable(&bytes))),
        }
    }

    fn key(&self) -> Key {
        Key::new(&self.start.0, &self.start.1)
    }
}

/// What Go says of bytes that are no JSON object.
fn unreadable(bytes: &[u8]) -> String {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None | Some(b'{') => "unexpected end of JSON input".to_owned(),
        Some(byte) => {
            let shown = match byte {
                b' '..=b'~' => char::from(*byte).to_string(),
                byte if byte.is_ascii() => format!("\\x{byte:02x}"),
                byte => format!("\\u{byte:04x}"),
            };
            format!("invalid character '{shown}' looking for beginning of value")
        }
    }
}

/// One page of a list.
struct Page {
    items: Vec<Arc<Item>>,
    metadata: Value,
}

/// How `resourceVersion` is meant.
enum Moment {
    Present,
    /// The present, which has to be at least this.
    NotOlderThan(u64),
    Exactly(u64),
}

impl Inner {
    /// Answers a list.
    pub(super) async fn list(&self, asked: &Asked) -> Result<Answer, Status> {
        let query = &asked.query;
        let selectors = asked.selectors()?;
        let limit = query
            .number::<i64>("limit")?
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| *limit > 0);
        let moment = moment(query, limit.is_some())?;
        if let Moment::NotOlderThan(version) | Moment::Exactly(version) = moment {
            let present = self.store.lock().version();
            if version > present {
                // The real server gives the version some time to come.
                crate::elapse(std::time::Duration::from_secs(3)).await;
                return Err(too_large(version, present));
            }
        }
        let token = match query.text("continue") {
            "" => None,
            text => Some(Token::decode(text)?),
        };
        let state = self.store.lock();
        let page = match page(&state, asked, &selectors, limit, &moment, token.as_ref()) {
            Ok(page) => page,
            Err(_) => return Ok(expired(token.as_ref())),
        };
        drop(state);
        let presentation = asked.presentation(self);
        let text = presentation.list(page.items.iter().map(|item| &**item), &page.metadata);
        Ok(answer::json(StatusCode::OK, text))
    }
}

fn page(
    state: &State,
    asked: &Asked,
    selectors: &Selectors,
    limit: Option<usize>,
    moment: &Moment,
    token: Option<&Token>,
) -> Result<Page, u64> {
    let of = &asked.served.stored_as;
    let namespace = Some(asked.path.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let after = token.map(Token::key);
    let present = state.version();
    let version = match (token, moment) {
        (Some(token), _) => u64::try_from(token.rv).unwrap_or(present),
        (None, Moment::Exactly(version)) => *version,
        (None, Moment::Present | Moment::NotOlderThan(_)) => present,
    };
    let selected = |item: &Arc<Item>| selectors.is_everything() || selectors.select(&item.object());
    let wanted = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut found: Vec<(Key, Arc<Item>)> = Vec::new();
    let mut rest = 0;
    if version < state.changed(of) {
        let mut past = state.past(of, version, namespace, after.as_ref())?.into_iter();
        found.extend(past.by_ref().filter(|(_, item)| selected(item)).take(wanted));
        rest = past.len();
    } else if let Some(node) = selectors
        .fields
        .exact("spec.nodeName")
        .filter(|_| *of == resources::PODS && token.is_none())
    {
        let pods = state
            .pods_on(node)
            .filter(|(key, _)| namespace.is_none_or(|namespace| &*key.namespace == namespace));
        found.extend(
            pods.filter(|(_, item)| selected(item))
                .take(wanted)
                .map(|(key, item)| (key.clone(), Arc::clone(item))),
        );
    } else {
        let mut present = state.list_after(of, namespace, after.as_ref());
        found.extend(
            present
                .by_ref()
                .filter(|(_, item)| selected(item))
                .take(wanted)
                .map(|(key, item)| (key.clone(), Arc::clone(item))),
        );
        if found.len() == wanted {
            rest = present.count();
        }
    }
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(limit) = limit
        && found.len() > limit
    {
        found.truncate(limit);
        let token_version = if token.is_some_and(|token| token.rv < 0) {
            -1
        } else {
            i64::try_from(version).unwrap_or(-1)
        };
        if let Some((key, _)) = found.last() {
            metadata["continue"] = Token::after(token_version, key).encode().into();
        }
        if selectors.is_everything() {
            metadata["remainingItemCount"] = (rest + 1).into();
        }
    }
    Ok(Page {
        items: found.into_iter().map(|(_, item)| item).collect(),
        metadata,
    })
}

fn moment(query: &Query, paged: bool) -> Result<Moment, Status> {
    let text = query.text("resourceVersion");
    let matching = query.text("resourceVersionMatch");
    let version = match text {
        "" => None,
        text => Some(text.parse::<u64>().map_err(|_| {
            refusal::bad_request(format!(
                "invalid resource version: resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \
                 \"{text}\": invalid syntax"
            ))
        })?),
    };
    let forbidden = |why: &str| {
        let message = format!("Forbidden: {why}");
        refusal::invalid(
            "ListOptions",
            "meta.k8s.io",
            "",
            "resourceVersionMatch",
            "FieldValueForbidden",
            &message,
        )
    };
    if !query.text("continue").is_empty() {
        if !matching.is_empty() {
            return Err(forbidden(
                "resourceVersionMatch is forbidden when continue is provided",
            ));
        }
        if version.is_some_and(|version| version != 0) {
            return Err(refusal::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        return Ok(Moment::Present);
    }
    match (version, matching) {
        (None, "") => Ok(Moment::Present),
        (None, _) => Err(forbidden(
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )),
        (Some(0), "Exact") => Err(forbidden(
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        )),
        (Some(0), _) => Ok(Moment::Present),
        (Some(version), "Exact") => Ok(Moment::Exactly(version)),
        (Some(version), "") if paged => Ok(Moment::Exactly(version)),
        (Some(version), "" | "NotOlderThan") => Ok(Moment::NotOlderThan(version)),
        (Some(_), other) => Err(refusal::invalid(
            "ListOptions",
            "meta.k8s.io",
            "",
            "resourceVersionMatch",
            "FieldValueNotSupported",
            &format!("Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\""),
        )),
    }
}

fn too_large(version: u64, present: u64) -> Status {
    Status {
        details: json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }),
        ..Status::new(
            Reason::Timeout,
            format!("Too large resource version: {version}, current: {present}"),
        )
    }
}

/// The refusal of a token that is too old comes with one for the rest as it is now.
fn expired(token: Option<&Token>) -> Answer {
    let Some(token) = token else {
        return answer::refusal(&Status::new(
            Reason::Expired,
            "The resourceVersion for the provided list is too old.",
        ));
    };
    let status = Status::new(
        Reason::Expired,
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
         results. Continuing with the provided token results in an inconsistent list - objects that were created, \
         modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    let mut body = status.to_json();
    body["metadata"]["continue"] = Token::after(-1, &token.key()).encode().into();
    answer::json(StatusCode::GONE, body.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_come_back_as_they_went(version in -1..i64::MAX, namespace in "\\PC{0,10}", name in "\\PC{0,10}") {
            let token = Token::after(version, &Key::new(&namespace, &name));
            prop_assert_eq!(Token::decode(&token.encode()), Ok(token));
        }

        #[test]
        fn other_texts_are_no_tokens(text in "\\PC{0,40}") {
            prop_assert!(Token::decode(&text).is_err());
        }
    }
}
