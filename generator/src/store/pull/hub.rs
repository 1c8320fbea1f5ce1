//! The hub: its list of a repository's files, and its files.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use serde::Deserialize;
use serde_json::Value;
use tokio_rustls::rustls;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::super::error::StoreError;
use super::super::names::{Repository, file_name};
use super::PullRequest;

/// The hub that is asked where the environment names none.
const PUBLIC: &str = "https://huggingface.co";

/// The longest list of files that is read.
const MAX_LIST: u64 = 64 << 20;

/// The longest wait for a connection, and for the head of an answer.
const CONNECT: Duration = Duration::from_secs(15);
const HEAD: Duration = Duration::from_secs(60);

/// The longest silence within an answer.
const SILENCE: Duration = Duration::from_secs(60);

/// The first pause before something is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// How often a question to the hub is tried.
const TRIES: u32 = 3;

/// A hub of models.
#[derive(Debug)]
pub(super) struct Hub {
    agent: Agent,
    endpoint: String,
    host: String,
    token: Option<String>,
}

/// A repository at a commit.
#[derive(Debug)]
pub(super) struct Listing {
    /// The commit.
    pub(super) revision: String,
    /// Licence; empty where none is stated.
    pub(super) license: String,
    /// The files at the top of it.
    pub(super) files: Vec<RemoteFile>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// Its name.
    pub(super) name: String,
    /// Its length, where the hub states it.
    pub(super) bytes: Option<u64>,
    /// Its SHA-256, where the hub states it: for large files.
    pub(super) sha256: Option<String>,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may do better later; in a few words.
    Passing(String),
    /// It will not.
    Lasting(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Lasting(error)
    }
}

impl Hub {
    /// The hub of a request. Connects to nothing yet.
    ///
    /// # Errors
    /// [`StoreError::Address`]; [`StoreError::Unreachable`] where the environment forbids the
    /// network.
    pub(super) fn new(request: &PullRequest) -> Result<Self, StoreError> {
        let endpoint = request.endpoint.as_deref().unwrap_or(PUBLIC);
        let endpoint = endpoint.trim_end_matches('/');
        let wrong = |reason: &str| StoreError::Address {
            reason: reason.to_owned(),
        };
        let uri: Uri = endpoint
            .parse()
            .map_err(|_| wrong("no es una dirección http:// o https://"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("no empieza por http:// o https://")),
        };
        let host = uri.host().ok_or_else(|| wrong("no nombra un servidor"))?;
        if uri.query().is_some()
            || uri
                .authority()
                .is_some_and(|all| all.as_str().contains('@'))
        {
            return Err(wrong("lleva claves o parámetros"));
        }
        if request.offline {
            return Err(StoreError::Unreachable {
                host: host.to_owned(),
                reason: "HF_HUB_OFFLINE prohíbe la red".to_owned(),
            });
        }
        let own = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        // A key is not shown to whoever listens on the way.
        let token = request.token.clone().filter(|_| secure || own);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(secure)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .accept_encoding("identity")
            // A hub of this machine needs no proxy, and no proxy could reach it.
            .proxy(Proxy::try_from_env().filter(|_| !own))
            .user_agent(concat!("sistole/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(HEAD))
            .timeout_per_read(Some(SILENCE))
            .tls_config(tls(secure)?)
            .build()
            .new_agent();
        Ok(Self {
            agent,
            endpoint: endpoint.to_owned(),
            host: host.to_owned(),
            token,
        })
    }

    /// The files of a repository, and the commit they are of.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRepository`], [`StoreError::NotAllowed`], [`StoreError::Unreachable`],
    /// [`StoreError::Nonsense`].
    pub(super) fn list(&self, repository: &Repository) -> Result<Listing, StoreError> {
        let revision = repository.revision.as_deref().unwrap_or("main");
        let address = format!(
            "{}/api/models/{}/revision/{revision}?blobs=true",
            self.endpoint, repository.id
        );
        let what = format!("{}@{revision}", repository.id);
        let text = self.text(&address, &what)?;
        let info: Info =
            serde_json::from_str(&text).map_err(|_| self.nonsense("no es la lista de ficheros"))?;
        if !is_commit(&info.sha) {
            return Err(self.nonsense("no dice de qué revisión es"));
        }
        let license = info
            .card
            .and_then(|card| card.license)
            .and_then(|license| license.as_str().map(str::to_owned))
            .unwrap_or_default();
        let files = info
            .siblings
            .into_iter()
            // What lies in folders of the repository belongs to other programs.
            .filter(|file| file_name(&file.name).is_ok())
            .map(|file| RemoteFile {
                bytes: file.lfs.as_ref().and_then(|lfs| lfs.size).or(file.size),
                sha256: file.lfs.map(|lfs| lfs.sha256.to_ascii_lowercase()),
                name: file.name,
            })
            .collect();
        Ok(Listing {
            revision: info.sha,
            license,
            files,
        })
    }

    /// Where a file of a repository is.
    pub(super) fn address(&self, repository: &str, revision: &str, file: &str) -> String {
        format!("{}/{repository}/resolve/{revision}/{file}", self.endpoint)
    }

    /// A short file as text.
    ///
    /// # Errors
    /// As [`Hub::list`].
    pub(super) fn text(&self, address: &str, what: &str) -> Result<String, StoreError> {
        let mut failed = 0;
        loop {
            let read = self.get(address, what, 0).and_then(|response| {
                if response.status() != StatusCode::OK {
                    return Err(self.nonsense(response.status().as_str()).into());
                }
                response
                    .into_body()
                    .with_config()
                    .limit(MAX_LIST)
                    .read_to_string()
                    .map_err(|error| self.trouble(&error))
            });
            match read {
                Ok(text) => return Ok(text),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(reason)) => {
                    failed += 1;
                    if failed == TRIES {
                        return Err(self.unreachable(reason));
                    }
                    pause(failed);
                }
            }
        }
    }

    /// Asks for a file from byte `start` on. The answer is 200 (all of it), 206 (that part) or 416
    /// (there is no such part).
    ///
    /// # Errors
    /// Whether it may do better later.
    pub(super) fn get(
        &self,
        address: &str,
        what: &str,
        start: u64,
    ) -> Result<Response<Body>, Trouble> {
        let mut request = self.agent.get(address);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if start > 0 {
            request = request.header(header::RANGE, format!("bytes={start}-"));
        }
        let response = request.call().map_err(|error| self.trouble(&error))?;
        let status = response.status();
        // The hub answers 401 for what is not there too, and says which in a header.
        let said = response
            .headers()
            .get("x-error-code")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Err(match status.as_u16() {
            200 | 206 | 416 => return Ok(response),
            404 | 410 => self.no_such(what).into(),
            401 | 403 if said.ends_with("NotFound") => self.no_such(what).into(),
            407 => StoreError::Address {
                reason: "el proxy pide usuario y contraseña".to_owned(),
            }
            .into(),
            401 | 403 | 451 => StoreError::NotAllowed {
                host: self.host.clone(),
                what: what.to_owned(),
            }
            .into(),
            408 | 425 | 429 | 500..=599 => {
                Trouble::Passing(format!("responde {}", status.as_u16()))
            }
            _ => self.nonsense(status.as_str()).into(),
        })
    }

    fn no_such(&self, what: &str) -> StoreError {
        StoreError::NoSuchRepository {
            host: self.host.clone(),
            what: what.to_owned(),
        }
    }

    /// The answer cannot be understood.
    pub(super) fn nonsense(&self, reason: &str) -> StoreError {
        StoreError::Nonsense {
            host: self.host.clone(),
            reason: reason.to_owned(),
        }
    }

    /// The hub did not do better later.
    pub(super) fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable {
            host: self.host.clone(),
            reason,
        }
    }

    fn trouble(&self, error: &ureq::Error) -> Trouble {
        use ureq::Error;
        match error {
            Error::HostNotFound => Trouble::Passing("no se encuentra el servidor".to_owned()),
            Error::Timeout(_) => Trouble::Passing("no responde a tiempo".to_owned()),
            Error::Rustls(error) => self.untrusted(Some(error)),
            Error::Tls(_) => self.untrusted(None),
            Error::Io(error) if let Some(error) = of_tls(error) => self.untrusted(Some(error)),
            Error::Io(_) | Error::ConnectionFailed | Error::Protocol(_) => {
                Trouble::Passing("la conexión falla".to_owned())
            }
            Error::ConnectProxyFailed(_) => Trouble::Passing("el proxy falla".to_owned()),
            Error::InvalidProxyUrl | Error::BadUri(_) | Error::Http(_) => {
                Trouble::Lasting(StoreError::Address {
                    reason: "no se entiende".to_owned(),
                })
            }
            Error::RequireHttpsOnly(_) => self.nonsense("lleva a una dirección sin cifrar").into(),
            Error::TooManyRedirects | Error::RedirectFailed => {
                self.nonsense("lleva de una dirección a otra").into()
            }
            _ => self.nonsense("no es HTTP válido").into(),
        }
    }

    /// Trying again will not mend TLS.
    fn untrusted(&self, error: Option<&rustls::Error>) -> Trouble {
        let reason = match error {
            Some(rustls::Error::InvalidCertificate(_)) => {
                "su certificado no es de confianza: el de su centro se pone en SSL_CERT_FILE"
            }
            _ => "la conexión cifrada falla",
        };
        self.unreachable(reason.to_owned()).into()
    }
}

/// Waits before something is tried for the `failed`-th time again, not in step with others.
pub(super) fn pause(failed: u32) {
    let longest = FIRST_PAUSE * 2_u32.pow(failed.clamp(1, 6) - 1);
    std::thread::sleep(longest.mul_f64(rand::rng().random_range(0.5..1.0)));
}

/// The error of TLS that a failure of the connection comes from.
fn of_tls(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether a text is a commit as git names it.
fn is_commit(text: &str) -> bool {
    (40..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// TLS with the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn tls(secure: bool) -> Result<TlsConfig, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let found = rustls_native_certs::load_native_certs();
    if secure && found.certs.is_empty() {
        let reason = "el sistema no tiene certificados raíz: instale ca-certificates o indique SSL_CERT_FILE";
        return Err(StoreError::Address {
            reason: reason.to_owned(),
        });
    }
    let roots: Vec<Certificate<'static>> = found
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::from(roots.into_iter()))
        .build())
}

#[derive(Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
    #[serde(rename = "cardData")]
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    license: Option<Value>,
}

#[derive(Deserialize)]
struct Sibling {
    #[serde(rename = "rfilename")]
    name: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: Option<u64>,
}
