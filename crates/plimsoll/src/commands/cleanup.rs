//! `plimsoll cleanup`: removes what earlier runs left.

use super::{Ended, Voice, block_on, connect};
use crate::{cli::CleanupArgs, failure::Failure};

pub(crate) fn cleanup(args: &CleanupArgs, voice: Voice) -> Ended {
    block_on(async {
        let platform = connect(&args.cluster).await?;
        let leftovers =
            plimsoll_platform::leftovers(&platform).await.map_err(|error| Failure::unreachable(&error))?;
        if leftovers.is_empty() {
            voice.say("nothing is left of any run");
            return Ok(0);
        }
        for leftover in &leftovers {
            voice.say(format!("run {}: {}", leftover.run, leftover.objects.join(", ")));
        }
        if args.dry_run {
            return Ok(0);
        }
        let done = plimsoll_platform::cleanup_all(&platform, leftovers, args.force)
            .await
            .map_err(|error| Failure::unreachable(&error))?;
        for spared in &done.alive {
            voice.say(format!("run {spared} is alive and was left alone; --force removes it all the same"));
        }
        for left in &done.left {
            voice.say(format!("could not remove {left}"));
        }
        voice.say(format!("removed {} object(s)", done.removed));
        Ok(u8::from(!done.left.is_empty()))
    })
}
