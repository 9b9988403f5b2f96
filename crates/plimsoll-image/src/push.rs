//! Images to registries.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde::Serialize;

use crate::credentials::{Credentials, CredentialsError};
use crate::digest::Digest;
use crate::image::{Blob, Image};
use crate::specification::{INDEX, MANIFEST};

/// A registry that is not there is noticed within this time,
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// and one that has fallen silent within this.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How to speak to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Encrypted, the registry's certificate verified.
    #[default]
    Https,
    /// In the clear, for a registry on the same machine or in a closed network.
    PlainHttp,
}

/// An image that a registry has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// By tag.
    pub reference: String,
    /// By digest: what a configuration had best name, as it can't change.
    pub pinned: String,
    /// The digest, of the index over all platforms.
    pub digest: Digest,
}

impl std::fmt::Display for Pushed {
    /// By digest.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pinned)
    }
}

/// An image could not be pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Not the name of a place in a registry.
    #[error("cannot push to `{target}`: {problem}")]
    Target {
        /// What was given.
        target: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Docker's configuration is of no use.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A password would be readable on the network.
    #[error("refused to send a password to {registry} in the clear: use https, or push anonymously")]
    PasswordInTheClear {
        /// The registry.
        registry: String,
    },
    /// The image could not be put together.
    #[error("cannot put the image together")]
    Image(#[source] io::Error),
    /// The registry was not reached, or refused.
    #[error("cannot {step} {target}")]
    Registry {
        /// What was tried.
        step: &'static str,
        /// Where.
        target: String,
        /// The registry's answer.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Image {
    /// Pushes the image to `target`, `registry/repository[:tag]`; without a tag, under the image's own. Log in with
    /// what Docker's configuration has for the registry, if it has anything.
    ///
    /// # Errors
    /// When `target` is not a place, the credentials are of no use, or the registry cannot be reached or refuses.
    pub async fn push(&self, target: &str, transport: Transport) -> Result<Pushed, PushError> {
        let reference = self.target(target)?;
        let credentials = Credentials::of_docker(reference.registry())?;
        self.push_as(target, transport, &credentials).await
    }

    /// Pushes the image as somebody in particular.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn push_as(
        &self,
        target: &str,
        transport: Transport,
        credentials: &Credentials,
    ) -> Result<Pushed, PushError> {
        let reference = self.target(target)?;
        let secret = *credentials != Credentials::Anonymous;
        if transport == Transport::PlainHttp && secret && !is_this_machine(reference.registry()) {
            return Err(PushError::PasswordInTheClear {
                registry: reference.registry().to_owned(),
            });
        }
        let packed = self.packed().map_err(PushError::Image)?;
        let registry = Registry::connect(reference, transport, credentials).await?;
        for platform in &packed.platforms {
            registry.blob(&platform.layer).await?;
            registry.blob(&platform.configuration).await?;
            registry
                .manifest(&platform.manifest, MANIFEST, platform.manifest.digest.as_str())
                .await?;
        }
        let tag = registry.reference.tag().unwrap_or_default();
        registry.manifest(&packed.index, INDEX, tag).await?;

        let place = format!(
            "{}/{}",
            registry.reference.registry(),
            registry.reference.repository()
        );
        let digest = packed.index.digest.clone();
        Ok(Pushed {
            reference: format!("{place}:{tag}"),
            pinned: format!("{place}@{digest}"),
            digest,
        })
    }

    /// Reads the target, and completes it by the image's own tag.
    fn target(&self, target: &str) -> Result<Reference, PushError> {
        let bad = |problem: &str| PushError::Target {
            target: target.to_owned(),
            problem: problem.to_owned(),
        };
        if target.contains('@') {
            return Err(bad(
                "a digest cannot be chosen, name a repository and, if need be, a tag",
            ));
        }
        let (place, last) = target
            .rsplit_once('/')
            .ok_or_else(|| bad("name a registry and a repository"))?;
        let own_tag = self.reference().rsplit_once(':').map_or("latest", |(_, tag)| tag);
        let whole = if last.contains(':') {
            target.to_owned()
        } else {
            format!("{place}/{last}:{own_tag}")
        };
        Reference::try_from(whole).map_err(|error| bad(&error.to_string()))
    }
}

/// A repository of a registry that we are logged in to.
struct Registry {
    client: Client,
    reference: Reference,
}

impl Registry {
    async fn connect(
        reference: Reference,
        transport: Transport,
        credentials: &Credentials,
    ) -> Result<Self, PushError> {
        // An error says that somebody else installed one already, which will do as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let protocol = match transport {
            Transport::Https => ClientProtocol::Https,
            Transport::PlainHttp => ClientProtocol::Http,
        };
        let client = Client::new(ClientConfig {
            protocol,
            // One request for a blob rather than a session of them: every registry understands that.
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: concat!("plimsoll/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        });
        let registry = Self { client, reference };
        let auth = match credentials {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Password { user, password } => RegistryAuth::Basic(user.clone(), password.clone()),
        };
        let login = registry
            .client
            .auth(&registry.reference, &auth, RegistryOperation::Push)
            .await;
        login.map_err(|error| registry.failed("log in to push to", error))?;
        Ok(registry)
    }

    /// Uploads a blob, unless the registry has it.
    async fn blob(&self, blob: &Blob) -> Result<(), PushError> {
        let digest = blob.digest.as_str();
        // A registry that will not say may still take it.
        if self
            .client
            .blob_exists(&self.reference, digest)
            .await
            .unwrap_or(false)
        {
            return Ok(());
        }
        let pushed = self
            .client
            .push_blob(&self.reference, blob.content.clone(), digest)
            .await;
        pushed
            .map(|_| ())
            .map_err(|error| self.failed("upload a layer to", error))
    }

    /// Uploads a manifest under a tag or a digest. A digest is given as if it were a tag: the requests are the same,
    /// and the client gives up on registries that name no location for a manifest by digest.
    async fn manifest(&self, manifest: &Blob, media_type: &'static str, name: &str) -> Result<(), PushError> {
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        let place = Reference::with_tag(registry.to_owned(), repository.to_owned(), name.to_owned());
        let media_type = http::HeaderValue::from_static(media_type);
        let pushed = self
            .client
            .push_manifest_raw(&place, manifest.content.clone(), media_type)
            .await;
        pushed
            .map(|_| ())
            .map_err(|error| self.failed("upload the manifest to", error))
    }

    fn failed(&self, step: &'static str, error: OciDistributionError) -> PushError {
        PushError::Registry {
            step,
            target: self.reference.whole(),
            source: Box::new(error),
        }
    }
}

/// Whether a registry, `host[:port]`, is on this machine.
fn is_this_machine(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<String, String> {
        crate::probe()
            .target(text)
            .map(|reference| reference.whole())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_target_without_a_tag_gets_the_images_own() {
        let tag = crate::reference().rsplit_once(':').unwrap().1;
        assert_eq!(
            target("registry.example:5000/team/probe"),
            Ok(format!("registry.example:5000/team/probe:{tag}"))
        );
        assert_eq!(
            target("registry.example/probe:1"),
            Ok("registry.example/probe:1".to_owned())
        );
    }

    #[test]
    fn what_is_no_place_is_explained() {
        assert_eq!(
            target("probe").unwrap_err(),
            "cannot push to `probe`: name a registry and a repository"
        );
        assert!(
            target("registry.example/probe@sha256:00")
                .unwrap_err()
                .contains("digest cannot be chosen")
        );
        assert!(target("registry.example/UPPER").is_err());
        assert!(target("/").is_err());
    }

    #[test]
    fn this_machine_is_known_by_name_and_by_address() {
        for here in ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in ["localhost.example", "198.18.0.1:5000", "registry.example"] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn a_password_is_not_sent_in_the_clear() {
        let credentials = Credentials::Password {
            user: "u".to_owned(),
            password: "p".to_owned(),
        };
        let refused = crate::probe()
            .push_as("198.18.0.1:5000/probe", Transport::PlainHttp, &credentials)
            .await
            .unwrap_err();
        assert!(
            matches!(refused, PushError::PasswordInTheClear { .. }),
            "{refused}"
        );
    }
}
