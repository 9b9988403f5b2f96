//! Tokens of service accounts.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{View, fields::strings, refusal};
use crate::{
    Clock, GroupResource, Reason, Seed, Status, User, resources,
    schema::{Cause, invalid},
};

/// The audience of tokens that name none: this server.
pub const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

/// The tokens that were handed out. They say nothing by themselves, so nothing of an account can be read from one.
#[derive(Debug, Default)]
pub struct Tokens {
    issued: Mutex<BTreeMap<String, Issued>>,
}

/// What is known of a token.
#[derive(Clone, Debug)]
struct Issued {
    namespace: String,
    account: String,
    uid: String,
    audiences: Vec<String>,
    expires: Timestamp,
    bound: Option<Bound>,
}

/// The object that a token lives as long as.
#[derive(Clone, Debug)]
struct Bound {
    of: GroupResource,
    name: String,
    uid: String,
}

/// Whom a token belongs to.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The account as a user.
    pub user: User,
    /// The account's uid.
    pub uid: String,
    /// Whom the token is meant for.
    pub audiences: Vec<String>,
}

/// A service account as a user.
#[must_use]
pub fn service_account(namespace: &str, name: &str) -> User {
    User::named(
        &format!("system:serviceaccount:{namespace}:{name}"),
        &[
            "system:serviceaccounts",
            &format!("system:serviceaccounts:{namespace}"),
        ],
    )
}

impl Tokens {
    /// Answers a TokenRequest for a service account: the request with its `status`.
    ///
    /// # Errors
    /// `NotFound` for an account or a bound object that is not there, `Invalid`, `Conflict` or `BadRequest` for a
    /// request that breaks a rule.
    pub fn issue(
        &self,
        view: &dyn View,
        (clock, seed): (&Clock, &Seed),
        namespace: &str,
        account: &str,
        mut request: Value,
    ) -> Result<Value, Status> {
        let found = view
            .get(&resources::SERVICE_ACCOUNTS, Some(namespace), account)
            .ok_or_else(|| refusal::not_found(&resources::SERVICE_ACCOUNTS, account))?;
        let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
        check_metadata(&request, namespace, account, uid)?;
        let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(3600);
        check_duration(seconds)?;
        let bound = bound(view, namespace, account, &request["spec"]["boundObjectRef"])?;
        let mut audiences = strings(&request["spec"], "audiences");
        if audiences.is_empty() {
            audiences.push(AUDIENCE.to_owned());
        }
        let now = clock.now();
        let expires = now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX);
        let token = format!("sim.{:016x}{:016x}", seed.number(), seed.number());
        for (field, value) in [
            ("name", account),
            ("namespace", namespace),
            ("uid", uid),
            ("creationTimestamp", &second(now)),
        ] {
            request["metadata"][field] = json!(value);
        }
        request["spec"]["audiences"] = json!(audiences);
        request["spec"]["expirationSeconds"] = json!(seconds);
        request["status"] = json!({"token": token, "expirationTimestamp": second(expires)});
        let issued = Issued {
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            uid: uid.to_owned(),
            audiences,
            expires,
            bound,
        };
        let mut all = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, issued| issued.expires > now);
        all.insert(token, issued);
        Ok(request)
    }

    /// Whose token it is, as long as it is good for this server.
    pub fn authenticate(&self, view: &dyn View, clock: &Clock, token: &str) -> Option<User> {
        let bearer = self.look_up(view, clock, token)?;
        bearer
            .audiences
            .iter()
            .any(|own| own == AUDIENCE)
            .then_some(bearer.user)
    }

    /// Whose token it is, as long as account and bound object are there and the token has not run out.
    pub fn look_up(&self, view: &dyn View, clock: &Clock, token: &str) -> Option<Bearer> {
        let issued = self
            .issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(token)?
            .clone();
        let lives = |of: &GroupResource, namespace: Option<&str>, name: &str, uid: &str| {
            view.get(of, namespace, name)
                .is_some_and(|object| object["metadata"]["uid"] == uid)
        };
        let namespace = Some(issued.namespace.as_str());
        let account = lives(
            &resources::SERVICE_ACCOUNTS,
            namespace,
            &issued.account,
            &issued.uid,
        );
        let bound = issued.bound.as_ref().is_none_or(|bound| {
            let namespace = namespace.filter(|_| bound.of != resources::NODES);
            lives(&bound.of, namespace, &bound.name, &bound.uid)
        });
        (account && bound && issued.expires > clock.now()).then(|| Bearer {
            user: service_account(&issued.namespace, &issued.account),
            uid: issued.uid,
            audiences: issued.audiences,
        })
    }
}

fn check_metadata(request: &Value, namespace: &str, account: &str, uid: &str) -> Result<(), Status> {
    let given = |field: &str| request["metadata"][field].as_str().unwrap_or_default();
    for (field, value, own, why) in [
        (
            "metadata.name",
            given("name"),
            account,
            "must match the service account name if specified",
        ),
        (
            "metadata.namespace",
            given("namespace"),
            namespace,
            "must match the service account namespace if specified",
        ),
    ] {
        if !value.is_empty() && value != own {
            let cause = Cause::invalid(field, &json!(value), why);
            return Err(invalid(
                "authentication.k8s.io",
                "TokenRequest",
                account,
                &[cause],
            ));
        }
    }
    if !given("uid").is_empty() && given("uid") != uid {
        return Err(refusal::conflict(
            &GroupResource::new("authentication.k8s.io", "TokenRequest"),
            account,
            &format!(
                "the UID in the token request ({}) does not match the UID of the service account ({uid})",
                given("uid")
            ),
        ));
    }
    Ok(())
}

fn check_duration(seconds: i64) -> Result<(), Status> {
    let why = if seconds < 600 {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let cause = Cause::invalid("spec.expirationSeconds", &json!(seconds), why);
    Err(invalid("authentication.k8s.io", "TokenRequest", "", &[cause]))
}

/// The object that a token is to be bound to.
fn bound(
    view: &dyn View,
    namespace: &str,
    account: &str,
    reference: &Value,
) -> Result<Option<Bound>, Status> {
    if reference.is_null() {
        return Ok(None);
    }
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let name = text("name");
    let (of, place) = match (text("apiVersion"), text("kind")) {
        ("v1", "Pod") => (resources::PODS, Some(namespace)),
        ("v1", "Secret") => (resources::SECRETS, Some(namespace)),
        ("v1", "Node") => (resources::NODES, None),
        (version, kind) => {
            let message = format!("cannot bind token to object of type {version}, Kind={kind}");
            return Err(Status::new(Reason::BadRequest, message));
        }
    };
    let found = view
        .get(&of, place, name)
        .ok_or_else(|| refusal::not_found(&of, name))?;
    if of == resources::PODS && found["spec"]["serviceAccountName"] != account {
        return Err(Status::new(
            Reason::BadRequest,
            format!(
                "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
            ),
        ));
    }
    let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
    if !text("uid").is_empty() && text("uid") != uid {
        let why = format!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been \
             deleted and then recreated",
            text("uid")
        );
        return Err(refusal::conflict(&of, name, &why));
    }
    Ok(Some(Bound {
        of,
        name: name.to_owned(),
        uid: uid.to_owned(),
    }))
}

/// A time to the second, as objects hold it.
fn second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}
