//! Where objects are, and how they are asked for.

use kube::core::ApiResource;
use serde_json::Value;

use super::Stage;
use crate::{
    path::at,
    request::{Answer, Asked},
};

/// A collection, or an object in it.
pub(super) struct Target {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
    pub(super) name: Option<String>,
}

impl Stage<'_> {
    pub(super) fn asked<'b>(
        &self,
        method: &'b str,
        path: Option<String>,
        body: Option<&Value>,
        user: Option<&'b str>,
    ) -> Asked<'b> {
        Asked {
            method,
            // A kind that is not served is asked for all the same: its refusal is the transcript.
            path: path.unwrap_or_else(|| "/apis/not.served/v1/nothing".to_owned()),
            body: body.map(|body| body.to_string().into_bytes()),
            user,
            ..Asked::default()
        }
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: String,
        body: Option<&Value>,
    ) -> Result<Answer, kube::Error> {
        self.asked(method, Some(path), body, None)
            .send(&self.ground.client)
            .await
    }

    pub(super) fn filled(&self, value: &Value) -> Value {
        let text = value
            .to_string()
            .replace("$NS", self.namespace)
            .replace("$PROBE", &self.ground.probe);
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) fn target(&self, of: &str) -> Option<Target> {
        let (collection, name) = match of.split_once('/') {
            Some((collection, name)) => (collection, Some(name.replace("$NS", self.namespace))),
            None => (of, None),
        };
        let (plural, group) = collection.split_once('.').unwrap_or((collection, ""));
        let (resource, namespaced) = self.ground.apis.plural(group, plural)?;
        Some(Target {
            resource,
            namespaced,
            name,
        })
    }

    pub(super) fn of_target(&self, of: &str, subresource: Option<&str>, query: &str) -> Option<String> {
        let target = self.target(of)?;
        Some(self.path(
            &target.resource,
            target.namespaced,
            target.name.as_deref(),
            subresource,
            query,
        ))
    }

    pub(super) fn of_manifest(
        &self,
        object: &Value,
        subresource: Option<&str>,
        query: &str,
        named: bool,
    ) -> Option<String> {
        let text = |path: &str| at(object, path).as_str().map(str::to_owned);
        let (version, kind) = (text("apiVersion")?, text("kind")?);
        let resource = self.ground.apis.named(&version, &kind)?;
        let namespaced = self.ground.apis.is_namespaced(&version, &kind)?;
        let name = if named { text("metadata.name") } else { None };
        Some(self.path(&resource, namespaced, name.as_deref(), subresource, query))
    }

    pub(super) fn path(
        &self,
        resource: &ApiResource,
        namespaced: bool,
        name: Option<&str>,
        subresource: Option<&str>,
        query: &str,
    ) -> String {
        let mut path = if resource.group.is_empty() {
            "/api/"
        } else {
            "/apis/"
        }
        .to_owned();
        path.push_str(&resource.api_version);
        if namespaced {
            path.push_str("/namespaces/");
            path.push_str(self.namespace);
        }
        for part in [Some(resource.plural.as_str()), name, subresource]
            .into_iter()
            .flatten()
        {
            path.push('/');
            path.push_str(part);
        }
        if !query.is_empty() {
            path.push('?');
            path.push_str(query);
        }
        path
    }
}
