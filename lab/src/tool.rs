//! Runs the machine's own tools (`ip`, `losetup`, `ctr`, …) and quotes what they say when they fail.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;

use tokio::process::Command;

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("could not run `{program}`")]
    Spawn { program: String, source: io::Error },
    #[error("`{command}` failed: {said}")]
    Failed { command: String, said: String },
}

/// Runs a tool to its end and returns what it printed.
pub(crate) async fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = A>,
) -> Result<String, ToolError> {
    let mut command = Command::new(program.as_ref());
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|source| ToolError::Spawn {
        program: program.as_ref().to_string_lossy().into_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let std = command.as_std();
    let words = std::iter::once(std.get_program())
        .chain(std.get_args())
        .map(OsStr::to_string_lossy);
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = if said.is_empty() {
        output.status.to_string()
    } else {
        said
    };
    Err(ToolError::Failed {
        command: words.collect::<Vec<_>>().join(" "),
        said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_tool_is_quoted_with_its_command() {
        let error = run("ls", ["/no/such/place"]).await.unwrap_err().to_string();
        assert!(
            error.starts_with("`ls /no/such/place` failed:") && error.contains("No such file"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_tool_that_is_not_installed_is_named() {
        let error = run("no-such-tool", ["x"]).await.unwrap_err();
        assert_eq!(error.to_string(), "could not run `no-such-tool`");
    }
}
