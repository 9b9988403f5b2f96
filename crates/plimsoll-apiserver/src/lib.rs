//! An emulated Kubernetes API server, in process.
//!
//! As much of the API as Plimsoll's checks and `kubectl` use, and that part as the real one does it: discovery, objects
//! with resourceVersions, paged lists and watches, patches with field managers, validation and defaulting by structural
//! schemas, RBAC and admission. It moves nothing by itself: schedulers, kubelets and controllers are its clients.
//!
//! [`ApiServer::handle`] answers HTTP requests, whether they come from a client in the same process or from a socket;
//! [`Direct`] is the same API for components of the same process, without the encoding.
//!
//! It knows no accelerator, no requirement and no defect.

mod body;
mod catalog;
pub mod cel;
mod clock;
pub mod convert;
mod direct;
mod faults;
pub mod patch;
pub mod policy;
mod quantity;
mod resource;
pub mod rules;
pub mod schema;
mod seed;
mod server;
mod status;
mod store;
mod user;

pub use body::Body;
pub use catalog::Gates;
pub use clock::{Clock, elapse};
pub use direct::{Change, Direct, Kind, Watch};
pub use faults::{ApiFaults, Matching, Trouble};
pub use quantity::{NoQuantity, Quantity};
pub use resource::{GroupResource, resources};
pub use seed::Seed;
pub use server::{ApiServer, Config, DeleteOptions, LogRequest, Nodes, Propagation};
pub use status::{Reason, Status};
pub use store::Object;
pub use user::User;
