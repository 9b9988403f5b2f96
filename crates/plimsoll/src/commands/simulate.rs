//! `plimsoll simulate`: a simulated platform for kubectl and everything else that speaks to clusters.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use plimsoll_sim::{
    Simulation,
    platform::Preset,
    serve::{Listening, ServeError},
};

use super::{Ended, Voice, block_on, print, simulated};
use crate::{cli::SimulateArgs, failure::Failure, interrupt::Interrupts};

pub(crate) fn simulate(args: &SimulateArgs, voice: Voice) -> Ended {
    if args.list {
        return list();
    }
    let platform = simulated::find(&args.platform, &args.size)?;
    let faults = simulated::faults(&args.defect, &platform)?;
    block_on(async {
        let mut interrupts = Interrupts::listen().map_err(|error| Failure::input(&error))?;
        let listening = Listening::on(args.port).await.map_err(|error| unserved(&error))?;
        let simulation = Simulation::start_at(&platform, args.seed, &faults, Timestamp::now())
            .await
            .map_err(|error| Failure::input(&error))?;
        let context = format!("plimsoll-simulated-{}", platform.name);
        let path = args
            .kubeconfig
            .clone()
            .unwrap_or_else(|| default_path(listening.address().port()));
        let kubeconfig = Kubeconfig::write(&path, &listening.kubeconfig(&context)).map_err(|source| {
            Failure::input(&Unwritable {
                path: path.clone(),
                source,
            })
        })?;
        voice.say(format!(
            "SIMULATED: the platform `{}` is at https://{} until Ctrl-C\n\n  export KUBECONFIG={}\n  kubectl get nodes\n",
            platform.name,
            listening.address(),
            kubeconfig.path.display(),
        ));
        // For scripts that start this and go on once it is there.
        print(&format!("{}\n", kubeconfig.path.display()))?;
        listening
            .serve(simulation.server().clone(), interrupts.next())
            .await;
        voice.say("stopping");
        simulation.stop().await;
        drop(kubeconfig);
        Ok(0)
    })
}

fn list() -> Ended {
    let mut text = String::new();
    for preset in Preset::all() {
        text.push_str(&format!("{:<22} {}\n", preset.name, preset.spec().description));
    }
    print(&text)?;
    Ok(0)
}

fn unserved(error: &ServeError) -> Failure {
    match error {
        ServeError::PortInUse { .. } => Failure::input_with_help(
            error,
            "choose another one with --port, or none: then any that is free",
        ),
        ServeError::Listen { .. } | ServeError::Certificate(_) | ServeError::Tls(_) => Failure::input(error),
    }
}

fn default_path(port: u16) -> PathBuf {
    std::env::temp_dir().join(format!("plimsoll-simulated-{port}.kubeconfig"))
}

/// A kubeconfig that goes away with the platform it is for.
struct Kubeconfig {
    path: PathBuf,
    text: String,
}

impl Kubeconfig {
    /// Writes a new file that only its owner can read; one that is there is never overwritten.
    fn write(path: &Path, text: &str) -> io::Result<Self> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        // What somebody else put there meanwhile is theirs.
        if fs::read_to_string(&self.path).is_ok_and(|found| found == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The kubeconfig can't be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the kubeconfig `{}`", path.display())]
struct Unwritable {
    path: PathBuf,
    source: io::Error,
}
