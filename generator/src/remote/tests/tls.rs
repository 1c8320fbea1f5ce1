//! Over TLS: which servers are trusted.
//!
//! The certificates beside this file were made with `openssl`: `authority.pem` signed
//! `localhost.pem` for the name `localhost`; `stranger.pem` signed nothing. Their keys are gone, but
//! for `localhost-key.pem`, which opens nothing but these tests. They hold for a hundred years.

use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server::{self, Server};
use super::*;

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/remote/tests")
        .join(name)
}

/// The port of a server that speaks TLS and gives one good answer after another.
async fn start() -> u16 {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("localhost-key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    server::read_request(&mut stream).await;
                    server::play(&mut stream, &server::answer("Cifrado [1].")).await;
                }
            });
        }
    });
    port
}

fn trusting(url: &str, ca_file: &str) -> RemoteConfig {
    RemoteConfig {
        ca_file: beside(ca_file),
        ..config(url)
    }
}

#[tokio::test]
async fn only_a_server_of_a_trusted_authority_and_of_that_name_is_asked() {
    let port = start().await;
    let named = format!("https://localhost:{port}");
    let numbered = format!("https://127.0.0.1:{port}");
    for (url, ca_file, code) in [
        (&named, "authority.pem", "whole"),
        (&named, "stranger.pem", "remote_untrusted"),
        (&numbered, "authority.pem", "remote_untrusted"),
    ] {
        let read = read(&remote(&trusting(url, ca_file))).await;
        assert_eq!(read.code(), code, "{url} {ca_file}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_plain_text() {
    let server = Server::start(vec![server::answer("Sin cifrar")]).await;
    let url = server.url.replace("http:", "https:");
    let config = RemoteConfig {
        connect_timeout_ms: 300,
        ..trusting(&url, "authority.pem")
    };
    assert_eq!(
        read(&remote(&config)).await.code(),
        "remote_connect_timeout"
    );
    // What came was the beginning of a handshake, for which this server has no end.
    assert!(server.requests().is_empty());
}

#[test]
fn a_file_without_authorities_is_refused() {
    for file in ["absent.pem", "tls.rs", "localhost-key.pem"] {
        let config = trusting("https://localhost", file);
        let error = Remote::build(&config, |_| Some(KEY.to_owned())).unwrap_err();
        assert_eq!(error.code(), "remote_ca_file", "{file}");
        assert!(!error.to_string().contains("remote/"), "{error}");
    }
}
