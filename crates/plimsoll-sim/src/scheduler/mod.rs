//! The scheduler: places pods on nodes, one by one or as gangs, and gives their claims devices.
#![allow(dead_code)]

mod amount;
mod cluster;
mod dra;
mod fit;
mod labels;
mod pod;
mod refusal;
mod resources;

type Object = std::sync::Arc<serde_json::Value>;
