//! The API over HTTP.
//!
//! [`route`](self::route) reads paths, [`query`](self::query) parameters and [`accept`](self::accept) wishes; what is
//! asked becomes an [`Asked`], which the verbs in [`objects`](self::objects), [`list`](self::list),
//! [`watch`](self::watch) and [`subresources`](self::subresources) answer, shown by a
//! [`Presentation`](present::Presentation).

mod accept;
mod access;
pub(super) mod answer;
mod body;
mod connect;
mod deprecated;
mod list;
mod objects;
mod patch;
mod present;
mod query;
mod reviews;
mod route;
mod subresources;
mod watch;

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, Method, Request, header};
use bytes::Bytes;

pub(crate) use accept::{Accept, Form, not_acceptable};
pub(crate) use answer::Answer;
pub(crate) use query::Query;

use super::{Inner, Target, WriteOptions, refusal, selector::Selectors, write::Warnings};
use crate::{
    Body, Status, Trouble, User,
    catalog::{Served, Verbs},
    elapse,
    schema::FieldValidation,
};
use present::Presentation;
use route::{ResourcePath, Route};

/// A request about objects, taken apart.
struct Asked {
    /// The minor version of Kubernetes that the server is.
    minor: u32,
    user: User,
    method: Method,
    path: ResourcePath,
    served: Arc<Served>,
    query: Query,
    /// The query as it came, for proxies.
    raw_query: String,
    form: Form,
    headers: HeaderMap,
    body: Bytes,
    warnings: Warnings,
}

impl Asked {
    fn selectors(&self) -> Result<Selectors, Status> {
        let (labels, fields) = (self.query.text("labelSelector"), self.query.text("fieldSelector"));
        Selectors::parse(&self.served, &self.path.version, labels, fields)
    }

    fn presentation<'a>(&'a self, server: &Inner) -> Presentation<'a> {
        Presentation {
            served: &self.served,
            version: &self.path.version,
            form: self.form,
            now: server.config.clock.now(),
            include: self.query.text("includeObject"),
        }
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// What a write is about.
    fn target(&self) -> Result<Target<'_>, Status> {
        let dry_run = match self.query.all("dryRun") {
            [] => false,
            values if values.iter().all(|value| value == "All") => true,
            values => {
                let message = format!(
                    "Unsupported value: \"{}\": supported values: \"All\"",
                    values.join(",")
                );
                return Err(refusal::invalid(
                    "WriteOptions",
                    "meta.k8s.io",
                    "",
                    "dryRun",
                    "FieldValueNotSupported",
                    &message,
                ));
            }
        };
        let fields = match self.query.text("fieldValidation") {
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            "Ignore" => FieldValidation::Ignore,
            other => {
                let message = format!(
                    "Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
                );
                return Err(refusal::invalid(
                    "WriteOptions",
                    "meta.k8s.io",
                    "",
                    "fieldValidation",
                    "FieldValueNotSupported",
                    &message,
                ));
            }
        };
        Ok(Target {
            user: &self.user,
            version: self.path.version.clone(),
            served: Arc::clone(&self.served),
            namespace: if self.served.namespaced {
                self.path.namespace.clone()
            } else {
                String::new()
            },
            name: self.path.name.clone(),
            subresource: self.path.subresource.clone(),
            options: WriteOptions {
                dry_run,
                field_manager: self.field_manager(),
                fields,
                duplicates: Vec::new(),
                warnings: self.warnings.clone(),
                tracked: false,
            },
        })
    }

    /// The request's `fieldManager`, or what its client calls itself.
    fn field_manager(&self) -> String {
        match self.query.text("fieldManager") {
            "" => {
                let agent = self.header(header::USER_AGENT);
                let name = agent.split('/').next().unwrap_or_default();
                if name.is_empty() {
                    "unknown".to_owned()
                } else {
                    name.chars().take(128).collect()
                }
            }
            manager => manager.to_owned(),
        }
    }
}

impl Inner {
    /// Answers any request.
    pub(crate) async fn handle(&self, user: &User, request: Request<Bytes>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let latency = self.config.latency + self.faults.extra_latency(&user.name, &method, &path);
        elapse(latency).await;
        let mut answer = match self.faults.trouble(&user.name, &method, &path) {
            Some(Trouble::Refuse(status)) => answer::refusal(&status),
            Some(Trouble::RefuseAfterwards(status)) => {
                let _ = self.answer(user, request).await;
                answer::refusal(&status)
            }
            Some(Trouble::Silence) => std::future::pending().await,
            None => self
                .answer(user, request)
                .await
                .unwrap_or_else(|status| answer::refusal(&status)),
        };
        let date = self
            .config
            .clock
            .now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let headers = answer.headers_mut();
        if let Ok(date) = HeaderValue::from_str(&date) {
            headers.insert(header::DATE, date);
        }
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, private"),
        );
        answer
    }

    async fn answer(&self, user: &User, request: Request<Bytes>) -> Result<Answer, Status> {
        let (parts, body) = request.into_parts();
        let user = self.impersonated(user, &parts.headers)?;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let accept = Accept::parse(
            &parts
                .headers
                .get_all(header::ACCEPT)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .collect::<Vec<_>>()
                .join(","),
        );
        let path = match Route::of(parts.uri.path()) {
            Route::Other => {
                self.may_reach(&user, &parts.method, parts.uri.path())?;
                return Ok(self.document(&parts.method, parts.uri.path(), &accept));
            }
            Route::Resource(path) => path,
        };
        self.may_do(&user, &parts.method, &path, &query)?;
        let served = self
            .catalog()
            .find(&path.group, &path.version, &path.resource)
            .cloned();
        let Some(served) = served else {
            // The core group is always there, so it is the resource that isn't; of another group nothing is.
            return if path.group.is_empty() {
                Err(refusal::no_such_resource())
            } else {
                Ok(answer::no_such_path())
            };
        };
        let in_namespace = !path.namespace.is_empty() && served.of != crate::resources::NAMESPACES;
        if in_namespace && !served.namespaced || served.namespaced && !in_namespace && !path.name.is_empty() {
            return Ok(answer::no_such_path());
        }
        let asked = Asked {
            minor: self.config.minor,
            form: if path.subresource == "log" || path.subresource == "proxy" {
                Form::Whole
            } else {
                accept.form()?
            },
            user,
            method: parts.method,
            path,
            served,
            query,
            raw_query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            warnings: Warnings::default(),
        };
        let minor = self.config.minor;
        if let Some(warning) = deprecated::warning(minor, &asked.served, &asked.path.version) {
            asked.warnings.push(warning);
        }
        let mut answer = match self.dispatch(&asked).await {
            Ok(answer) => answer,
            Err(status) => answer::refusal(&status),
        };
        answer::warn(&mut answer, &asked.warnings.take());
        Ok(answer)
    }

    async fn dispatch(&self, asked: &Asked) -> Result<Answer, Status> {
        if asked.served.verbs == Verbs::Create {
            return self.review(asked).await;
        }
        if !asked.path.subresource.is_empty() {
            return self.subresource(asked).await;
        }
        let one = !asked.path.name.is_empty();
        match (&asked.method, one) {
            (&Method::GET | &Method::HEAD, _) if asked.query.flag("watch") => self.watch(asked),
            (&Method::GET | &Method::HEAD, true) => self.read(asked),
            (&Method::GET | &Method::HEAD, false) => self.list(asked).await,
            (&Method::POST, false) => self.post(asked).await,
            (&Method::PUT, true) => self.replace(asked).await,
            (&Method::PATCH, true) => self.patch(asked).await,
            (&Method::DELETE, true) => self.delete_one(asked).await,
            (&Method::DELETE, false) => self.delete_many(asked).await,
            _ => Err(refusal::method_not_allowed()),
        }
    }
}

/// A body that is known.
fn whole(text: impl Into<Bytes>) -> Body {
    Body::whole(text)
}

#[cfg(test)]
mod tests;
