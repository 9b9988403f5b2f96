//! The probe's OCI image, built in process.
