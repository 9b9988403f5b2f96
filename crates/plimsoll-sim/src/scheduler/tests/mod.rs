//! The scheduler beside a real API server, on virtual time.

mod bench;
mod devices;
mod gang_defects;
mod gang_domains;
mod gangs;
mod pods;
mod scale;
