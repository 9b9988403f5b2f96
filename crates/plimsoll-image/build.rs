//! Builds the probe as a static binary and writes the list of those that the library embeds.
//!
//! The nested build has a target directory of its own beside the outer one, because cargo holds the lock on the
//! outer one while this script runs. A binary built elsewhere is taken instead when `PLIMSOLL_PROBE_AMD64` or
//! `PLIMSOLL_PROBE_ARM64` names its file; that is also how an image for both architectures is made on one machine.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

/// An architecture of the image: the name OCI has for it, the enum variant, cargo's target, the override.
struct Architecture {
    variant: &'static str,
    cargo_arch: &'static str,
    target: &'static str,
    prebuilt: &'static str,
}

const ARCHITECTURES: [Architecture; 2] = [
    Architecture {
        variant: "Amd64",
        cargo_arch: "x86_64",
        target: "x86_64-unknown-linux-gnu",
        prebuilt: "PLIMSOLL_PROBE_AMD64",
    },
    Architecture {
        variant: "Arm64",
        cargo_arch: "aarch64",
        target: "aarch64-unknown-linux-gnu",
        prebuilt: "PLIMSOLL_PROBE_ARM64",
    },
];

/// What the nested cargo may know of the outer one: where things are and how to reach registries. Everything else
/// (flags, wrappers such as clippy's driver, the outer package's metadata) would change what is built.
const PASSED_ON: [&str; 11] = [
    "CARGO",
    "CARGO_HOME",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "CARGO_INCREMENTAL",
    "CARGO_LOG",
];

/// Set for build scripts beside the `CARGO_*` ones, and just as foreign to the probe.
const BUILD_SCRIPT_VARIABLES: [&str; 12] = [
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "TARGET",
    "HOST",
    "OPT_LEVEL",
    "PROFILE",
    "DEBUG",
    "OUT_DIR",
    "NUM_JOBS",
];

fn main() -> Result<(), Box<dyn Error>> {
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let native = env::var("CARGO_CFG_TARGET_ARCH")?;
    let mut entries = String::new();
    for architecture in &ARCHITECTURES {
        println!("cargo::rerun-if-env-changed={}", architecture.prebuilt);
        let built = match env::var_os(architecture.prebuilt) {
            Some(path) => {
                let path = PathBuf::from(path);
                println!("cargo::rerun-if-changed={}", path.display());
                path
            }
            None if architecture.cargo_arch == native => build_probe(architecture, &out_dir)?,
            None => continue,
        };
        let embedded = out_dir.join(format!("plimsoll-probe-{}.gz", architecture.cargo_arch));
        compress(&built, &embedded)
            .map_err(|error| format!("cannot compress {}: {error}", built.display()))?;
        entries.push_str(&format!(
            "(Architecture::{}, include_bytes!({:?})),",
            architecture.variant,
            embedded.display().to_string()
        ));
    }
    if entries.is_empty() {
        return Err(format!(
            "the probe cannot be built for {native}: name a binary built elsewhere with {} or {}",
            ARCHITECTURES[0].prebuilt, ARCHITECTURES[1].prebuilt
        )
        .into());
    }
    fs::write(out_dir.join("probes.rs"), format!("&[{entries}]"))?;
    Ok(())
}

/// Compresses a binary to what is embedded: about half of it.
fn compress(binary: &Path, to: &Path) -> io::Result<()> {
    let mut encoder = GzEncoder::new(File::create(to)?, Compression::best());
    io::copy(&mut File::open(binary)?, &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

/// Builds the probe and says where it is.
fn build_probe(architecture: &Architecture, out_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = manifest_dir
        .ancestors()
        .nth(2)
        .ok_or("the package is not two folders below its workspace")?;
    let probe = workspace.join("crates/plimsoll-probe");
    for input in ["src", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", probe.join(input).display());
    }
    for input in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let target_dir = nested_target_dir(out_dir)?;
    let mut cargo = Command::new(env::var_os("CARGO").ok_or("CARGO is not set")?);
    cargo
        .args([
            "build",
            "--package",
            "plimsoll-probe",
            "--bin",
            "plimsoll-probe",
            "--profile",
            "probe",
        ])
        .args(["--target", architecture.target])
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(workspace);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let of_cargo = name.starts_with("CARGO") && !PASSED_ON.iter().any(|kept| is_passed_on(&name, kept));
        if of_cargo || name.starts_with("DEP_") || BUILD_SCRIPT_VARIABLES.contains(&name.as_ref()) {
            cargo.env_remove(name.as_ref());
        }
    }
    // The same source gives the same image wherever it is checked out: no path of this machine in the binary.
    let mut flags = vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=/plimsoll", workspace.display()),
    ];
    if let Some(home) = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
    {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));

    let output = cargo.output()?;
    if !output.status.success() {
        return Err(format!(
            "the probe's own build failed ({}); it needs the target {} and the C library's static archive \
             (Debian: libc6-dev, Fedora: glibc-static)\n{}",
            output.status,
            architecture.target,
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(target_dir
        .join(architecture.target)
        .join("probe")
        .join("plimsoll-probe"))
}

/// Whether a variable is the kept one, or, where that ends in an underscore, one of its family.
fn is_passed_on(name: &str, kept: &str) -> bool {
    if kept.ends_with('_') {
        name.starts_with(kept)
    } else {
        name == kept
    }
}

/// A folder beside the profile folder that this script's output is under.
fn nested_target_dir(out_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let build = out_dir
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"))
        .ok_or("the output folder is not below a build folder")?;
    let target = build
        .ancestors()
        .nth(2)
        .ok_or("the build folder is not below a target folder")?;
    Ok(target.join("probe"))
}
