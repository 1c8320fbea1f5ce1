//! Taking connections: a bound on how many, a bound on how slowly a request's head may arrive, and
//! an end that lets requests under way finish.
//!
//! `axum::serve` sets no timer, so its header timeout never fires and one half-sent request can
//! hold the process at shutdown; hence this loop over hyper.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::{Service, ServiceExt};

/// How connections are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListenConfig {
    /// Open connections at once; more wait in the kernel's queue.
    pub(crate) max_connections: usize,
    /// How long the head of a request may take to arrive.
    pub(crate) header_timeout: Duration,
    /// How long requests under way may take once `shutdown` has resolved.
    pub(crate) shutdown_grace: Duration,
}

/// Serves `router` on `listener` until `shutdown` resolves, then lets requests under way finish.
///
/// # Errors
/// When the listener fails for good.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    config: ListenConfig,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(config.max_connections));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.map_err(io::Error::other)?,
            () = &mut shutdown => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => stream,
                Err(error) => {
                    // Out of file descriptors, or the peer left: the next one may do better.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut router = router.clone();
            async move {
                let ready = ServiceExt::<Request<Body>>::ready(&mut router).await;
                match ready {
                    Ok(router) => router.call(request.map(Body::new)).await,
                    Err(never) => Err::<_, Infallible>(never),
                }
            }
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // An error here is the client's: it left, or spoke no HTTP.
            let _ = watched.await;
            drop(slot);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(config.shutdown_grace) => {
            tracing::warn!("requests still under way were cut off at the end of the grace time");
        }
    }
    Ok(())
}
