//! Who asks, and whether they may.

use http::{HeaderMap, Method};

use super::{Query, route::ResourcePath};
use crate::{
    Status, User,
    policy::rbac::Attributes,
    server::{Inner, selector::FieldSelector},
};

impl Inner {
    /// The user that the request is to be made for: another one, if it says so and may.
    pub(super) fn impersonated(&self, user: &User, headers: &HeaderMap) -> Result<User, Status> {
        let all = |name: &str| -> Vec<String> {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect()
        };
        let (names, groups) = (all("impersonate-user"), all("impersonate-group"));
        let Some(name) = names.into_iter().next() else {
            if groups.is_empty() {
                return Ok(user.clone());
            }
            return Err(crate::server::refusal::bad_request(
                "requested [{Group}] without impersonating a user",
            ));
        };
        let may = |resource: &str, namespace: &str, name: &str| {
            self.rbac.authorize(
                self,
                &Attributes {
                    user,
                    verb: "impersonate",
                    group: "",
                    resource,
                    subresource: "",
                    namespace,
                    name,
                    path: "",
                },
            )
        };
        match name
            .strip_prefix("system:serviceaccount:")
            .and_then(|account| account.split_once(':'))
        {
            Some((namespace, account)) => may("serviceaccounts", namespace, account)?,
            None => may("users", "", &name)?,
        }
        for group in &groups {
            may("groups", "", group)?;
        }
        let mut groups = groups;
        if groups.is_empty()
            && let Some((namespace, _)) = name
                .strip_prefix("system:serviceaccount:")
                .and_then(|account| account.split_once(':'))
        {
            groups.push("system:serviceaccounts".to_owned());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        if name != "system:anonymous" && !groups.iter().any(|group| group == "system:authenticated") {
            groups.push("system:authenticated".to_owned());
        }
        Ok(User { name, groups })
    }

    /// Whether the user may do that with a path that is about no object.
    pub(super) fn may_reach(&self, user: &User, method: &Method, path: &str) -> Result<(), Status> {
        let verb = method.as_str().to_ascii_lowercase();
        self.rbac.authorize(self, &Attributes::path(user, &verb, path))
    }

    /// Whether the user may do that with those objects.
    pub(super) fn may_do(
        &self,
        user: &User,
        method: &Method,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<(), Status> {
        // A list or a watch of one name is about that object.
        let selected = (path.name.is_empty() && *method == Method::GET)
            .then(|| FieldSelector::name_in(query.text("fieldSelector")))
            .flatten();
        self.rbac.authorize(
            self,
            &Attributes {
                user,
                verb: verb(method, path, query),
                group: &path.group,
                resource: &path.resource,
                subresource: &path.subresource,
                namespace: &path.namespace,
                name: selected.as_deref().unwrap_or(&path.name),
                path: "",
            },
        )
    }

    /// Whether the user may also create what an apply found missing.
    pub(super) fn may_create(&self, user: &User, path: &ResourcePath) -> Result<(), Status> {
        self.rbac.authorize(
            self,
            &Attributes {
                user,
                verb: "create",
                group: &path.group,
                resource: &path.resource,
                subresource: "",
                namespace: &path.namespace,
                name: &path.name,
                path: "",
            },
        )
    }
}

fn verb(method: &Method, path: &ResourcePath, query: &Query) -> &'static str {
    let one = !path.name.is_empty();
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if one => "delete",
        Method::DELETE => "deletecollection",
        _ if query.flag("watch") => "watch",
        _ if one => "get",
        _ => "list",
    }
}
