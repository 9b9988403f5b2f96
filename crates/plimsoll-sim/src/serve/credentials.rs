//! What proves the server to its clients and its administrator to the server: made anew each time, kept in memory.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use sha2::{Digest, Sha256};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::ServeError;

/// A certificate authority, the server's certificate by it, and the administrator's token.
pub(super) struct Credentials {
    authority: String,
    token: String,
    tls: Arc<ServerConfig>,
}

impl Credentials {
    pub(super) fn create() -> Result<Self, ServeError> {
        let failed = ServeError::Certificate;
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "plimsoll simulated platform");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = params.self_signed(&key).map_err(failed)?.pem();
        // Nobody who can't read the authority's key, which never leaves this process, can guess it.
        let token = URL_SAFE_NO_PAD.encode(Sha256::digest(key.serialize_der()));
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate().map_err(failed)?;
        let names = ["localhost", "127.0.0.1", "::1", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        Ok(Self {
            authority,
            token,
            tls: Arc::new(tls(certificate.der().clone(), key.serialize_der()).map_err(ServeError::Tls)?),
        })
    }

    /// The authority's certificate, as PEM.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The administrator's bearer token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.tls))
    }
}

fn tls(
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
) -> Result<ServerConfig, tokio_rustls::rustls::Error> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
