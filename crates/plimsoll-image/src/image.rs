//! An image: its documents and blobs, from the binaries that it carries.

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;

use serde::Serialize;

use crate::architecture::{Architecture, PROBES};
use crate::digest::Digest;
use crate::layer;
use crate::specification::{
    CONFIG, Configuration, Descriptor, INDEX, Index, LAYER, MANIFEST, Manifest, Platform, Process,
    RootFilesystem,
};

/// Where the probe is in the image.
const PROBE: &str = "/plimsoll-probe";

/// An image that is built in process, from what this program carries.
///
/// # Guarantees
/// The same build of this program always gives the same image, byte by byte, and so the same [`reference`](Self::reference).
#[derive(Debug)]
pub struct Image {
    reference: String,
    platforms: Vec<PlatformImage>,
    packed: OnceLock<Result<Packed, io::ErrorKind>>,
}

/// What is known of one platform before its layer is compressed, which only saving and pushing need.
#[derive(Debug)]
struct PlatformImage {
    architecture: Architecture,
    layer: Vec<u8>,
    configuration: Blob,
}

/// A document or a layer, by its content.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) content: Vec<u8>,
}

impl Blob {
    fn new(content: Vec<u8>) -> Self {
        Self {
            digest: Digest::of(&content),
            content,
        }
    }

    fn json<T: Serialize>(document: &T) -> io::Result<Self> {
        Ok(Self::new(serde_json::to_vec(document)?))
    }

    fn descriptor(&self, media_type: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: self.digest.clone(),
            size: self.content.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// The image as a registry or a runtime takes it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) platforms: Vec<PackedPlatform>,
    pub(crate) index: Blob,
}

/// One platform's blobs.
#[derive(Debug)]
pub(crate) struct PackedPlatform {
    pub(crate) layer: Blob,
    pub(crate) configuration: Blob,
    pub(crate) manifest: Blob,
}

impl Packed {
    /// How a layout points to the index.
    pub(crate) fn descriptor(&self) -> Descriptor {
        self.index.descriptor(INDEX)
    }
}

/// One platform of an image, for a person or a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The reference that pods name.
    pub reference: String,
    /// `linux/<architecture>`.
    pub platform: String,
    /// Digest of the platform's configuration, which runtimes show as the image's id.
    pub id: Digest,
    /// Size of the probe's binary and the few files beside it, uncompressed.
    pub unpacked_bytes: u64,
}

impl Image {
    /// The image `name` whose process starts with `arguments` before those of the pod.
    ///
    /// # Errors
    /// Memory is the only thing read and written, so none is expected; the error is that of the archive's writer.
    pub(crate) fn of_probe(name: &str, arguments: &[&str]) -> io::Result<Self> {
        let mut platforms = Vec::new();
        for (architecture, compressed) in PROBES {
            let layer = layer::tar(&layer::gunzip(compressed)?)?;
            let configuration = Blob::json(&configuration(*architecture, arguments, &layer))?;
            platforms.push(PlatformImage {
                architecture: *architecture,
                layer,
                configuration,
            });
        }
        let reference = format!("{name}:{}-{}", env!("CARGO_PKG_VERSION"), tag_digest(&platforms));
        Ok(Self {
            reference,
            platforms,
            packed: OnceLock::new(),
        })
    }

    /// The reference that pods name: `plimsoll.dev/<name>:<version>-<first twelve digits of the configuration's digest>`.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// What the image holds, a row for each platform.
    pub fn list(&self) -> Vec<Listed> {
        self.platforms
            .iter()
            .map(|platform| Listed {
                reference: self.reference.clone(),
                platform: format!("linux/{}", platform.architecture),
                id: platform.configuration.digest.clone(),
                unpacked_bytes: platform.layer.len() as u64,
            })
            .collect()
    }

    /// Compresses the layers and writes the documents above them, once.
    pub(crate) fn packed(&self) -> io::Result<&Packed> {
        self.packed
            .get_or_init(|| self.pack().map_err(|error| error.kind()))
            .as_ref()
            .map_err(|kind| (*kind).into())
    }

    fn pack(&self) -> io::Result<Packed> {
        let mut platforms = Vec::new();
        let mut manifests = Vec::new();
        for platform in &self.platforms {
            let layer = Blob::new(layer::gzip(&platform.layer)?);
            let manifest = Blob::json(&Manifest {
                schema_version: 2,
                media_type: MANIFEST.to_owned(),
                config: platform.configuration.descriptor(CONFIG),
                layers: vec![layer.descriptor(LAYER)],
            })?;
            manifests.push(Descriptor {
                platform: Some(Platform::linux(platform.architecture)),
                ..manifest.descriptor(MANIFEST)
            });
            platforms.push(PackedPlatform {
                layer,
                configuration: platform.configuration.clone(),
                manifest,
            });
        }
        let index = Blob::json(&Index {
            schema_version: 2,
            media_type: INDEX.to_owned(),
            manifests,
        })?;
        Ok(Packed { platforms, index })
    }
}

fn configuration(architecture: Architecture, arguments: &[&str], layer: &[u8]) -> Configuration {
    let labels = [
        ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE")),
        ("org.opencontainers.image.source", env!("CARGO_PKG_REPOSITORY")),
        ("org.opencontainers.image.title", "plimsoll-probe"),
        ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
    ];
    Configuration {
        platform: Platform::linux(architecture),
        config: Process {
            entrypoint: std::iter::once(PROBE)
                .chain(arguments.iter().copied())
                .map(str::to_owned)
                .collect(),
            env: vec!["PATH=/".to_owned()],
            working_dir: "/".to_owned(),
            labels: labels
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        },
        rootfs: RootFilesystem {
            kind: "layers".to_owned(),
            diff_ids: vec![Digest::of(layer)],
        },
    }
}

/// Twelve digits that change whenever any platform's content does.
fn tag_digest(platforms: &[PlatformImage]) -> String {
    let digest = match platforms {
        [only] => only.configuration.digest.clone(),
        several => {
            let ids: Vec<&str> = several
                .iter()
                .map(|platform| platform.configuration.digest.as_str())
                .collect();
            Digest::of(ids.join("\n").as_bytes())
        }
    };
    digest.hex().chars().take(12).collect()
}
