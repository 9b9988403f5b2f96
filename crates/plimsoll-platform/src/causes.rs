//! An error and its causes, as one line for people.

use std::error::Error;

/// An error with all that caused it, each said once. Of what an API server answers, its message: the rest of the answer is
/// for machines.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let answer = answer(error);
        let said = answer.map_or_else(|| error.to_string(), str::to_owned);
        if !text.ends_with(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        // The cause of an answer is the same answer once more, as it was sent.
        next = error.source().filter(|_| answer.is_none());
    }
    text
}

/// The message of an API server's answer.
fn answer<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
    match error.downcast_ref()? {
        kube::Error::Api(status) if !status.message.is_empty() => Some(&status.message),
        _ => None,
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
