//! The image's one layer: the probe, a folder to write to, and the users a pod may name.

use std::io::{self, Read as _, Write as _};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use tar::{EntryType, Header};

/// Root, and the unprivileged user that restricted namespaces ask for.
const PASSWD: &str = "root:x:0:0:root:/:/plimsoll-probe\nnobody:x:65534:65534:nobody:/tmp:/plimsoll-probe\n";
const GROUP: &str = "root:x:0:\nnobody:x:65534:\n";

/// The layer as a tar stream. The same binary gives the same bytes: no times, no owners of this machine.
pub(crate) fn tar(probe: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::with_capacity(probe.len() + 8192));
    folder(&mut archive, "etc/", 0o755)?;
    file(&mut archive, "etc/group", GROUP.as_bytes(), 0o644)?;
    file(&mut archive, "etc/passwd", PASSWD.as_bytes(), 0o644)?;
    file(&mut archive, "plimsoll-probe", probe, 0o755)?;
    folder(&mut archive, "tmp/", 0o1777)?;
    archive.into_inner()
}

/// Compresses a layer, without the name and time that gzip would otherwise note.
pub(crate) fn gzip(tar: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    encoder.write_all(tar)?;
    encoder.finish()
}

/// The opposite of [`gzip`].
pub(crate) fn gunzip(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut plain)?;
    Ok(plain)
}

/// Adds a file of root with no time to `archive`.
pub(crate) fn file<W: io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    content: &[u8],
    mode: u32,
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, mode);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, path, content)
}

/// Adds a folder of root with no time to `archive`.
pub(crate) fn folder<W: io::Write>(archive: &mut tar::Builder<W>, path: &str, mode: u32) -> io::Result<()> {
    archive.append_data(&mut header(EntryType::Directory, mode), path, io::empty())
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use super::{gunzip, gzip, tar};

    #[test]
    fn holds_the_probe_a_writable_folder_and_the_users() {
        let layer = tar(b"binary").unwrap();
        let mut archive = ::tar::Archive::new(layer.as_slice());
        let found: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                (
                    path,
                    entry.header().mode().unwrap(),
                    entry.header().mtime().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("etc/", 0o755, 0),
            ("etc/group", 0o644, 0),
            ("etc/passwd", 0o644, 0),
            ("plimsoll-probe", 0o755, 0),
            ("tmp/", 0o1777, 0),
        ]
        .map(|(path, mode, time)| (path.to_owned(), mode, time));
        assert_eq!(found, expected);
    }

    #[test]
    fn compresses_without_noting_a_time() {
        let compressed = gzip(b"content").unwrap();
        assert_eq!(compressed, gzip(b"content").unwrap());
        assert_eq!(
            compressed.get(4..8),
            Some([0; 4].as_slice()),
            "gzip's modification time"
        );
        assert_eq!(gunzip(&compressed).unwrap(), b"content");
    }
}
