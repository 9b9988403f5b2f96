//! Who asks: the administrator by token, service accounts by theirs. In whose name they do is the API server's matter.

use http::{HeaderMap, Response, StatusCode, header};
use plimsoll_apiserver::{ApiServer, Body, Reason, Status, User};

use super::credentials::Credentials;

/// Tells users by what their requests carry.
pub(super) struct Authentication {
    token: String,
}

impl Authentication {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self {
            token: credentials.token().to_owned(),
        }
    }

    /// The user, or the answer to somebody unknown.
    pub(super) fn user(&self, server: &ApiServer, headers: &HeaderMap) -> Result<User, Box<Response<Body>>> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::trim);
        match token {
            Some(token) if token == self.token => Ok(User::admin()),
            Some(token) => server.authenticate(token).ok_or_else(|| Box::new(unauthorised())),
            None => Err(Box::new(unauthorised())),
        }
    }
}

fn unauthorised() -> Response<Body> {
    let status = Status::new(Reason::Unauthorized, "Unauthorized");
    let mut response = Response::new(Body::whole(status.to_json().to_string()));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
