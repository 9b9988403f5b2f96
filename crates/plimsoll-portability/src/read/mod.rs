//! Manifests as people have them: files, folders, what `helm template` and `kustomize build` print.
//!
//! [`read`] streams each source document by document and keeps what workloads are made of; how much it takes is
//! bounded. What is no object of Kubernetes, or a template that nobody rendered, is told and doesn't end the reading.

mod document;
mod fault;
mod source;
mod template;

pub use document::{Document, Manifests, Note};
pub use fault::{ReadError, ReadFault};
pub use source::{Limits, Source};

/// Reads manifests from sources, in their order.
///
/// # Errors
/// All faults of the input at once: what can't be read, is no YAML, or is too large.
pub fn read(sources: Vec<Source>, limits: Limits) -> Result<Manifests, ReadError> {
    let mut manifests = Manifests::default();
    let mut faults = Vec::new();
    let mut budget = limits.total;
    for source in sources {
        if let Err(mut found) = source.read(limits, &mut budget, &mut manifests) {
            faults.append(&mut found);
        }
    }
    if faults.is_empty() {
        Ok(manifests)
    } else {
        Err(ReadError { faults })
    }
}
