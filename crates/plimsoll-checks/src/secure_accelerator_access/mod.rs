//! The check `secure_accelerator_access`.
