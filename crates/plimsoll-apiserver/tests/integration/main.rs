//! The server as clients meet it, over HTTP requests.

mod client;
mod policy;
