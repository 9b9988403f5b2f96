//! The kernel's list of mounts.

use crate::protocol::Mount;

/// Reads `/proc/self/mountinfo`; lines that are not as the kernel writes them are left out.
pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(mount).collect()
}

/// One line: `id parent major:minor root mount-point options [tags] - type source super-options`.
fn mount(line: &str) -> Option<Mount> {
    let (here, there) = line.split_once(" - ")?;
    let mut here = here.split(' ').skip(3);
    let (root, mount_point, options) = (here.next()?, here.next()?, here.next()?);
    let mut there = there.split(' ');
    let (filesystem, source) = (there.next()?, there.next()?);
    Some(Mount {
        mount_point: unescape(mount_point),
        root: unescape(root),
        source: unescape(source),
        filesystem: filesystem.to_owned(),
        options: options.split(',').map(str::to_owned).collect(),
    })
}

/// Resolves the kernel's `\040` and the like: white space and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .filter(u8::is_ascii);
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(part.get(3..).unwrap_or_default());
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_kernels_lines() {
        let text = "36 35 98:0 /a\\040b /dev/nvidia0 rw,nosuid master:1 shared:2 - devtmpfs udev rw,size=1\nnonsense\n";
        let expected = Mount {
            mount_point: "/dev/nvidia0".to_owned(),
            root: "/a b".to_owned(),
            source: "udev".to_owned(),
            filesystem: "devtmpfs".to_owned(),
            options: vec!["rw".to_owned(), "nosuid".to_owned()],
        };
        assert_eq!(parse(text), [expected]);
    }

    #[test]
    fn reads_every_mount_of_this_process() {
        let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert_eq!(parse(&text).len(), text.lines().count());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_left_out(text in "[ -~\\n\\\\é-]{0,200}") {
            let _ = parse(&text);
            let _ = unescape(&text);
        }
    }
}
