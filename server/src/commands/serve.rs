//! `sistole serve`: the web page, the REST API and the jobs.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::cli::ServeArgs;
use crate::error::{Failure, FailureClass};
use crate::http::{self, ListenConfig, Served};
use crate::index_care;
use crate::ingestion::{self, Queue};
use crate::output::Output;
use crate::settings::Settings;

pub(super) async fn run(
    mut settings: Settings,
    args: &ServeArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    if let Some(port) = args.port {
        let host = settings
            .server
            .bind
            .rsplit_once(':')
            .map_or("127.0.0.1", |(host, _)| host)
            .to_owned();
        settings.server.bind = format!("{host}:{port}");
    }
    let listener = listen(&settings.server.bind).await?;
    let app = App::open(settings).await?;
    app.load_writer(output).await?;
    serve(app, listener, output).await
}

/// Binds an address of this machine alone.
///
/// # Errors
/// The setting is no address, leads outside this machine, or the port is taken.
pub(super) async fn listen(bind: &str) -> Result<TcpListener, Failure> {
    let configuration =
        |code, message: String| Failure::new(FailureClass::Configuration, code, message);
    let address: SocketAddr = bind.replace("localhost:", "127.0.0.1:").parse().map_err(|_| {
        configuration("bind_invalid", format!("server.bind debe ser una dirección y un puerto, como 127.0.0.1:8080, y es {bind}"))
    })?;
    if !address.ip().is_loopback() {
        let message = format!(
            "server.bind es {address}, y sin usuarios configurados el servidor solo escucha en esta máquina: use 127.0.0.1:{}",
            address.port()
        );
        return Err(configuration("bind_not_loopback", message));
    }
    TcpListener::bind(address).await.map_err(|error| {
        let message = format!("no se puede escuchar en {address}: ¿hay otro programa en ese puerto? Cambie server.bind o use --port");
        configuration("port_in_use", message).caused_by(error)
    })
}

/// Serves until the process is told to stop, then closes everything in order.
///
/// # Errors
/// The listener failed, or the index could not be closed.
pub(super) async fn serve(
    app: App,
    listener: TcpListener,
    output: Output,
) -> Result<ExitCode, Failure> {
    let settings = &app.settings().server;
    let config = ListenConfig {
        max_connections: settings.max_connections,
        header_timeout: Duration::from_millis(settings.header_timeout_ms),
        shutdown_grace: Duration::from_millis(settings.shutdown_grace_ms),
    };
    let address = listener.local_addr().map_err(failed)?;
    let (queue, working) = Queue::start(&app, ingestion::unfinished(&app).await?);
    let stopping = queue.clone();
    let clock = tokio::spawn(mind_the_hour(app.clone()));
    let router = http::router(Served {
        app: app.clone(),
        queue,
    });
    output.say(&format!(
        "Sístole responde en http://{address} (solo desde esta máquina: aún no hay usuarios configurados). Ctrl+C para terminar."
    ));
    let served = http::serve(listener, router, config, stop_signal()).await;
    clock.abort();
    output.say("Terminando: se acaban las peticiones y el fichero en curso…");
    // A file under way is finished; what waits behind it is in the catalogue for the next start.
    stopping.stop();
    drop(stopping);
    let grace = config.shutdown_grace;
    if tokio::time::timeout(grace, working).await.is_err() {
        tracing::warn!("a file still being read is left for the next start");
    }
    app.close().await?;
    served.map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// Every hour: the log of the index kept short, and versions put into use on their first day.
async fn mind_the_hour(app: App) {
    loop {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        if let Err(failure) = index_care::shorten_log(&app).await {
            tracing::warn!(
                cause = crate::error::chain(&failure),
                "the log of the index is still long"
            );
        }
        if let Err(failure) = ingestion::activate_due(&app).await {
            tracing::warn!(
                cause = crate::error::chain(&failure),
                "versions whose day has come are not in use yet"
            );
        }
    }
}

fn failed(error: std::io::Error) -> Failure {
    Failure::new(
        FailureClass::Failed,
        "listen_failed",
        "el servidor ha dejado de poder escuchar",
    )
    .caused_by(error)
}

/// Resolves at the first SIGTERM or SIGINT; the second one ends the process at once, which is as
/// safe as a crash.
async fn stop_signal() {
    let wait = || async {
        let (Ok(mut terminate), Ok(mut interrupt)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        ) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    wait().await;
    tokio::spawn(async move {
        wait().await;
        std::process::exit(130);
    });
}
