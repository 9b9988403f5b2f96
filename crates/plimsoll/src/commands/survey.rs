//! `plimsoll survey`: what the platform has.

use plimsoll_platform::{Ground, Inventory, Platform};

use super::{Ended, Voice, block_on, connect, print, print_json, simulated};
use crate::{
    cli::{OutputFormat, SurveyArgs},
    failure::Failure,
};

pub(crate) fn survey(args: &SurveyArgs, voice: Voice) -> Ended {
    if let Some(chosen) = simulated::chosen(&args.simulated)? {
        return simulated::in_virtual_time(async || {
            let ground = chosen.bring_up().await?;
            let ended = look(&ground.platform, args.format, voice).await;
            ground.simulation.stop().await;
            ended
        });
    }
    block_on(async {
        let platform = connect(&args.cluster).await?;
        look(&platform, args.format, voice).await
    })
}

async fn look(platform: &Platform, format: OutputFormat, voice: Voice) -> Ended {
    let inventory = plimsoll_platform::survey(platform)
        .await
        .map_err(|error| Failure::unreachable(&error))?;
    let mark = mark(platform.ground());
    match format {
        OutputFormat::Json => print_json(&Marked {
            mark,
            inventory: &inventory,
        })?,
        OutputFormat::Text => {
            if let Some(mark) = mark {
                voice.say(format!(
                    "{mark}: Plimsoll's own ground, no statement about any product"
                ));
            }
            print(&crate::inventory_table::render(&inventory))?;
        }
    }
    Ok(0)
}

/// The inventory, and the word for ground that is nobody's product.
#[derive(serde::Serialize)]
struct Marked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<&'static str>,
    #[serde(flatten)]
    inventory: &'a Inventory,
}

fn mark(ground: &Ground) -> Option<&'static str> {
    match ground {
        Ground::Cluster => None,
        Ground::Lab(_) => Some("LAB"),
        Ground::Simulated(_) => Some("SIMULATED"),
    }
}
