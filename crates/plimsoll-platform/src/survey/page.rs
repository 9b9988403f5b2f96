//! Reading lists page by page, keeping of each object only what is needed.

use std::time::Duration;

use http::Request;
use kube::{Client, Error, core::ApiResource};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::wait::silent;

/// Objects per page of most kinds.
pub(super) const PAGE: usize = 500;

/// How long one page may take.
const REQUEST: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: String,
}

/// Lists a kind in all namespaces and hands each object to `take`; a page at a time is in memory.
pub(super) async fn each<T: DeserializeOwned>(
    client: &Client,
    kind: &ApiResource,
    fields: &str,
    page: usize,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    let root = if kind.group.is_empty() { "/api" } else { "/apis" };
    let mut next = String::new();
    loop {
        let mut address = format!("{root}/{}/{}?limit={page}", kind.api_version, kind.plural);
        if !fields.is_empty() {
            address.push_str("&fieldSelector=");
            address.push_str(&escaped(fields));
        }
        if !next.is_empty() {
            address.push_str("&continue=");
            address.push_str(&escaped(&next));
        }
        let request = Request::get(address).body(Vec::new()).map_err(Error::HttpError)?;
        let page: Page<T> = match timeout(REQUEST, client.request(request)).await {
            Ok(page) => page?,
            Err(_) => return Err(silent()),
        };
        page.items.into_iter().for_each(&mut take);
        if page.metadata.next.is_empty() {
            return Ok(());
        }
        next = page.metadata.next;
    }
}

/// Lists a kind in all namespaces.
pub(super) async fn all<T: DeserializeOwned>(client: &Client, kind: &ApiResource) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    each(client, kind, "", PAGE, |item| items.push(item)).await?;
    Ok(items)
}

/// Escapes a value for a query.
fn escaped(value: &str) -> String {
    use std::fmt::Write;
    value.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_survives_the_query() {
        assert_eq!(escaped("status.phase!=Failed"), "status.phase%21%3DFailed");
        assert_eq!(escaped("ä="), "%C3%A4%3D");
    }
}
