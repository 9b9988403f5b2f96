//! What a request wants to do.

use crate::{GroupResource, Status, User, policy::refusal};

/// Who wants to do what with which object, or with which path that is no object.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Who.
    pub user: &'a User,
    /// What, such as `get`, `deletecollection`; for paths the lower-case HTTP method.
    pub verb: &'a str,
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The plural; empty for a path.
    pub resource: &'a str,
    /// Such as `log`; empty for none.
    pub subresource: &'a str,
    /// Empty for cluster-scoped objects and for all namespaces.
    pub namespace: &'a str,
    /// Empty for collections.
    pub name: &'a str,
    /// The path of a request that is about no resource.
    pub path: &'a str,
}

impl<'a> Attributes<'a> {
    /// A request about a path, such as `/healthz`.
    #[must_use]
    pub fn path(user: &'a User, verb: &'a str, path: &'a str) -> Self {
        Self {
            user,
            verb,
            path,
            group: "",
            resource: "",
            subresource: "",
            namespace: "",
            name: "",
        }
    }

    /// Whether it is about a resource.
    #[must_use]
    pub fn is_resource(&self) -> bool {
        !self.resource.is_empty()
    }

    /// Resource and subresource as rules name them.
    pub(super) fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// The refusal, `because` of what went wrong while rules were looked up, if something did.
    pub(super) fn refusal(&self, because: &str) -> Status {
        let user = &self.user.name;
        let verb = self.verb;
        let mut why = if self.is_resource() {
            let resource = self.full_resource();
            let place = match self.namespace {
                "" => "at the cluster scope".to_owned(),
                namespace => format!("in the namespace {namespace:?}"),
            };
            format!(
                "User {user:?} cannot {verb} resource {resource:?} in API group {:?} {place}",
                self.group
            )
        } else {
            format!("User {user:?} cannot {verb} path {:?}", self.path)
        };
        if !because.is_empty() {
            why = format!("{why}: {because}");
        }
        let of = GroupResource {
            group: self.group.to_owned().into(),
            resource: self.resource.to_owned().into(),
        };
        refusal::forbidden(&of, self.name, &why)
    }
}
