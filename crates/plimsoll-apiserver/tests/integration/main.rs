//! The server as clients meet it, over HTTP requests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod policy;
