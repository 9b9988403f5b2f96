//! What ends a command early, and the exit code it gets.

use std::{error::Error, io};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, MietteDiagnostic};
use plimsoll_platform::ConnectError;

/// Exit code for bad input.
pub(crate) const BAD_INPUT: u8 = 3;
/// Exit code for a platform that can't be reached.
pub(crate) const UNREACHABLE: u8 = 4;
/// Exit code after an interrupt.
pub(crate) const INTERRUPTED: u8 = 130;

/// Ends a command: a diagnostic for people and an exit code for scripts.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    diagnostic: Box<dyn Diagnostic + Send + Sync>,
}

impl Failure {
    /// Something the user gave can't be used.
    pub(crate) fn input(error: &(dyn Error + 'static)) -> Self {
        Self::of(BAD_INPUT, error, None)
    }

    /// The same, with what to do about it.
    pub(crate) fn input_with_help(error: &(dyn Error + 'static), help: impl Into<String>) -> Self {
        Self::of(BAD_INPUT, error, Some(help.into()))
    }

    /// A file the user gave can't be used; the diagnostic points at the places in it.
    pub(crate) fn in_file(diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self {
            code: BAD_INPUT,
            diagnostic: Box::new(diagnostic),
        }
    }

    /// The platform did not answer as a platform does.
    pub(crate) fn unreachable(error: &(dyn Error + 'static)) -> Self {
        Self::of(UNREACHABLE, error, None)
    }

    fn of(code: u8, error: &(dyn Error + 'static), help: Option<String>) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some libraries print their cause in their own message: say it once.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = cause.source();
        }
        let mut diagnostic = MietteDiagnostic::new(message);
        diagnostic.help = help;
        Self {
            code,
            diagnostic: Box::new(diagnostic),
        }
    }

    /// Prints the diagnostic on standard error and gives the exit code.
    pub(crate) fn report(&self) -> u8 {
        let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        let theme = if colours {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut text = String::new();
        if GraphicalReportHandler::new_themed(theme)
            .render_report(&mut text, &*self.diagnostic)
            .is_err()
        {
            text = self.diagnostic.to_string();
        }
        anstream::eprint!("{text}");
        self.code
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let (code, help) = match &error {
            ConnectError::NoKubeconfig { .. } => (
                UNREACHABLE,
                Some(
                    "name a cluster with --kubeconfig or $KUBECONFIG, bring up a real one on this machine with plimsoll-lab, or look at a simulated one with --simulate",
                ),
            ),
            ConnectError::Unreadable { .. }
            | ConnectError::Garbled { .. }
            | ConnectError::UnknownContext { .. }
            | ConnectError::NoContext { .. }
            | ConnectError::Incomplete { .. } => (BAD_INPUT, None),
            ConnectError::Credentials { .. } | ConnectError::Unauthorised { .. } => (
                UNREACHABLE,
                Some("log in again, or choose another context with --context"),
            ),
            ConnectError::Unreachable { .. } | ConnectError::Silent { .. } => (
                UNREACHABLE,
                Some(
                    "is the API server up, and is its address in the kubeconfig reachable from here? Proxies are taken from HTTPS_PROXY",
                ),
            ),
            ConnectError::InCluster { .. }
            | ConnectError::Tls { .. }
            | ConnectError::NotKubernetes { .. }
            | ConnectError::Unsupported { .. }
            | ConnectError::Api { .. } => (UNREACHABLE, None),
        };
        Self::of(code, &error, help.map(str::to_owned))
    }
}
