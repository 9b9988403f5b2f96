//! One folder per requirement: its check, adapters and objects.
