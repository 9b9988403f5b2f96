//! `plimsoll image`: the probe's image, built in process.

use plimsoll_image::Transport;

use super::{Ended, Voice, block_on, print, print_json};
use crate::{
    cli::{ImageCommand, OutputFormat},
    failure::Failure,
};

pub(crate) fn image(command: &ImageCommand, voice: Voice) -> Ended {
    match command {
        ImageCommand::Save { file } => {
            plimsoll_image::probe()
                .save(file)
                .map_err(|error| Failure::input(&error))?;
            voice.say(format!(
                "wrote {} as {}",
                plimsoll_image::reference(),
                file.display()
            ));
        }
        ImageCommand::Push { reference, insecure } => {
            let transport = if *insecure {
                Transport::PlainHttp
            } else {
                Transport::Https
            };
            let pushed = block_on(async {
                plimsoll_image::probe()
                    .push(reference, transport)
                    .await
                    .map_err(|error| Failure::input(&error))
            })?;
            voice.say(format!("pushed {reference}; run with:"));
            print(&format!("--image {pushed}\n"))?;
        }
        ImageCommand::List { format } => {
            let images = plimsoll_image::probe().list();
            match format {
                OutputFormat::Json => print_json(&images)?,
                OutputFormat::Text => {
                    for image in images {
                        print(&format!(
                            "{}  {}  {} bytes\n",
                            image.reference, image.platform, image.unpacked_bytes
                        ))?;
                    }
                }
            }
        }
    }
    Ok(0)
}
