//! Requests as a client sends them, and the answers as they come.

use http::{Request, header::ACCEPT, header::CONTENT_TYPE};
use kube::{Client, client::Body};
use serde_json::Value;

/// An answer.
pub(crate) struct Answer {
    /// The HTTP code.
    pub(crate) code: u16,
    /// The body; a string where it is no JSON.
    pub(crate) body: Value,
    /// The `Warning` headers' texts.
    pub(crate) warnings: Vec<String>,
}

/// A request under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: String,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) accept: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Asked<'_> {
    /// Sends it.
    pub(crate) async fn send(self, client: &Client) -> Result<Answer, kube::Error> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        request = request.header(ACCEPT, self.accept.unwrap_or("application/json"));
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, self.content_type.unwrap_or("application/json"));
        }
        if let Some(user) = self.user {
            request = request.header("Impersonate-User", user);
        }
        let body = self.body.map_or_else(Body::empty, Body::from);
        let request = request.body(body).map_err(kube::Error::HttpError)?;
        let response = client.send(request).await?;
        let code = response.status().as_u16();
        let warnings = response
            .headers()
            .get_all("warning")
            .iter()
            .filter_map(|value| Some(value.to_str().ok()?.trim_start_matches("299 - ").to_owned()))
            .collect();
        let bytes = response.into_body().collect_bytes().await?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { code, body, warnings })
    }
}
