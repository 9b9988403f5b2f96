//! An error and its causes, as one line for people.

use std::error::Error;

/// An error with all that caused it, each said once. Of what an API server answers, its message: the rest of the answer is
/// for machines.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = said(error);
    let mut last = error;
    while let Some(cause) = last.source() {
        let its = said(cause);
        if !text.ends_with(&its) {
            text.push_str(": ");
            text.push_str(&its);
        }
        last = cause;
    }
    text
}

fn said(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref() {
        Some(kube::Error::Api(status)) if !status.message.is_empty() => status.message.clone(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;
    use crate::ApiError;

    #[test]
    fn an_answer_of_the_server_is_told_once_and_by_its_message() {
        let status = Status::failure("pods \"p\" is forbidden", "Forbidden").with_code(403);
        let error = ApiError::new("list pods", kube::Error::Api(Box::new(status)));
        assert_eq!(chain(&error), format!("{error}: pods \"p\" is forbidden"));
    }

    #[test]
    fn every_other_cause_is_told() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::fmt::Error);
        assert_eq!(
            chain(&Outer(std::fmt::Error)),
            format!("outer: {}", std::fmt::Error)
        );
    }
}
