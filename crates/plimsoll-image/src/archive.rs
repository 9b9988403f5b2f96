//! Images as files that container runtimes import.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::digest::Digest;
use crate::image::{Blob, Image};
use crate::layer::{file, folder};
use crate::specification::{Descriptor, INDEX, Index};

/// A file that an image was saved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// The reference that a runtime knows the image by once it has imported the file.
    pub reference: String,
    /// The file's size.
    pub bytes: u64,
}

/// An image could not be saved.
#[derive(Debug, thiserror::Error)]
#[error("cannot save the image {reference} to {}", path.display())]
pub struct SaveError {
    reference: String,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The entry of `manifest.json`, which tells `docker load` about an archive.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Image {
    /// Writes the image as a tar archive: an OCI layout, which containerd (`ctr images import`), CRI-O's tools and
    /// Podman take, and Docker's own description beside it for `docker load`.
    ///
    /// # Errors
    /// Whatever `writer` answers.
    pub fn archive<W: Write>(&self, writer: W) -> io::Result<W> {
        let packed = self.packed()?;
        let mut archive = tar::Builder::new(writer);
        folder(&mut archive, "blobs/", 0o755)?;
        folder(&mut archive, "blobs/sha256/", 0o755)?;
        let mut blobs: Vec<&Blob> = vec![&packed.index];
        for platform in &packed.platforms {
            blobs.extend([&platform.manifest, &platform.configuration, &platform.layer]);
        }
        blobs.sort_by(|one, other| one.digest.cmp(&other.digest));
        blobs.dedup_by(|one, other| one.digest == other.digest);
        for blob in blobs {
            file(&mut archive, &blob_path(&blob.digest), &blob.content, 0o644)?;
        }
        file(
            &mut archive,
            "index.json",
            &serde_json::to_vec(&self.layout_index(packed.descriptor()))?,
            0o644,
        )?;
        file(
            &mut archive,
            "manifest.json",
            &serde_json::to_vec(&self.docker_entries()?)?,
            0o644,
        )?;
        file(
            &mut archive,
            "oci-layout",
            br#"{"imageLayoutVersion":"1.0.0"}"#,
            0o644,
        )?;
        archive.into_inner()
    }

    /// Saves the [archive](Self::archive) to `path`. What was there stays whole until the new file is complete.
    ///
    /// # Errors
    /// When the file or its folder cannot be written.
    pub fn save(&self, path: &Path) -> Result<Saved, SaveError> {
        self.write_beside(path)
            .map(|bytes| Saved {
                path: path.to_owned(),
                reference: self.reference().to_owned(),
                bytes,
            })
            .map_err(|source| SaveError {
                reference: self.reference().to_owned(),
                path: path.to_owned(),
                source,
            })
    }

    fn write_beside(&self, path: &Path) -> io::Result<u64> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut draft = tempfile::Builder::new()
            .prefix(".plimsoll-image-")
            .permissions(readable_by_all())
            .tempfile_in(folder)?;
        self.archive(BufWriter::new(&mut draft))?.flush()?;
        draft.as_file().sync_all()?;
        let file = draft.persist(path).map_err(|failed| failed.error)?;
        Ok(file.metadata()?.len())
    }

    /// The layout's entry point, naming the image as containerd and as the specification want it.
    fn layout_index(&self, mut index: Descriptor) -> Index {
        let tag = self
            .reference()
            .rsplit_once(':')
            .map_or(self.reference(), |(_, tag)| tag);
        index
            .annotations
            .insert("io.containerd.image.name".to_owned(), self.reference().to_owned());
        index
            .annotations
            .insert("org.opencontainers.image.ref.name".to_owned(), tag.to_owned());
        Index {
            schema_version: 2,
            media_type: INDEX.to_owned(),
            manifests: vec![index],
        }
    }

    /// Docker's format knows no platforms: the first one, which is the one this program was built for.
    fn docker_entries(&self) -> io::Result<Vec<DockerEntry>> {
        Ok(self
            .packed()?
            .platforms
            .first()
            .map(|platform| DockerEntry {
                config: blob_path(&platform.configuration.digest),
                repo_tags: vec![self.reference().to_owned()],
                layers: vec![blob_path(&platform.layer.digest)],
            })
            .into_iter()
            .collect())
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A temporary file is its owner's alone; an image is there to be handed on.
fn readable_by_all() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::Permissions::from_mode(0o644)
}
