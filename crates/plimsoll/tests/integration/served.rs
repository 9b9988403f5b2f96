//! A simulated platform on a loopback port.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{plimsoll, text};

#[test]
fn a_port_in_use_is_told() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = plimsoll(home.path(), &["simulate", "minimal", "--port", &port]);
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!("port {port} of this machine is in use")),
        "{said}"
    );
    assert!(said.contains("--port"), "{said}");
}

#[test]
fn a_kubeconfig_that_is_there_is_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    std::fs::write(&file, "mine").unwrap();
    let output = plimsoll(home.path(), &["simulate", "minimal", "--kubeconfig", "config"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
}

/// A served platform that is up.
pub(crate) struct Served {
    child: Child,
    pub(crate) kubeconfig: PathBuf,
}

impl Served {
    pub(crate) fn up(home: &std::path::Path, platform: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["simulate", platform, "--kubeconfig", "config"])
            .env_clear()
            .env("HOME", home)
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            kubeconfig: home.join(line.trim()),
        }
    }

    fn interrupt(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_served_platform_is_surveyed_like_any_other_and_cleans_up_after_itself() {
    let home = tempfile::tempdir().unwrap();
    let mut served = Served::up(home.path(), "minimal");
    let output = plimsoll(
        home.path(),
        &["survey", "--kubeconfig", "config", "--format", "json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let inventory: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(inventory["mark"], "SIMULATED");
    assert_eq!(served.interrupt(), Some(0));
    assert!(
        !served.kubeconfig.exists(),
        "the kubeconfig goes with the platform"
    );
}
