//! A registry on the loopback device: as much of the distribution API as a push needs, and strict about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use plimsoll_image::Digest;
use serde_json::Value;

/// What a registry holds and was asked.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    /// By repository and name, tag or digest.
    pub(crate) manifests: BTreeMap<(String, String), (String, Bytes)>,
    pub(crate) uploads: usize,
    uploading: BTreeSet<String>,
}

/// A running registry.
pub(crate) struct Registry {
    pub(crate) address: String,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
}

#[derive(Clone)]
struct Shared {
    shelf: Arc<Mutex<Shelf>>,
    /// The `Authorization` header that it wants, if any.
    wanted: Option<String>,
}

impl Registry {
    pub(crate) async fn start(login: Option<(&str, &str)>) -> Self {
        let wanted = login.map(|(user, password)| {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            format!("Basic {pair}")
        });
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(serve).with_state(Shared {
            shelf: shelf.clone(),
            wanted,
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shelf }
    }
}

async fn serve(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if shared.wanted.is_some() && given != shared.wanted.as_deref() {
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")],
        )
            .into_response();
    }
    let path = uri.path().strip_prefix("/v2/").unwrap_or_default().to_owned();
    let mut shelf = shared.shelf.lock().unwrap();
    if path.is_empty() {
        StatusCode::OK.into_response()
    } else if let Some((repository, rest)) = path.split_once("/blobs/uploads/") {
        shelf.upload(&method, repository, rest, uri.query().unwrap_or_default(), body)
    } else if let Some((_, digest)) = path.split_once("/blobs/") {
        if shelf.blobs.contains_key(digest) {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        }
        .into_response()
    } else if let Some((repository, name)) = path.split_once("/manifests/") {
        shelf.manifest(&method, repository, name, &headers, body)
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

impl Shelf {
    fn upload(
        &mut self,
        method: &Method,
        repository: &str,
        session: &str,
        query: &str,
        body: Bytes,
    ) -> Response {
        if *method == Method::POST {
            let session = format!("{}", self.uploading.len());
            let location = format!("/v2/{repository}/blobs/uploads/{session}");
            self.uploading.insert(session);
            return (StatusCode::ACCEPTED, [(header::LOCATION, location)]).into_response();
        }
        let digest = query
            .strip_prefix("digest=")
            .unwrap_or_default()
            .replace("%3A", ":");
        if *method != Method::PUT || !self.uploading.contains(session) {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        if Digest::of(&body).as_str() != digest {
            return (StatusCode::BAD_REQUEST, "the digest is not that of the content").into_response();
        }
        self.uploads += 1;
        self.blobs.insert(digest.clone(), body);
        (
            StatusCode::CREATED,
            [(header::LOCATION, format!("/v2/{repository}/blobs/{digest}"))],
        )
            .into_response()
    }

    fn manifest(
        &mut self,
        method: &Method,
        repository: &str,
        name: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response {
        if *method != Method::PUT {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let media_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if document["mediaType"] != media_type || !self.has_parts(repository, &document) {
            return (StatusCode::BAD_REQUEST, "the manifest names what is not there").into_response();
        }
        if name.starts_with("sha256:") && Digest::of(&body).as_str() != name {
            return (StatusCode::BAD_REQUEST, "the digest is not that of the manifest").into_response();
        }
        let digest = Digest::of(&body).to_string();
        for key in [digest.clone(), name.to_owned()] {
            self.manifests.insert(
                (repository.to_owned(), key),
                (media_type.to_owned(), body.clone()),
            );
        }
        // As some real registries do, it does not say where the manifest is.
        (StatusCode::CREATED, [("docker-content-digest", digest)]).into_response()
    }

    /// Whether everything that a manifest or index names has come before it.
    fn has_parts(&self, repository: &str, document: &Value) -> bool {
        let digests = |list: &Value| -> Vec<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .filter_map(|part| Some(part["digest"].as_str()?.to_owned()))
                .collect()
        };
        let mut blobs = digests(&document["layers"]);
        blobs.extend(document["config"]["digest"].as_str().map(str::to_owned));
        let manifests = digests(&document["manifests"]);
        !(blobs.is_empty() && manifests.is_empty())
            && blobs.iter().all(|digest| self.blobs.contains_key(digest))
            && manifests
                .into_iter()
                .all(|digest| self.manifests.contains_key(&(repository.to_owned(), digest)))
    }
}
