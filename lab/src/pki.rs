//! A lab's throw-away certificate authority, and the kubeconfigs made with it.
//!
//! Everybody who talks to the API server has a certificate of their own, so that Kubernetes' own roles apply
//! and audit logs name them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use serde_json::json;

use crate::files::{self, FileError};

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PkiError {
    #[error("could not make the certificate of `{subject}`")]
    Certificate { subject: String, source: rcgen::Error },
    #[error("could not read the certificate authority's key `{path}`")]
    Key { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    File(#[from] FileError),
}

/// Whom a certificate names, in Kubernetes' terms.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    /// The user.
    pub(crate) user: &'a str,
    /// The group, if any.
    pub(crate) group: Option<&'a str>,
    /// Addresses and names that a server answers under.
    pub(crate) addresses: &'a [Ipv4Addr],
    pub(crate) names: &'a [String],
}

impl<'a> Subject<'a> {
    /// Somebody who only asks.
    pub(crate) fn client(user: &'a str, group: Option<&'a str>) -> Self {
        Self {
            user,
            group,
            addresses: &[],
            names: &[],
        }
    }
}

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct IdentityFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A certificate authority.
pub(crate) struct Authority {
    folder: PathBuf,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority and writes `NAME.crt` and `NAME.key` in `folder`.
    pub(crate) fn create(folder: &Path, name: &str) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Certificate {
            subject: name.to_owned(),
            source,
        };
        let key = KeyPair::generate().map_err(failed)?;
        let params = authority_params(name);
        let certificate = params.self_signed(&key).map_err(failed)?.pem();
        files::write(&folder.join(format!("{name}.crt")), &certificate)?;
        files::write(&folder.join(format!("{name}.key")), key.serialize_pem())?;
        Ok(Self {
            folder: folder.to_owned(),
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// Opens the authority that [`Authority::create`] left in `folder`.
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, PkiError> {
        let read = |extension: &str| {
            let path = folder.join(format!("{name}.{extension}"));
            std::fs::read_to_string(&path).map_err(|source| PkiError::Key { path, source })
        };
        let (certificate, key) = (read("crt")?, read("key")?);
        let key = KeyPair::from_pem(&key).map_err(|source| PkiError::Certificate {
            subject: name.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            certificate,
            issuer: Issuer::new(authority_params(name), key),
        })
    }

    /// Issues a certificate.
    pub(crate) fn issue(&self, subject: &Subject<'_>) -> Result<Identity, PkiError> {
        let failed = |source| PkiError::Certificate {
            subject: subject.user.to_owned(),
            source,
        };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(subject.names.to_vec()).map_err(failed)?;
        valid_for_years(&mut params);
        params.subject_alt_names.extend(
            subject
                .addresses
                .iter()
                .map(|ip| SanType::IpAddress((*ip).into())),
        );
        params.distinguished_name.push(DnType::CommonName, subject.user);
        if let Some(group) = subject.group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !subject.addresses.is_empty() || !subject.names.is_empty() {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        Ok(Identity {
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// Issues a certificate into `FILE.crt` and `FILE.key` beside the authority's own files.
    pub(crate) fn issue_files(&self, file: &str, subject: &Subject<'_>) -> Result<IdentityFiles, PkiError> {
        let identity = self.issue(subject)?;
        let files = IdentityFiles {
            certificate: self.folder.join(format!("{file}.crt")),
            key: self.folder.join(format!("{file}.key")),
        };
        files::write(&files.certificate, identity.certificate)?;
        files::write(&files.key, identity.key)?;
        Ok(files)
    }

    /// Writes a kubeconfig for a client of the API server at `server`.
    pub(crate) fn kubeconfig(
        &self,
        path: &Path,
        context: &str,
        server: &str,
        subject: &Subject<'_>,
    ) -> Result<(), PkiError> {
        let identity = self.issue(subject)?;
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {
                "server": server,
                "certificate-authority-data": STANDARD.encode(&self.certificate),
            }}],
            "users": [{"name": subject.user, "user": {
                "client-certificate-data": STANDARD.encode(&identity.certificate),
                "client-key-data": STANDARD.encode(&identity.key),
            }}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": subject.user}}],
            "current-context": context,
        });
        Ok(files::write_json(path, &config)?)
    }
}

/// Makes the key pair that signs and checks ServiceAccount tokens.
pub(crate) fn create_signing_keys(folder: &Path) -> Result<SigningKeys, PkiError> {
    let key = KeyPair::generate().map_err(|source| PkiError::Certificate {
        subject: "service accounts".to_owned(),
        source,
    })?;
    let keys = SigningKeys::in_folder(folder);
    files::write(&keys.private, key.serialize_pem())?;
    files::write(&keys.public, key.public_key_pem())?;
    Ok(keys)
}

/// The files of the key pair that signs and checks ServiceAccount tokens.
#[derive(Clone, Debug)]
pub(crate) struct SigningKeys {
    pub(crate) private: PathBuf,
    pub(crate) public: PathBuf,
}

impl SigningKeys {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            private: folder.join("service-accounts.key"),
            public: folder.join("service-accounts.pub"),
        }
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    valid_for_years(&mut params);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("plimsoll-lab {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// A lab must come up on machines whose clock is off, and it is thrown away long before this matters.
fn valid_for_years(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_opened_again_issues_under_the_same_certificate() -> Result<(), PkiError> {
        let folder = tempfile::tempdir().unwrap();
        let created = Authority::create(folder.path(), "ca")?;
        let opened = Authority::open(folder.path(), "ca")?;
        assert_eq!(created.certificate, opened.certificate);
        assert_eq!(
            created.issuer.key().public_key_raw(),
            opened.issuer.key().public_key_raw()
        );
        Ok(())
    }

    #[test]
    fn a_kubeconfig_selects_its_only_context_and_embeds_what_it_needs() -> Result<(), PkiError> {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(folder.path(), "ca")?;
        let path = folder.path().join("kubeconfig");
        authority.kubeconfig(
            &path,
            "lab",
            "https://198.18.0.1:6443",
            &Subject::client("admin", None),
        )?;
        let config = kube::config::Kubeconfig::read_from(&path).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("lab"));
        assert_eq!(
            config.clusters[0].cluster.as_ref().unwrap().server.as_deref(),
            Some("https://198.18.0.1:6443")
        );
        assert!(
            config.auth_infos[0]
                .auth_info
                .as_ref()
                .unwrap()
                .client_key_data
                .is_some()
        );
        Ok(())
    }

    #[test]
    fn opening_an_authority_that_is_not_there_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Authority::open(folder.path(), "ca").err().unwrap();
        assert!(error.to_string().contains("ca.crt"), "{error}");
    }
}
