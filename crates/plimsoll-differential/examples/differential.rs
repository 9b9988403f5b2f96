//! Runs the scenarios on the cluster of a kubeconfig and compares their transcripts with the kept ones; with
//! `--record` they become the kept ones. Meant for the lab: `cargo run -p plimsoll-differential --example differential
//! -- --kubeconfig FILE --probe IMAGE [--record] [NAME…]`.

use std::{error::Error, fs, io::Write as _, path::Path, path::PathBuf};

use plimsoll_differential::{Difference, Ground, SCENARIOS, Scenario, compare, file, perform, recorded};
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
    if record {
        for (name, found) in &transcripts {
            fs::write(file(folder, name), found)?;
        }
        return Ok(());
    }
    let mut differences = differences(folder, &transcripts)?;
    let equal = transcripts.len() - differences.len();
    // Eight at a time are a load by themselves. What differs for that reason does not differ alone.
    scenarios.retain(|scenario| {
        differences
            .iter()
            .any(|difference| difference.name == scenario.name)
    });
    let again = perform(&ground, &scenarios, &format!("{prefix}-again"), 1).await;
    differences = self::differences(folder, &again)?;
    let mut out = std::io::stdout().lock();
    for difference in &differences {
        writeln!(out, "== {}\n{}", difference.name, difference.lines)?;
    }
    let different = differences.len();
    writeln!(
        out,
        "{} scenarios: {equal} passed, {} when played again alone, {different} failed",
        transcripts.len(),
        again.len() - different,
    )?;
    if different > 0 {
        return Err("transcripts differ".into());
    }
    Ok(())
}

/// Those that are not as they were recorded.
fn differences<'a>(
    folder: &Path,
    transcripts: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Vec<Difference>, Box<dyn Error>> {
    let mut differences = Vec::new();
    for (name, found) in transcripts {
        let expected = recorded(folder, name)?.unwrap_or_default();
        differences.extend(compare(name, &expected, found));
    }
    Ok(differences)
}
