//! The scheduler beside a real API server, on virtual time.

mod bench;
mod devices;
mod gang_defects;
mod gangs;
mod pods;
mod scale;
