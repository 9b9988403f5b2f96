//! Runs the scenarios on the cluster of a kubeconfig and compares their transcripts with the kept ones; with
//! `--record` they become the kept ones. Meant for the lab: `cargo run -p plimsoll-differential --example differential
//! -- --kubeconfig FILE --probe IMAGE [--record] [NAME…]`.

use std::{error::Error, fs, io::Write as _, path::Path, path::PathBuf};

use plimsoll_differential::{Ground, SCENARIOS, Scenario, compare, file, perform, recorded};
use plimsoll_platform::{ConnectOptions, Platform};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut kubeconfig, mut probe, mut record, mut names) = (None, None, false, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--kubeconfig" => kubeconfig = arguments.next().map(PathBuf::from),
            "--probe" => probe = arguments.next(),
            "--record" => record = true,
            _ => names.push(argument),
        }
    }
    let platform = Platform::connect(&ConnectOptions {
        kubeconfig,
        ..ConnectOptions::default()
    })
    .await?;
    let ground = Ground::of(&platform, &probe.ok_or("--probe IMAGE is missing")?).await?;
    let folder = Path::new(SCENARIOS);
    let mut scenarios = Scenario::all(folder)?;
    scenarios.retain(|scenario| {
        names.is_empty() || names.iter().any(|name| scenario.name.starts_with(name.as_str()))
    });
    let prefix = format!("d{}", std::process::id());
    let transcripts = perform(&ground, &scenarios, &prefix, 8).await;
    let mut out = std::io::stdout().lock();
    let (mut equal, mut different) = (0, 0);
    for (name, found) in &transcripts {
        if record {
            fs::write(file(folder, name), found)?;
            continue;
        }
        let expected = recorded(folder, name)?.unwrap_or_default();
        match compare(name, &expected, found) {
            None => equal += 1,
            Some(difference) => {
                different += 1;
                writeln!(out, "== {}\n{}", difference.name, difference.lines)?;
            }
        }
    }
    writeln!(
        out,
        "{} scenarios: {equal} passed, {different} failed",
        transcripts.len()
    )?;
    if different > 0 {
        return Err("transcripts differ".into());
    }
    Ok(())
}
