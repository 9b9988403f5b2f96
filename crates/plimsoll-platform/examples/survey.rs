//! Surveys the current context's cluster, prints the inventory as JSON, and says how long that took.

use std::{error::Error, io::Write, time::Instant};

use plimsoll_platform::{ConnectOptions, Platform, survey};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let platform = Platform::connect(&ConnectOptions::default()).await?;
    let connected = started.elapsed();
    let inventory = survey(&platform).await?;
    let surveyed = started.elapsed() - connected;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &inventory)?;
    writeln!(out)?;
    writeln!(
        std::io::stderr(),
        "connected in {connected:?}, surveyed in {surveyed:?}, ground {:?}",
        platform.ground()
    )?;
    Ok(())
}
