//! The controllers of a cluster: each brings one kind of thing, step by step, to what its spec says.
//!
//! A controller decides in plain functions from what the store holds, and a loop around them ([`work`]) says when. They
//! share how they read objects ([`facts`]) and how they make and take in pods ([`pods`]). Events, conditions and
//! messages are worded as those of the real controllers, because people and checks read them.

mod deployment;
mod endpoints;
mod facts;
mod garbage;
mod job;
mod namespace;
mod pods;
mod replicaset;
mod resource_claim;
mod revisions;
mod service_account;
#[cfg(test)]
mod stand;
mod statefulset;
mod status_write;
mod work;

use futures::future::{BoxFuture, join_all};
use plimsoll_apiserver::Direct;

pub(crate) use status_write::status_of;

use crate::{Faults, platform::Latencies};

macro_rules! controllers {
    ($($name:ident)*) => {
        /// Runs every controller for as long as the platform lives.
        pub async fn run_all(api: Direct, latencies: Latencies, faults: Faults) {
            let all: Vec<BoxFuture<'static, ()>> = vec![
                $(Box::pin($name::run(api.clone(), latencies, faults.clone())),)*
            ];
            join_all(all).await;
        }
    };
}

controllers! {
    deployment
    endpoints
    garbage
    job
    namespace
    replicaset
    resource_claim
    service_account
    statefulset
}
