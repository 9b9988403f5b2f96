//! Saves both images to the folder that is named, for trying them by hand.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder")?);
    plimsoll_image::probe().save(&folder.join("probe.tar"))?;
    plimsoll_image::pause().save(&folder.join("pause.tar"))?;
    Ok(())
}
