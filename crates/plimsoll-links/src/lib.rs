//! Looks whether the links of a submission answer.
//!
//! Submissions come from strangers, so a link may point anywhere. Only public addresses are asked: a name is
//! resolved here, the addresses found are judged, and the connection goes to those and no others, after each
//! redirect again. Proxies are not used, for they would resolve names by themselves. Nothing is sent but
//! HEAD and GET, no body is read, each link is asked once, and there is an end to how many. What links answered is kept for a
//! while in a [`Cache`].

mod cache;
mod public;
mod resolver;

use std::{
    collections::HashMap,
    error::Error,
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use plimsoll_program::rules::{Links, Reach};
use reqwest::{Client, Method, StatusCode, Url, redirect};

pub use cache::Cache;
pub use public::is_public;
use resolver::{Lookup, NotPublic, Resolver, by_system};

/// As long as the programme's validator waits.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A server that is not there is noticed earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// As many redirects as the programme's validator follows.
const REDIRECTS: usize = 10;
/// More links than a checkout of the whole programme has.
const MOST_LINKS: usize = 5_000;

/// Which addresses may be asked.
type Allowed = fn(IpAddr) -> bool;

/// Asks the network.
pub struct OnlineLinks {
    runtime: tokio::runtime::Runtime,
    client: Client,
    allowed: Allowed,
    asked: AtomicUsize,
    known: Mutex<HashMap<String, Arc<OnceLock<Reach>>>>,
    cache: Option<Mutex<Cache>>,
}

/// The network can't be asked from here.
#[derive(Debug, thiserror::Error)]
pub enum OnlineError {
    /// No runtime.
    #[error("could not start asking links")]
    Runtime(#[from] std::io::Error),
    /// No client, for want of trusted certificates, say.
    #[error("could not set up asking links")]
    Client(#[from] reqwest::Error),
}

impl OnlineLinks {
    /// Gets ready; nothing is asked yet.
    ///
    /// # Errors
    /// When this system gives no threads or no trusted certificates.
    pub fn new() -> Result<Self, OnlineError> {
        Self::with(is_public, by_system)
    }

    /// Takes what is known from a cache, and adds to it.
    #[must_use]
    pub fn cached(mut self, cache: Cache) -> Self {
        self.cache = Some(Mutex::new(cache));
        self
    }

    /// Writes the cache, if there is one.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self) -> std::io::Result<()> {
        match self.cache.as_ref().map(Mutex::lock) {
            Some(Ok(cache)) => cache.save(),
            Some(Err(_)) | None => Ok(()),
        }
    }

    fn with(allowed: Allowed, lookup: Lookup) -> Result<Self, OnlineError> {
        // One that is told already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let redirects = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS {
                return attempt.error("redirects too often");
            }
            match literal(attempt.url()).filter(|address| !allowed(*address)) {
                Some(address) => attempt.error(NotPublic(address.to_string())),
                None => attempt.follow(),
            }
        });
        let client = Client::builder()
            .user_agent(concat!(
                "plimsoll/",
                env!("CARGO_PKG_VERSION"),
                " (checks links of AI conformance submissions)"
            ))
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirects)
            .no_proxy()
            .dns_resolver(Resolver::shared(lookup, allowed))
            .build()?;
        Ok(Self {
            runtime,
            client,
            allowed,
            asked: AtomicUsize::new(0),
            known: Mutex::default(),
            cache: None,
        })
    }

    fn ask(&self, url: &str) -> Reach {
        let url = match Url::parse(url) {
            Ok(url) if url.has_host() => url,
            Ok(_) => return Reach::Unreachable("it has no host".to_owned()),
            Err(error) => return Reach::Unreachable(format!("it is no link: {error}")),
        };
        if let Some(address) = literal(&url).filter(|address| !(self.allowed)(*address)) {
            return refused(&address.to_string());
        }
        if let Some(known) = self.with_cache(|cache| cache.get(url.as_str())).flatten() {
            return known;
        }
        if self.asked.fetch_add(1, Ordering::Relaxed) >= MOST_LINKS {
            return Reach::NotAsked(format!("more than {MOST_LINKS} links"));
        }
        let asked = url.to_string();
        let reach = self.runtime.handle().block_on(self.head_then_get(url));
        self.with_cache(|cache| cache.put(&asked, &reach));
        reach
    }

    fn with_cache<T>(&self, look: impl FnOnce(&mut Cache) -> T) -> Option<T> {
        let mut cache = self.cache.as_ref()?.lock().ok()?;
        Some(look(&mut cache))
    }

    async fn head_then_get(&self, url: Url) -> Reach {
        match self.status(Method::HEAD, url.clone()).await {
            Ok(status) if status.as_u16() < 400 => return Reach::Reachable,
            Err(Trouble::NotPublic(address)) => return refused(&address),
            Ok(_) | Err(Trouble::Other(_)) => {}
        }
        match self.status(Method::GET, url).await {
            Ok(status) if status.as_u16() < 400 => Reach::Reachable,
            Ok(status) => Reach::Unreachable(format!("status {}", status.as_u16())),
            Err(Trouble::NotPublic(address)) => refused(&address),
            Err(Trouble::Other(why)) => Reach::Unreachable(why),
        }
    }

    async fn status(&self, method: Method, url: Url) -> Result<StatusCode, Trouble> {
        match self.client.request(method, url).send().await {
            Ok(response) => Ok(response.status()),
            Err(error) => Err(trouble(&error)),
        }
    }
}

impl Links for OnlineLinks {
    fn reach(&self, url: &str) -> Reach {
        // The fragment is not sent, so it makes no difference.
        let asked = url.split('#').next().unwrap_or(url).to_owned();
        let slot = match self.known.lock() {
            Ok(mut known) => Arc::clone(known.entry(asked.clone()).or_default()),
            Err(_) => return self.ask(&asked),
        };
        // Who comes second waits for the first.
        slot.get_or_init(|| self.ask(&asked)).clone()
    }
}

/// The address that stands in the place of a host name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn refused(address: &str) -> Reach {
    Reach::NotAsked(format!("{address} is no public address"))
}

enum Trouble {
    NotPublic(String),
    Other(String),
}

fn trouble(error: &reqwest::Error) -> Trouble {
    let mut why = String::new();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(NotPublic(address)) = error.downcast_ref::<NotPublic>() {
            return Trouble::NotPublic(address.clone());
        }
        why = error.to_string();
        cause = error.source();
    }
    Trouble::Other(if error.is_timeout() {
        format!("no answer within {} s", TIMEOUT.as_secs())
    } else {
        why
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::{Ipv4Addr, TcpListener},
        sync::atomic::AtomicU32,
        thread,
    };

    use super::*;

    /// Answers as a test says, on the loopback address; counts the requests.
    fn serve(answer: impl Fn(&str, &str) -> String + Send + 'static) -> (String, Arc<AtomicU32>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        // Ends with the process.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                let mut words = request.split(' ');
                let (method, path) = (words.next().unwrap(), words.next().unwrap());
                let head = answer(method, path);
                let mut connection = connection;
                let _ = write!(
                    connection,
                    "HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        (server, count)
    }

    /// Only the one loopback address, as if it were public and all others were not.
    fn loopback(address: IpAddr) -> bool {
        address == IpAddr::from(Ipv4Addr::LOCALHOST)
    }

    #[test]
    fn a_link_that_answers_to_head_or_get_is_reachable() {
        let (server, count) = serve(|method, path| {
            let answer = match (method, path) {
                (_, "/ok") | ("GET", "/nohead") => "200 OK",
                ("HEAD", "/nohead") => "405 No",
                _ => "404 Gone",
            };
            answer.to_owned()
        });
        let links = OnlineLinks::with(loopback, by_system).unwrap();
        assert_eq!(links.reach(&format!("{server}/ok")), Reach::Reachable);
        assert_eq!(links.reach(&format!("{server}/nohead")), Reach::Reachable);
        assert_eq!(
            links.reach(&format!("{server}/gone")),
            Reach::Unreachable("status 404".to_owned())
        );
        assert_eq!(count.load(Ordering::Relaxed), 5);
        links.reach(&format!("{server}/ok#elsewhere"));
        assert_eq!(count.load(Ordering::Relaxed), 5, "each link is asked once");
    }

    #[test]
    fn nothing_private_is_asked_directly_by_name_or_after_a_redirect() {
        let (secret, asked) = serve(|_, _| "200 OK".to_owned());
        let hidden = secret.replace("127.0.0.1", "127.0.0.2");
        let (server, _) = serve(move |_, path| match path {
            "/address" => format!("302 Found\r\nlocation: {hidden}/"),
            _ => "302 Found\r\nlocation: http://localhost.localdomain.invalid/".to_owned(),
        });
        let links = OnlineLinks::new().unwrap();
        for url in [
            format!("{secret}/"),
            secret.replace("127.0.0.1", "localhost"),
            "http://10.0.0.1/".to_owned(),
            "http://[::1]/".to_owned(),
            "http://0x7f.1/".to_owned(),
            "http://2130706433/".to_owned(),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
        ] {
            assert!(
                matches!(links.reach(&url), Reach::NotAsked(_)),
                "{url}: {:?}",
                links.reach(&url)
            );
        }
        let links = OnlineLinks::with(loopback, by_system).unwrap();
        assert!(matches!(
            links.reach(&format!("{server}/address")),
            Reach::NotAsked(_)
        ));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_no_link_is_unreachable() {
        let links = OnlineLinks::new().unwrap();
        for url in ["http://", "https://a b/", "http://x:port/", "http://%zz/"] {
            assert!(matches!(links.reach(url), Reach::Unreachable(_)), "{url}");
        }
    }

    #[test]
    fn a_circle_of_redirects_ends() {
        let (server, count) = serve(|_, _| "302 Found\r\nlocation: /again".to_owned());
        let links = OnlineLinks::with(loopback, by_system).unwrap();
        assert!(matches!(links.reach(&server), Reach::Unreachable(_)));
        assert!(count.load(Ordering::Relaxed) <= 24);
    }

    /// Names as a hostile name server would have them.
    fn names(name: String) -> resolver::Found {
        let addresses: &[[u8; 4]] = match name.as_str() {
            "both.test" => &[[127, 0, 0, 2], [127, 0, 0, 1]],
            "public.test" => &[[127, 0, 0, 1]],
            "private.test" => &[[10, 0, 0, 1], [127, 0, 0, 2]],
            _ => &[],
        };
        let found = addresses.iter().map(|address| (*address, 0).into()).collect();
        Box::pin(async move { Ok(found) })
    }

    #[test]
    fn a_name_for_private_addresses_is_not_asked_and_of_several_only_the_public_is() {
        // On every address of this machine, so that whoever is asked would answer.
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, asked) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                let _ = seen.send(connection.local_addr().unwrap().ip());
                let head = if request.contains("/away") {
                    format!("302 Found\r\nlocation: http://private.test:{port}/")
                } else {
                    "200 OK".to_owned()
                };
                let mut connection = connection;
                let _ = write!(
                    connection,
                    "HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        let links = OnlineLinks::with(loopback, names).unwrap();
        let reach = |link: &str| links.reach(&format!("http://{link}"));
        assert_eq!(reach(&format!("public.test:{port}/")), Reach::Reachable);
        assert_eq!(reach(&format!("both.test:{port}/")), Reach::Reachable);
        for link in ["private.test", "public.test"] {
            let link = format!("{link}:{port}/away");
            assert!(
                matches!(reach(&link), Reach::NotAsked(_)),
                "{link}: {:?}",
                reach(&link)
            );
        }
        assert!(matches!(
            reach(&format!("nobody.test:{port}/")),
            Reach::Unreachable(_)
        ));
        drop(links);
        let asked: Vec<IpAddr> = asked.try_iter().collect();
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(asked.iter().all(|address| loopback(*address)), "{asked:?}");
    }

    #[test]
    fn what_is_kept_is_not_asked_again_and_what_is_private_is_not_kept() {
        let (server, count) = serve(|_, path| if path == "/ok" { "200 OK" } else { "404 Gone" }.to_owned());
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("links.json");
        let links = || {
            OnlineLinks::with(loopback, by_system)
                .unwrap()
                .cached(Cache::open(file.clone()))
        };
        let first = links();
        assert_eq!(first.reach(&format!("{server}/ok")), Reach::Reachable);
        assert!(matches!(
            first.reach(&format!("{server}/no")),
            Reach::Unreachable(_)
        ));
        assert!(matches!(first.reach("http://10.0.0.1/"), Reach::NotAsked(_)));
        first.save().unwrap();
        let asked = count.load(Ordering::Relaxed);
        let second = links();
        assert_eq!(second.reach(&format!("{server}/ok#part")), Reach::Reachable);
        assert!(matches!(
            second.reach(&format!("{server}/no")),
            Reach::Unreachable(_)
        ));
        assert_eq!(count.load(Ordering::Relaxed), asked, "nothing is asked again");
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(!kept.contains("10.0.0.1"), "{kept}");
        // A cache can't make a private address public.
        let planted = kept.replace(&format!("{server}/ok"), "http://10.0.0.1/");
        std::fs::write(&file, planted).unwrap();
        assert!(matches!(links().reach("http://10.0.0.1/"), Reach::NotAsked(_)));
    }
}
