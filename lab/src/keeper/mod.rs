//! Keepers: the first process of a PID namespace, which starts and reaps a lab's processes.
//!
//! One keeper holds the control plane and one holds each node. Everything a lab runs, containers included,
//! lives below a keeper, so ending the keeper ends all of it: the kernel kills a PID namespace whole when its
//! first process goes, and private mounts and network namespaces go with their last process. That is what
//! makes `down` work after anything was killed in any order, without a list of process ids to trust.
//!
//! - [`protocol`] what a keeper is asked over its socket, and answers;
//! - [`launch`] starts a keeper in fresh namespaces;
//! - [`client`] asks a running keeper;
//! - [`serve`], [`table`], [`readiness`], [`ground`] are the keeper itself.

pub(crate) mod client;
pub(crate) mod ground;
pub(crate) mod launch;
pub(crate) mod protocol;
pub(crate) mod readiness;
pub(crate) mod serve;
pub(crate) mod table;

/// The variable that every process of a lab carries, with the lab's name.
pub(crate) const MARK: &str = "PLIMSOLL_LAB_OF";
