//! The probe's OCI image, built in process: no container engine, no downloads.
//!
//! The build of this crate compiles `plimsoll-probe` as a static binary and embeds it, so the program that runs the
//! checks carries the image that its pods use. [`probe`] is that image; [`pause`] is the same content under a second
//! name, for a container runtime's sandboxes where no registry can be reached. An [`Image`] can say its
//! [`reference`](Image::reference), be [written as an archive](Image::archive), [saved](Image::save) to a file that
//! runtimes import, and [pushed](Image::push) to a registry.
//!
//! ```
//! let image = plimsoll_image::probe();
//! assert!(image.reference().starts_with("plimsoll.dev/probe:"));
//! let archive = image.archive(Vec::new())?;
//! assert!(!archive.is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

mod architecture;
mod archive;
mod credentials;
mod digest;
mod image;
mod layer;
mod push;
mod specification;

use std::sync::LazyLock;

pub use architecture::Architecture;
pub use archive::{SaveError, Saved};
pub use credentials::{Credentials, CredentialsError};
pub use digest::Digest;
pub use image::{Image, Listed};
pub use push::{PushError, Pushed, Transport};

static PROBE: LazyLock<Image> = LazyLock::new(|| built("plimsoll.dev/probe", &[]));
static PAUSE: LazyLock<Image> = LazyLock::new(|| built("plimsoll.dev/pause", &["pause"]));

/// The image that the checks' pods use: `plimsoll.dev/probe:…`, entry point `/plimsoll-probe`.
pub fn probe() -> &'static Image {
    &PROBE
}

/// The image for sandboxes: `plimsoll.dev/pause:…`, entry point `/plimsoll-probe pause`.
pub fn pause() -> &'static Image {
    &PAUSE
}

/// The [probe's image](probe) as pods name it.
pub fn reference() -> &'static str {
    probe().reference()
}

#[expect(
    clippy::expect_used,
    reason = "writes the program's own bytes to memory, which has no way to fail"
)]
fn built(name: &str, arguments: &[&str]) -> Image {
    Image::of_probe(name, arguments).expect("an image is built in memory")
}
