//! The client: nothing it does can hang for ever.

use std::time::Duration;

use kube::{
    Client, Config, Error,
    client::{Body, retry::RetryPolicy},
};
use tower::{BoxError, Layer, retry::RetryLayer};

/// How long a connection may take to come about: longer than connecting as a whole, which tells why better.
const CONNECT: Duration = Duration::from_secs(15);

/// How long a server may say nothing in the middle of an answer. Watches hear at least a bookmark a minute.
const SILENCE: Duration = Duration::from_secs(90);

/// How long the beginning of an answer may take, logs that are followed aside.
const ANSWER: Duration = Duration::from_secs(30);

/// How often a request is made again that a busy server turned away.
const RETRIES: u32 = 4;

/// First and longest pause before that.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

pub(super) fn client(mut config: Config) -> Result<Client, Error> {
    // Where two providers are compiled in, rustls asks to be told which; one that is told already stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    // The default would go on for minutes.
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    Ok(bounded(Client::try_from(config)?, namespace))
}

/// Retries what a busy server turned away, and gives up on one that doesn't answer.
fn bounded(client: Client, namespace: String) -> Client {
    let send = tower::service_fn(move |request: http::Request<Body>| {
        let client = client.clone();
        async move {
            let follows = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("follow=true"));
            let answer = client.send(request);
            if follows {
                return answer.await.map_err(BoxError::from);
            }
            match tokio::time::timeout(ANSWER, answer).await {
                Ok(answer) => answer.map_err(BoxError::from),
                Err(_) => Err(BoxError::from("the API server does not answer")),
            }
        }
    });
    match RetryPolicy::new(RETRY.0, RETRY.1, RETRIES, true) {
        Ok(policy) => Client::new(RetryLayer::new(policy).layer(send), namespace),
        Err(_) => Client::new(send, namespace),
    }
}
