//! Each way a connection can fail, against real servers on the loopback interface.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{kubeconfig::Environment, proxy::Proxies, *};

/// A kubeconfig with contexts `lab-one` (current) and `lab-two`, for a server.
fn kubeconfig(folder: &TempDir, server: &str, user: Value) -> PathBuf {
    let context = |name: &str| json!({"name": name, "context": {"cluster": "c", "user": "u"}});
    let file = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab-one",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [context("lab-one"), context("lab-two")],
        "users": [{"name": "u", "user": user}],
    });
    write(folder, "config", &file.to_string())
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn options(path: &Path) -> ConnectOptions {
    ConnectOptions {
        kubeconfig: Some(path.to_owned()),
        patience: Duration::from_secs(5),
        ..ConnectOptions::default()
    }
}

async fn refused(path: &Path) -> ConnectError {
    match Platform::connect(&options(path)).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

async fn refused_by(server: &str) -> ConnectError {
    let folder = TempDir::new().unwrap();
    refused(&kubeconfig(&folder, server, json!({"token": "secret-token"}))).await
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Serves plain HTTP for the length of a test.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    server
}

fn version(minor: &str) -> Value {
    json!({
        "major": "1", "minor": minor, "gitVersion": format!("v1.{minor}.2"), "gitCommit": "", "gitTreeState": "",
        "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
    })
}

fn status(code: u16, reason: &str, message: &str) -> (StatusCode, String) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": message,
    });
    (StatusCode::from_u16(code).unwrap(), status.to_string())
}

fn api_server(minor: &'static str, system: (StatusCode, String)) -> Router {
    Router::new()
        .route("/version", get(move || async move { version(minor).to_string() }))
        .route(
            "/api/v1/namespaces/kube-system",
            get(move || async move { system }),
        )
}

fn kube_system() -> (StatusCode, String) {
    let meta = json!({"name": "kube-system", "labels": {"plimsoll.dev/lab": "default"}});
    let system = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta});
    (StatusCode::OK, system.to_string())
}

#[tokio::test]
async fn a_platform_tells_its_version_context_and_lab() {
    let server = serve(api_server("36+", kube_system())).await;
    let folder = TempDir::new().unwrap();
    let path = kubeconfig(&folder, &server, json!({}));
    let platform = Platform::connect(&options(&path)).await.unwrap();
    assert_eq!(
        (platform.version().minor, platform.version().git.as_str()),
        (36, "v1.36+.2")
    );
    assert_eq!(platform.context(), Some("lab-one"));
    assert_eq!(platform.ground(), &Ground::Lab("default".to_owned()));

    let other = ConnectOptions {
        context: Some("lab-two".into()),
        ..options(&path)
    };
    assert_eq!(
        Platform::connect(&other).await.unwrap().context(),
        Some("lab-two")
    );
}

#[tokio::test]
async fn who_may_not_read_kube_system_is_connected_all_the_same() {
    let forbidden = status(
        403,
        "Forbidden",
        "namespaces \"kube-system\" is forbidden: User \"u\" cannot get",
    );
    let server = serve(api_server("33", forbidden)).await;
    let folder = TempDir::new().unwrap();
    let platform = Platform::connect(&options(&kubeconfig(&folder, &server, json!({}))))
        .await
        .unwrap();
    assert_eq!(platform.ground(), &Ground::Cluster);
}

#[tokio::test]
async fn nobody_there() {
    let (listener, port) = listener();
    drop(listener);
    for scheme in ["http", "https"] {
        let error = refused_by(&format!("{scheme}://127.0.0.1:{port}")).await;
        assert!(
            matches!(&error, ConnectError::Unreachable { why, .. } if why.contains("refused")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_nobody_has() {
    // Too long for a name, so that no name server is asked.
    let name = format!("{}.invalid", "n".repeat(64));
    let error = refused_by(&format!("https://{name}")).await;
    assert!(matches!(&error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&name));
}

#[tokio::test]
async fn somebody_who_accepts_and_never_answers() {
    let (_listener, port) = listener();
    for scheme in ["http", "https"] {
        let folder = TempDir::new().unwrap();
        let path = kubeconfig(&folder, &format!("{scheme}://127.0.0.1:{port}"), json!({}));
        let options = ConnectOptions {
            patience: Duration::from_millis(300),
            ..options(&path)
        };
        let error = Platform::connect(&options).await.map(|_| ()).unwrap_err();
        assert!(matches!(&error, ConnectError::Silent { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_is_not_taken_for_somebody_silent() {
    let (listener, port) = listener();
    drop(listener);
    let why = knock(&format!("https://127.0.0.1:{port}").parse().unwrap())
        .await
        .unwrap_err();
    assert!(why.contains("refused"), "{why}");
    let (_listener, port) = self::listener();
    assert_eq!(
        knock(&format!("http://127.0.0.1:{port}").parse().unwrap()).await,
        Ok(())
    );
}

#[tokio::test]
async fn somebody_who_hangs_up() {
    let (listener, port) = listener();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for scheme in ["http", "https"] {
        let error = refused_by(&format!("{scheme}://127.0.0.1:{port}")).await;
        assert!(matches!(&error, ConnectError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn plain_http_where_tls_is_expected() {
    let server = serve(api_server("36", kube_system()))
        .await
        .replace("http:", "https:");
    let error = refused_by(&server).await;
    assert!(
        matches!(&error, ConnectError::Tls { why, .. } if why.contains("does not speak TLS")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let (listener, port) = listener();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let _ = rustls::Stream::new(&mut connection, &mut stream).read(&mut [0]);
        }
    });
    let folder = TempDir::new().unwrap();
    // Another authority, so that the answer does not hang on which ones the machine trusts.
    let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
    let authority = write(&folder, "ca.pem", &other.cert.pem());
    let path = kubeconfig(&folder, &format!("https://127.0.0.1:{port}"), json!({}));
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    file["clusters"][0]["cluster"]["certificate-authority"] = json!(authority);
    std::fs::write(&path, file.to_string()).unwrap();
    let error = refused(&path).await;
    assert!(
        matches!(&error, ConnectError::Tls { why, .. } if why.contains("certificate")),
        "{error:?}"
    );
}

#[tokio::test]
async fn credentials_that_are_not_accepted() {
    let unauthorised = status(401, "Unauthorized", "Unauthorized");
    let anonymous = status(
        403,
        "Forbidden",
        "forbidden: User \"system:anonymous\" cannot get path",
    );
    for answer in [unauthorised, anonymous] {
        let error = refused_by(&serve(api_server("36", answer)).await).await;
        assert!(matches!(&error, ConnectError::Unauthorised { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret-token"), "a token shows");
    }
}

#[tokio::test]
async fn a_server_that_is_no_kubernetes() {
    let page = Router::new().fallback(|| async { "<html>Welcome</html>" });
    let missing = Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "<html>no such page</html>") });
    for router in [page, missing] {
        let error = refused_by(&serve(router).await).await;
        assert!(matches!(&error, ConnectError::NotKubernetes { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_kubernetes_that_is_too_old_or_too_new() {
    for minor in ["32", "38"] {
        let error = refused_by(&serve(api_server(minor, kube_system())).await).await;
        assert!(matches!(&error, ConnectError::Unsupported { .. }), "{error:?}");
        assert!(
            error
                .to_string()
                .ends_with(&format!("is Kubernetes v1.{minor}.2, supported are 1.33 to 1.37"))
        );
    }
}

#[tokio::test]
async fn a_credential_plugin_that_is_not_there() {
    let folder = TempDir::new().unwrap();
    let exec = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/plugin", "interactiveMode": "Never",
    }});
    let error = refused(&kubeconfig(&folder, "https://127.0.0.1:1", exec)).await;
    assert!(matches!(&error, ConnectError::Credentials { .. }), "{error:?}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_or_not_one() {
    let folder = TempDir::new().unwrap();
    let error = refused(&folder.path().join("nowhere")).await;
    assert!(matches!(&error, ConnectError::Unreadable { .. }), "{error:?}");

    let garbled = write(
        &folder,
        "garbled",
        "apiVersion: v1\nclusters:\n  - name: [unclosed\n",
    );
    let error = refused(&garbled).await;
    let ConnectError::Garbled {
        line: Some(line),
        column: Some(_),
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert!(*line >= 3, "{line}");
    assert!(error.to_string().contains(&format!("garbled:{line}:")), "{error}");

    let error = refused(&write(&folder, "wrong", "clusters: 5\n")).await;
    assert!(
        matches!(&error, ConnectError::Garbled { line: Some(1), .. }),
        "{error:?}"
    );
    let error = refused(&write(&folder, "empty", "")).await;
    assert!(matches!(&error, ConnectError::NoContext { .. }), "{error:?}");
    let mut binary = std::fs::File::create(folder.path().join("binary")).unwrap();
    binary.write_all(&[0, 159, 146, 150]).unwrap();
    let error = refused(&folder.path().join("binary")).await;
    assert!(
        matches!(
            &error,
            ConnectError::Garbled { .. } | ConnectError::Unreadable { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_context_that_is_not_there_is_answered_with_those_that_are() {
    let folder = TempDir::new().unwrap();
    let path = kubeconfig(&folder, "http://127.0.0.1:1", json!({}));
    let options = ConnectOptions {
        context: Some("lab-tow".into()),
        ..options(&path)
    };
    let error = Platform::connect(&options).await.map(|_| ()).unwrap_err();
    let wanted = "has no context `lab-tow`, did you mean `lab-two`? It has `lab-one`, `lab-two`";
    assert!(error.to_string().ends_with(wanted), "{error}");
}

#[tokio::test]
async fn a_context_whose_cluster_is_missing() {
    let folder = TempDir::new().unwrap();
    let text = "current-context: a\ncontexts: [{name: a, context: {cluster: gone, user: u}}]\n";
    let error = refused(&write(&folder, "config", text)).await;
    assert!(matches!(&error, ConnectError::Incomplete { .. }), "{error:?}");
}

async fn chosen(environment: &Environment) -> Result<String, ConnectError> {
    let chosen = kubeconfig::choose(&ConnectOptions::default(), environment).await?;
    Ok(chosen.config.cluster_url.to_string())
}

#[tokio::test]
async fn without_any_kubeconfig_the_places_are_named() {
    let folder = TempDir::new().unwrap();
    let home = Environment {
        home: Some(folder.path().to_owned()),
        ..Environment::default()
    };
    let error = chosen(&home).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoKubeconfig { looked } if looked.len() == 1),
        "{error:?}"
    );
    assert!(error.to_string().contains(".kube/config"), "{error}");

    let named = Environment {
        kubeconfig: Some(folder.path().join("gone").into()),
        ..home
    };
    let error = chosen(&named).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoKubeconfig { looked } if looked[0].ends_with("gone")),
        "{error:?}"
    );
    assert!(
        chosen(&Environment::default())
            .await
            .unwrap_err()
            .to_string()
            .contains("no home directory")
    );
}

#[tokio::test]
async fn the_environment_is_merged_and_files_that_are_not_there_are_passed_over() {
    let folder = TempDir::new().unwrap();
    let context = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n";
    let cluster = "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:7'}}]\n";
    let paths = [
        folder.path().join("gone"),
        write(&folder, "one", context),
        write(&folder, "two", cluster),
    ];
    let environment = Environment {
        kubeconfig: Some(std::env::join_paths(paths).unwrap()),
        ..Environment::default()
    };
    assert_eq!(chosen(&environment).await.unwrap(), "http://127.0.0.1:7/");
}

#[tokio::test]
async fn the_kubeconfigs_own_proxy_counts_and_the_environments_only_without_it() {
    let folder = TempDir::new().unwrap();
    let path = kubeconfig(&folder, "https://k8s.example.com", json!({}));
    let proxies = Proxies {
        https: "http://env:3128".into(),
        ..Proxies::default()
    };
    let environment = Environment {
        proxies,
        ..Environment::default()
    };
    let proxy = async |environment: &Environment| {
        kubeconfig::choose(&options(&path), environment)
            .await
            .unwrap()
            .config
            .proxy_url
            .map(|proxy| proxy.to_string())
    };
    assert_eq!(proxy(&environment).await.as_deref(), Some("http://env:3128/"));
    assert_eq!(proxy(&Environment::default()).await, None);
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    file["clusters"][0]["cluster"]["proxy-url"] = json!("http://own:3128");
    std::fs::write(&path, file.to_string()).unwrap();
    assert_eq!(proxy(&environment).await.as_deref(), Some("http://own:3128/"));
}

#[tokio::test]
async fn a_pod_without_its_service_account_says_so() {
    let environment = Environment {
        in_cluster: true,
        ..Environment::default()
    };
    let error = chosen(&environment).await.unwrap_err();
    assert!(matches!(&error, ConnectError::InCluster { .. }), "{error:?}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_but_not_for_ever() {
    for (refusals, fine) in [(2, true), (100, false)] {
        let left = Arc::new(std::sync::atomic::AtomicUsize::new(refusals));
        let busy = Arc::clone(&left);
        let turn_away = move |request: axum::extract::Request, next: axum::middleware::Next| {
            let busy = Arc::clone(&busy);
            async move {
                let ordering = std::sync::atomic::Ordering::SeqCst;
                if busy
                    .fetch_update(ordering, ordering, |left| left.checked_sub(1))
                    .is_ok()
                {
                    use axum::response::IntoResponse;
                    return status(429, "TooManyRequests", "busy").into_response();
                }
                next.run(request).await
            }
        };
        let router = api_server("36", kube_system()).layer(axum::middleware::from_fn(turn_away));
        let folder = TempDir::new().unwrap();
        let path = kubeconfig(&folder, &serve(router).await, json!({}));
        let platform = Platform::connect(&options(&path)).await;
        assert_eq!(platform.is_ok(), fine);
        let asked = refusals - left.load(std::sync::atomic::Ordering::SeqCst);
        assert!(asked <= 10, "{asked}");
    }
}
