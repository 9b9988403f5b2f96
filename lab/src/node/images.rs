//! Images: imported into a node's containerd, because no registry can be reached.

use std::path::{Path, PathBuf};

use plimsoll_image::Image;

use super::Node;
use crate::files::{self, FileError};
use crate::lab::Lab;
use crate::tool::{self, ToolError};

/// Why an image did not get into a node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("could not pack the image `{reference}`")]
    Pack {
        reference: String,
        source: std::io::Error,
    },
    #[error("could not import `{file}`")]
    Import { file: PathBuf, source: ToolError },
}

/// The image that holds a pod's namespaces.
pub(super) fn sandbox() -> &'static str {
    plimsoll_image::pause().reference()
}

/// Imports the sandbox image and the probe's.
pub(super) async fn import_own(lab: &Lab, node: &Node) -> Result<(), ImportError> {
    for image in [plimsoll_image::pause(), plimsoll_image::probe()] {
        let file = archive(image, node)?;
        import(lab, node, &file).await?;
        // Content that containerd now has itself.
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

/// Imports an archive (OCI or docker) from a file.
pub(crate) async fn import(lab: &Lab, node: &Node, file: &Path) -> Result<(), ImportError> {
    let socket = node.folder.containerd_socket();
    let args = [
        "--address".as_ref(),
        socket.as_os_str(),
        "--namespace".as_ref(),
        "k8s.io".as_ref(),
        "images".as_ref(),
        "import".as_ref(),
        file.as_os_str(),
    ];
    tool::run(lab.binaries.path("ctr"), args)
        .await
        .map(drop)
        .map_err(|source| ImportError::Import {
            file: file.to_owned(),
            source,
        })
}

fn archive(image: &Image, node: &Node) -> Result<PathBuf, ImportError> {
    let failed = |source| ImportError::Pack {
        reference: image.reference().to_owned(),
        source,
    };
    let bytes = image.archive(Vec::new()).map_err(failed)?;
    let name = image.reference().replace(['/', ':'], "-");
    let path = node.folder.path("images").join(format!("{name}.tar"));
    files::write(&path, bytes)?;
    Ok(path)
}
