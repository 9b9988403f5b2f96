//! Who asks: the administrator by token, service accounts by theirs, and those the administrator asks in the name of.

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
            Some(token) if token == self.token => Ok(impersonated(headers).unwrap_or_else(User::admin)),
            Some(token) => server.authenticate(token).ok_or_else(|| Box::new(unauthorised())),
            None => Err(Box::new(unauthorised())),
        }
    }
}

/// The user in whose name the administrator asks, if there is one.
fn impersonated(headers: &HeaderMap) -> Option<User> {
    let name = headers.get("impersonate-user")?.to_str().ok()?;
    let groups: Vec<&str> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|group| group.to_str().ok())
        .collect();
    Some(
        match name
            .strip_prefix("system:serviceaccount:")
            .and_then(|account| account.split_once(':'))
        {
            Some((namespace, _)) if groups.is_empty() => {
                let of_namespace = format!("system:serviceaccounts:{namespace}");
                User::named(name, &["system:serviceaccounts", &of_namespace])
            }
            _ => User::named(name, &groups),
        },
    )
}

fn unauthorised() -> Response<Body> {
    let status = Status::new(Reason::Unauthorized, "Unauthorized");
    let mut response = Response::new(Body::whole(status.to_json().to_string()));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, header::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_administrator_may_ask_in_the_name_of_others() {
        assert_eq!(impersonated(&headers(&[])), None);
        let jane = headers(&[
            ("impersonate-user", "jane"),
            ("impersonate-group", "a"),
            ("impersonate-group", "b"),
        ]);
        assert_eq!(impersonated(&jane), Some(User::named("jane", &["a", "b"])));
        let account = impersonated(&headers(&[("impersonate-user", "system:serviceaccount:ns:x")])).unwrap();
        assert!(account.is_in("system:serviceaccounts:ns"), "{account:?}");
    }
}
