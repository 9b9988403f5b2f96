//! `plimsoll cleanup`: removes what earlier runs left.

use super::{Ended, Voice, block_on, connect};
use crate::{cli::CleanupArgs, failure::Failure};

pub(crate) fn cleanup(args: &CleanupArgs, voice: Voice) -> Ended {
    block_on(async {
        let platform = connect(&args.cluster).await?;
        if args.dry_run {
            let leftovers = plimsoll_platform::leftovers(&platform)
                .await
                .map_err(|error| Failure::unreachable(&error))?;
            for leftover in &leftovers {
                let state = if leftover.alive { "may be alive" } else { "dead" };
                voice.say(format!(
                    "run {} ({state}): {}",
                    leftover.run,
                    leftover.objects.join(", ")
                ));
            }
            voice.say(format!(
                "{} run(s) left something; nothing was removed",
                leftovers.len()
            ));
            return Ok(0);
        }
        let done = plimsoll_platform::cleanup_all(&platform, args.force)
            .await
            .map_err(|error| Failure::unreachable(&error))?;
        for removed in &done.removed {
            voice.say(format!("removed {removed}"));
        }
        for skipped in &done.skipped {
            voice.say(format!("left alone: {skipped}; --force removes it all the same"));
        }
        for left in &done.left {
            voice.say(format!("could not remove {left}"));
        }
        if done.removed.is_empty() && done.left.is_empty() && done.skipped.is_empty() {
            voice.say("nothing is left of any run");
        }
        Ok(u8::from(!done.left.is_empty()))
    })
}
