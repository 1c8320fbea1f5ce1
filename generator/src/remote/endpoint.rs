//! The one server that a question may go to, and a connection to it.
//!
//! Every request has a connection of its own. On the wires of a hospital opening one costs far less
//! than a token, and in return nothing is shared: leaving an answer closes its connection, which
//! is how the servers notice that nobody listens, and no request fails for a connection that went
//! stale in a pool.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::error::{Malformed, Oversized, Phase, RemoteError};

/// The largest head of a response, bytes.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Room for what was read of a connection and not yet used, bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where the server is, and how to speak to it.
pub(super) struct Endpoint {
    host: String,
    port: u16,
    /// Host and port as the `Host` header says them.
    pub(super) authority: String,
    /// What stands before `/v1`, without a slash at its end.
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// Reads the address and, for `https://`, the certification authorities.
    pub(super) fn new(url: &str, ca_file: &Path) -> Result<Self, RemoteError> {
        let mut endpoint = Self::parse(url)?;
        if url
            .trim_start()
            .get(..6)
            .is_some_and(|head| head.eq_ignore_ascii_case("https:"))
        {
            let name =
                ServerName::try_from(endpoint.host.clone()).map_err(|_| RemoteError::InvalidUrl)?;
            endpoint.tls = Some((connector(ca_file)?, name));
        }
        Ok(endpoint)
    }

    fn parse(url: &str) -> Result<Self, RemoteError> {
        let url = url.trim();
        let uri: Uri = url.parse().map_err(|_| RemoteError::InvalidUrl)?;
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(RemoteError::InvalidUrl),
        };
        let authority = uri.authority().ok_or(RemoteError::InvalidUrl)?;
        // A password in an address would be shown wherever the address is.
        let refused = ['@', '?', '#'];
        if url.contains(refused) || authority.host().is_empty() {
            return Err(RemoteError::InvalidUrl);
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => default_port,
            _ => authority
                .port_u16()
                .filter(|&port| port != 0)
                .ok_or(RemoteError::InvalidUrl)?,
        };
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            // Many write the address with `/v1`, as other clients want it.
            prefix: path.strip_suffix("/v1").unwrap_or(path).to_owned(),
            tls: None,
        })
    }

    /// Whether what is sent can be read on the way, and is not for this machine.
    pub(super) fn is_exposed(&self) -> bool {
        let this_machine = self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        self.tls.is_none() && !this_machine
    }

    /// The path of a request, `path` being what the interface calls it.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Opens a connection.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Connection, RemoteError> {
        timeout_at(deadline, async {
            let stream = self.reach(deadline).await?;
            match &self.tls {
                None => handshake(stream).await,
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await;
                    handshake(stream.map_err(|source| RemoteError::Untrusted { source })?).await
                }
            }
        })
        .await
        .map_err(|_| RemoteError::Timeout(Phase::Connect))?
    }

    /// Tries the name's addresses one after another, each with its share of the time: an address
    /// that swallows everything (IPv6 half set up) must not cost the others their turn.
    async fn reach(&self, deadline: Instant) -> Result<TcpStream, RemoteError> {
        let unreachable = |source| RemoteError::Unreachable { source };
        let addresses = lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = addresses.map_err(unreachable)?.collect();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (tried, address) in addresses.iter().enumerate() {
            let rest = deadline.saturating_duration_since(Instant::now());
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = Instant::now() + rest / left;
            match timeout_at(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(unreachable)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) if left == 1 => return Err(RemoteError::Timeout(Phase::Connect)),
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(unreachable(last))
    }
}

/// TLS with ring, so that no C library of another kind comes in, and with the authorities of the
/// operating system besides those of the file.
fn connector(ca_file: &Path) -> Result<TlsConnector, RemoteError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if !ca_file.as_os_str().is_empty() {
        let unreadable = |source| RemoteError::Authorities {
            source: Some(source),
        };
        let own: Vec<_> = CertificateDer::pem_file_iter(ca_file)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(error.into()))?;
        if own.is_empty() {
            return Err(RemoteError::Authorities { source: None });
        }
        for certificate in own {
            roots
                .add(certificate)
                .map_err(|error| unreadable(error.into()))?;
        }
    }
    if roots.is_empty() {
        let source = native.errors.into_iter().next();
        return Err(RemoteError::NoAuthorities {
            source: source.map(Into::into),
        });
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RemoteError::NoAuthorities {
            source: Some(error.into()),
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn handshake<S>(stream: S) -> Result<Connection, RemoteError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(from_hyper)?;
    // Its errors reach whoever waits for the response.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok(Connection {
        sender,
        task: Task(task),
    })
}

/// Drives a connection; dropped, it closes it.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection that nothing was sent on yet.
pub(super) struct Connection {
    sender: http1::SendRequest<String>,
    task: Task,
}

impl Connection {
    /// Sends the one request, and reads the head of the response.
    pub(super) async fn send(mut self, request: Request<String>) -> Result<Exchange, RemoteError> {
        let response = self.sender.send_request(request).await;
        Ok(Exchange {
            response: response.map_err(from_hyper)?,
            _task: self.task,
        })
    }
}

/// A response whose body is still coming; dropped, its connection closes.
pub(super) struct Exchange {
    pub(super) response: Response<Incoming>,
    _task: Task,
}

impl Exchange {
    /// The next bytes of the body; nothing at its end. No byte is lost where this is dropped.
    pub(super) async fn bytes(&mut self) -> Result<Option<Bytes>, RemoteError> {
        loop {
            let body = self.response.body_mut();
            let frame =
                std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
            match frame.transpose().map_err(from_hyper)? {
                None => return Ok(None),
                // Trailers say nothing.
                Some(frame) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// A whole body of no more than `most` bytes; of a longer one its beginning.
    pub(super) async fn document(&mut self, most: usize) -> Result<Vec<u8>, RemoteError> {
        let mut document = Vec::new();
        while let Some(bytes) = self.bytes().await? {
            let room = most - document.len();
            document.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if bytes.len() >= room {
                break;
            }
        }
        Ok(document)
    }
}

/// hyper's errors hold no bytes of the response, so they may be kept as causes.
fn from_hyper(error: hyper::Error) -> RemoteError {
    if error.is_parse_too_large() {
        return RemoteError::TooLarge(Oversized::Headers);
    }
    let mut source = std::error::Error::source(&error);
    let mut malformed = error.is_parse();
    while let Some(cause) = source {
        // A chunked body whose lengths make no sense.
        malformed |= cause.downcast_ref::<io::Error>().is_some_and(|cause| {
            matches!(
                cause.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
            )
        });
        source = cause.source();
    }
    if malformed {
        return RemoteError::Malformed(Malformed::Http);
    }
    RemoteError::Dropped {
        source: Some(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (url, host, port, path) in [
            ("http://gpu1:8000", "gpu1", 8000, "/v1/models"),
            (" http://gpu1:8000/ ", "gpu1", 8000, "/v1/models"),
            ("http://10.0.0.7:8000/v1", "10.0.0.7", 8000, "/v1/models"),
            ("http://10.0.0.7/v1/", "10.0.0.7", 80, "/v1/models"),
            (
                "https://llm.hospital.es",
                "llm.hospital.es",
                443,
                "/v1/models",
            ),
            (
                "https://llm.hospital.es/alia/v1",
                "llm.hospital.es",
                443,
                "/alia/v1/models",
            ),
            ("HTTP://[fd00::7]:8000", "fd00::7", 8000, "/v1/models"),
            ("http://[::1]", "::1", 80, "/v1/models"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            let read = (
                endpoint.host.as_str(),
                endpoint.port,
                endpoint.path("/v1/models"),
            );
            assert_eq!(read, (host, port, path.to_owned()), "{url}");
        }
    }

    #[test]
    fn an_address_that_hides_something_is_refused() {
        for url in [
            "",
            "gpu1:8000",
            "//gpu1",
            "ftp://gpu1",
            "file:///etc/passwd",
            "http://",
            "http://:8000",
            "http://ana:secreta@gpu1:8000",
            "http://gpu1:0",
            "http://gpu1:",
            "http://gpu1:99999",
            "http://gpu1/v1?key=1",
            "http://gpu1/#x",
            "http://gpu 1",
        ] {
            let error = Endpoint::parse(url)
                .err()
                .unwrap_or_else(|| panic!("{url} was taken"));
            assert_eq!(error.code(), "remote_invalid_url", "{url}");
            assert!(!format!("{error} {error:?}").contains("secreta"));
        }
    }

    #[test]
    fn plain_text_to_another_machine_is_known_as_such() {
        for (url, exposed) in [
            ("http://127.0.0.1:8000", false),
            ("http://[::1]:8000", false),
            ("http://localhost", false),
            ("http://10.0.0.7", true),
            ("http://gpu1", true),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap().is_exposed(), exposed, "{url}");
        }
    }
}
