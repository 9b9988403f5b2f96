//! The emulated API server behind kube's own client interface: no sockets, no TLS, the same requests.

use http::{Request, Response};
use kube::client::Body;
use plimsoll_apiserver::{ApiServer, User};

/// A client of the server that acts as that user.
#[must_use]
pub fn client(server: &ApiServer, user: User) -> kube::Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (server, user) = (server.clone(), user.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            let answer = server.handle(&user, Request::from_parts(parts, body)).await;
            Ok::<Response<_>, kube::Error>(answer)
        }
    });
    kube::Client::new(service, "default")
}
