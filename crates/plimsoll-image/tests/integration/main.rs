//! Images as runtimes and registries see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod registry;

use std::collections::BTreeMap;
use std::io::Read as _;

use plimsoll_image::{Credentials, Digest, Image, PushError, Transport};
use registry::Registry;
use serde_json::Value;

/// The files of an image's archive.
fn files(image: &Image) -> BTreeMap<String, Vec<u8>> {
    let archive = image.archive(Vec::new()).unwrap();
    let mut archive = tar::Archive::new(archive.as_slice());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path().unwrap().display().to_string(), content);
    }
    files
}

fn json(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&files[path]).unwrap()
}

/// Follows a descriptor, as a runtime does: by digest, size verified.
fn follow(files: &BTreeMap<String, Vec<u8>>, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    let content = &files[&format!("blobs/sha256/{}", digest.strip_prefix("sha256:").unwrap())];
    assert_eq!(Digest::of(content).as_str(), digest);
    assert_eq!(descriptor["size"].as_u64().unwrap(), content.len() as u64);
    content.clone()
}

fn unzip(content: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(content)
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

#[test]
fn a_runtime_finds_the_probe_by_following_the_index() {
    let image = plimsoll_image::probe();
    let files = files(image);
    assert_eq!(json(&files, "oci-layout")["imageLayoutVersion"], "1.0.0");
    let entry = &json(&files, "index.json")["manifests"][0];
    assert_eq!(
        entry["annotations"]["io.containerd.image.name"],
        image.reference()
    );
    let index: Value = serde_json::from_slice(&follow(&files, entry)).unwrap();
    let manifest = &index["manifests"][0];
    assert_eq!(manifest["platform"]["os"], "linux");
    let manifest: Value = serde_json::from_slice(&follow(&files, manifest)).unwrap();
    let configuration: Value = serde_json::from_slice(&follow(&files, &manifest["config"])).unwrap();
    assert_eq!(
        configuration["config"]["Entrypoint"],
        serde_json::json!(["/plimsoll-probe"])
    );
    let layer = unzip(&follow(&files, &manifest["layers"][0]));
    assert_eq!(
        configuration["rootfs"]["diff_ids"][0],
        Digest::of(&layer).as_str()
    );
    let names: Vec<String> = tar::Archive::new(layer.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert!(names.contains(&"plimsoll-probe".to_owned()), "{names:?}");
}

#[test]
fn docker_finds_the_same_image_by_its_own_description() {
    let image = plimsoll_image::probe();
    let files = files(image);
    let entry = &json(&files, "manifest.json")[0];
    assert_eq!(entry["RepoTags"][0], image.reference());
    let configuration = &files[entry["Config"].as_str().unwrap()];
    assert_eq!(Digest::of(configuration), image.list()[0].id);
    assert!(files.contains_key(entry["Layers"][0].as_str().unwrap()));
}

#[test]
fn the_reference_names_version_and_content() {
    let image = plimsoll_image::probe();
    let id = &image.list()[0].id;
    let expected = format!(
        "plimsoll.dev/probe:{}-{}",
        env!("CARGO_PKG_VERSION"),
        &id.hex()[..12]
    );
    assert_eq!(image.reference(), expected);
    assert_eq!(plimsoll_image::reference(), expected);
}

#[test]
fn the_sandbox_image_shares_the_layer_and_only_waits() {
    let (probe, pause) = (files(plimsoll_image::probe()), files(plimsoll_image::pause()));
    assert!(
        plimsoll_image::pause()
            .reference()
            .starts_with("plimsoll.dev/pause:")
    );
    let layer = |files: &BTreeMap<String, Vec<u8>>| json(files, "manifest.json")[0]["Layers"].clone();
    assert_eq!(layer(&probe), layer(&pause));
    let configuration = json(&pause, "manifest.json")[0]["Config"]
        .as_str()
        .unwrap()
        .to_owned();
    let entrypoint = &json(&pause, &configuration)["config"]["Entrypoint"];
    assert_eq!(*entrypoint, serde_json::json!(["/plimsoll-probe", "pause"]));
}

#[test]
fn saving_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["one.tar", "two.tar"].map(|name| folder.path().join(name));
    std::fs::write(&paths[1], "something older").unwrap();
    let saved = paths
        .each_ref()
        .map(|path| plimsoll_image::probe().save(path).unwrap());
    let contents = paths.each_ref().map(|path| std::fs::read(path).unwrap());
    assert!(contents[0] == contents[1]);
    assert_eq!(saved[1].bytes, contents[1].len() as u64);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "no draft is left"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let error = plimsoll_image::probe()
        .save("/no/such/folder/image.tar".as_ref())
        .unwrap_err();
    assert!(
        error.to_string().ends_with("to /no/such/folder/image.tar"),
        "{error}"
    );
}

#[test]
fn the_binary_is_small_and_needs_nothing_else() {
    let listed = plimsoll_image::probe().list();
    assert!(listed[0].unpacked_bytes < 3 << 20, "{listed:?}");
    let files = files(plimsoll_image::probe());
    let layer = unzip(&files[json(&files, "manifest.json")[0]["Layers"][0].as_str().unwrap()]);
    let mut archive = tar::Archive::new(layer.as_slice());
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut probe = entries
        .find(|entry| entry.path().unwrap().ends_with("plimsoll-probe"))
        .unwrap();
    let mut binary = Vec::new();
    probe.read_to_end(&mut binary).unwrap();
    assert!(
        !asks_for_an_interpreter(&binary),
        "the binary is dynamically linked"
    );
}

/// Whether a 64-bit little-endian ELF file has a segment that names a dynamic linker.
fn asks_for_an_interpreter(elf: &[u8]) -> bool {
    const INTERPRETER: u32 = 3;
    assert!(elf.starts_with(b"\x7fELF\x02\x01"));
    let number = |at: usize, bytes: usize| {
        elf[at..at + bytes]
            .iter()
            .rev()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|index| number(table + index * size, 4) == INTERPRETER as usize)
}

#[tokio::test]
async fn a_push_brings_everything_before_it_is_named() {
    let registry = Registry::start(None).await;
    let target = format!("{}/team/probe", registry.address);
    let image = plimsoll_image::probe();
    let pushed = image
        .push_as(&target, Transport::PlainHttp, &Credentials::Anonymous)
        .await
        .unwrap();
    let tag = image.reference().rsplit_once(':').unwrap().1;
    assert_eq!(pushed.reference, format!("{target}:{tag}"));
    assert_eq!(pushed.pinned, format!("{target}@{}", pushed.digest));

    let archive = files(image);
    let shelf = registry.shelf.lock().unwrap();
    let (media_type, index) = &shelf.manifests[&("team/probe".to_owned(), tag.to_owned())];
    assert_eq!(media_type, "application/vnd.oci.image.index.v1+json");
    assert_eq!(Digest::of(index), pushed.digest);
    assert_eq!(shelf.uploads, 2);
    for (digest, content) in &shelf.blobs {
        let path = format!("blobs/sha256/{}", digest.strip_prefix("sha256:").unwrap());
        assert!(archive[&path] == *content, "{digest} is as in the archive");
    }
}

#[tokio::test]
async fn what_the_registry_has_is_not_pushed_again() {
    let registry = Registry::start(None).await;
    let target = format!("{}/probe:1", registry.address);
    for image in [
        plimsoll_image::probe(),
        plimsoll_image::probe(),
        plimsoll_image::pause(),
    ] {
        image
            .push_as(&target, Transport::PlainHttp, &Credentials::Anonymous)
            .await
            .unwrap();
    }
    // Two blobs, none, and the other configuration.
    assert_eq!(registry.shelf.lock().unwrap().uploads, 3);
}

#[tokio::test]
async fn a_registry_that_wants_a_login_gets_it() {
    let registry = Registry::start(Some(("someone", "secret"))).await;
    let target = format!("{}/probe", registry.address);
    let image = plimsoll_image::probe();
    let known = Credentials::Password {
        user: "someone".to_owned(),
        password: "secret".to_owned(),
    };
    image
        .push_as(&target, Transport::PlainHttp, &known)
        .await
        .unwrap();

    let unknown = Credentials::Password {
        user: "someone".to_owned(),
        password: "wrong".to_owned(),
    };
    for credentials in [Credentials::Anonymous, unknown] {
        let refused = Registry::start(Some(("someone", "secret"))).await;
        let target = format!("{}/probe", refused.address);
        let error = image
            .push_as(&target, Transport::PlainHttp, &credentials)
            .await
            .unwrap_err();
        assert!(matches!(error, PushError::Registry { .. }), "{error}");
        assert!(!format!("{error:?}").contains("wrong"), "no password in an error");
        assert!(refused.shelf.lock().unwrap().blobs.is_empty());
    }
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let target = format!("127.0.0.1:{port}/probe:1");
    let error = plimsoll_image::probe()
        .push(&target, Transport::PlainHttp)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("cannot log in to push to {target}"));
}
