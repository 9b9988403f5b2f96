//! Runs one part of the stack by hand.
use std::path::PathBuf;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let verb = args.next().ok_or("verb")?;
    let path = PathBuf::from(args.next().ok_or("config")?);
    match verb.to_str() {
        Some("serve") => plimsoll_accelerator::serve(plimsoll_accelerator::NodeConfig::read(&path)?).await?,
        Some("gang") => {
            plimsoll_accelerator::gang_controller::serve(serde_json::from_slice(&std::fs::read(&path)?)?)
                .await?
        }
        Some("oci") => {
            return Err(plimsoll_accelerator::oci_runtime::run(&path, &args.collect::<Vec<_>>()).into());
        }
        Some("manifests") => {
            for manifest in plimsoll_accelerator::defects::manifests(path.to_str().unwrap()) {
                println!("---\n{manifest}");
            }
        }
        _ => return Err("verb".into()),
    }
    Ok(())
}
