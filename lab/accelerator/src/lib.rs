//! The lab's reference accelerator stack: DRA driver, device plugin, exporter.
