//! The Go compiler.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::component::{Component, Output};

/// An installed Go.
#[derive(Debug)]
pub(crate) struct Go {
    version: String,
}

/// Why Go could not build a component.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GoError {
    #[error(
        "Go is not installed (no `go` in PATH): the lab compiles Kubernetes from its Go modules, see https://go.dev/dl"
    )]
    NotInstalled,
    #[error("could not run `go`")]
    Spawn(#[source] io::Error),
    #[error("could not write the module's files to `{path}`")]
    Module { path: PathBuf, source: io::Error },
    #[error("`go build {package}` failed for the component `{component}`:\n{said}")]
    Failed {
        component: String,
        package: String,
        said: String,
    },
}

impl Go {
    /// The Go in `PATH`.
    pub(crate) fn find() -> Result<Self, GoError> {
        let output = go()
            .args(["env", "GOVERSION"])
            .output()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => GoError::NotInstalled,
                _ => GoError::Spawn(error),
            })?;
        Ok(Self {
            version: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        })
    }

    /// For example `go1.26.8`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Builds all executables of a component into `folder`.
    pub(crate) fn build(&self, component: &Component, folder: &Path) -> Result<(), GoError> {
        let module = tempfile::tempdir().map_err(GoError::Spawn)?;
        for (name, content) in &component.module {
            let path = module.path().join(name);
            fs::write(&path, content).map_err(|source| GoError::Module { path, source })?;
        }
        for output in &component.facts.outputs {
            build_one(component, output, module.path(), folder)?;
        }
        Ok(())
    }
}

fn build_one(component: &Component, output: &Output, module: &Path, folder: &Path) -> Result<(), GoError> {
    let built = go()
        .args([
            "build",
            "-trimpath",
            "-mod=readonly",
            "-tags",
            &output.tags,
            "-ldflags",
            &output.ldflags,
            "-o",
        ])
        .arg(folder.join(&output.binary))
        .arg(&output.package)
        .current_dir(module)
        .output()
        .map_err(GoError::Spawn)?;
    if built.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&built.stderr).trim_end().to_owned();
        Err(GoError::Failed {
            component: component.name.clone(),
            package: output.package.clone(),
            said,
        })
    }
}

fn go() -> Command {
    let mut command = Command::new("go");
    // The modules name their versions; nothing of the caller's workspace may change what is built.
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env_remove("GOFLAGS")
        .stdin(Stdio::null());
    command
}
