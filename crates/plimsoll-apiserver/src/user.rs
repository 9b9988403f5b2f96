//! Who asks.

/// An authenticated user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// The name, such as `system:serviceaccount:NS:NAME`.
    pub name: String,
    /// The groups it is in, `system:authenticated` included.
    pub groups: Vec<String>,
}

impl User {
    /// A user in `system:masters`, whom no policy refuses anything.
    #[must_use]
    pub fn admin() -> Self {
        Self::named("kubernetes-admin", &["system:masters"])
    }

    /// A component of the control plane, such as `kube-scheduler`; it may do everything as well.
    #[must_use]
    pub fn component(name: &str) -> Self {
        Self::named(&format!("system:{name}"), &["system:masters"])
    }

    /// A user of that name, in those groups and in `system:authenticated`.
    #[must_use]
    pub fn named(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        groups.push("system:authenticated".to_owned());
        Self {
            name: name.to_owned(),
            groups,
        }
    }

    /// Whether it is in that group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}
