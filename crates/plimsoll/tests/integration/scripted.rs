//! An API server that answers as a test says, as far as the command line is concerned.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use serde_json::{Value, json};

/// What a request is answered: a status code and a body, or never anything.
pub(crate) type Answer = Option<(u16, Value)>;

/// Serves until the test ends; gives the path of a kubeconfig for it.
pub(crate) fn serve(
    home: &Path,
    answer: impl Fn(&str, &str, &Value) -> Answer + Send + Sync + 'static,
) -> &'static str {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let server = format!("http://{}", listener.local_addr().expect("an address"));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "scripted",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "scripted", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "planted-secret-token"}}],
    });
    fs::write(home.join("kubeconfig"), kubeconfig.to_string()).expect("a kubeconfig");
    let answer = Arc::new(answer);
    // Ends with the process.
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || converse(connection, &*answer));
        }
    });
    "kubeconfig"
}

/// One connection: requests one after the other, until one is left without an answer.
fn converse(connection: TcpStream, answer: &dyn Fn(&str, &str, &Value) -> Answer) {
    let Ok(mut write) = connection.try_clone() else {
        return;
    };
    let mut read = BufReader::new(connection);
    while let Some((method, path, body)) = request(&mut read) {
        match answer(&method, &path, &body) {
            Some((code, body)) => {
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {code} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                if write.write_all(format!("{head}{body}").as_bytes()).is_err() {
                    return;
                }
            }
            None => {
                // Until the other side gives up.
                let _ = read.read_to_end(&mut Vec::new());
                return;
            }
        }
    }
}

fn request(read: &mut impl BufRead) -> Option<(String, String, Value)> {
    let mut line = String::new();
    read.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        read.read_line(&mut header).ok().filter(|read| *read > 0)?;
        let header = header.trim_end().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).ok()?;
    Some((method, path, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// A refusal as API servers word them.
pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
    });
    Some((code, status))
}

/// A server of version 1.36, as far as connecting goes.
pub(crate) fn connectable(path: &str) -> Answer {
    match path {
        "/version" => Some((
            200,
            json!({
                "major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": "",
            }),
        )),
        "/api/v1/namespaces/kube-system" => Some((
            200,
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "kube-system"}}),
        )),
        _ => None,
    }
}
