//! Files that people give, and that may be anything: a device that never ends, or 100 MB of something else.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// When it can't be read, or holds more.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} KiB", limit >> 10),
        ));
    }
    Ok(bytes)
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// When it can't be read, holds more, or is no text.
pub fn read_text_bounded(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read_bounded(path, limit)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_is_refused_and_a_device_without_end_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [b'a'; 1024]).unwrap();
        assert_eq!(read_bounded(file.path(), 1024).unwrap().len(), 1024);
        let refused = read_bounded(file.path(), 1023).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        if Path::new("/dev/zero").exists() {
            assert!(read_bounded(Path::new("/dev/zero"), 1 << 20).is_err());
        }
        std::fs::write(file.path(), [0xff]).unwrap();
        assert!(read_text_bounded(file.path(), 1).is_err());
    }
}
