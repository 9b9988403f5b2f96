//! The kubeconfig of a served platform.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::credentials::Credentials;

pub(super) fn of(name: &str, address: SocketAddr, credentials: &Credentials) -> String {
    let authority = STANDARD.encode(credentials.authority());
    let token = credentials.token();
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: {name}\n\
         clusters:\n\
         - name: {name}\n  cluster:\n    server: https://{address}\n    certificate-authority-data: {authority}\n\
         users:\n\
         - name: {name}\n  user:\n    token: {token}\n\
         contexts:\n\
         - name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n    namespace: default\n"
    )
}
