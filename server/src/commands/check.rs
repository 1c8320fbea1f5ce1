//! `sistole check`: what is set, what is wrong, and how to mend it.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Failure, FailureClass, chain};
use crate::failures::catalog_failure;
use crate::index_care;
use crate::output::Output;
use crate::settings::Settings;

/// One thing looked at.
struct Finding {
    name: &'static str,
    ok: bool,
    detail: String,
}

pub(super) async fn run(settings: Settings, output: Output) -> Result<ExitCode, Failure> {
    let shown = shown_settings(&settings);
    let mut findings = vec![Finding {
        name: "settings",
        ok: true,
        detail: "la configuración es válida".to_owned(),
    }];
    let class;
    match App::open(settings).await {
        Ok(app) => {
            findings.extend(look(&app).await?);
            let (found, at_fault) = model(&app, output).await;
            findings.push(found);
            class = at_fault;
            app.close().await?;
        }
        Err(failure) => {
            class = Some(failure.class());
            let cause = chain(&failure);
            let detail = if cause.is_empty() {
                failure.to_string()
            } else {
                format!("{failure} ({cause})")
            };
            findings.push(Finding {
                name: "data_dir",
                ok: false,
                detail,
            });
        }
    }
    let ok = findings.iter().all(|finding| finding.ok);
    let listed: Vec<Value> = findings
        .iter()
        .map(|finding| json!({"check": finding.name, "ok": finding.ok, "detail": finding.detail}))
        .collect();
    let report = json!({"ok": ok, "version": env!("CARGO_PKG_VERSION"), "checks": listed, "settings": shown});
    output.result(&report, || {
        let line = |finding: &Finding| {
            format!(
                "{}  {:<9}  {}",
                if finding.ok { "bien" } else { "MAL " },
                finding.name,
                finding.detail
            )
        };
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(match (ok, class) {
        (true, _) => ExitCode::SUCCESS,
        (false, class) => ExitCode::from(class.unwrap_or(FailureClass::Failed).code()),
    })
}

async fn look(app: &App) -> Result<Vec<Finding>, Failure> {
    let stats = app.catalog().stats().await.map_err(catalog_failure)?;
    let sound = app.catalog().integrity().await.map_err(catalog_failure)?;
    let index = index_care::compare(app).await?;
    let needed = app
        .catalog()
        .needed_blobs()
        .await
        .map_err(catalog_failure)?;
    let missing = needed
        .iter()
        .filter(|sha256| !app.blobs().path(sha256).is_file())
        .count();
    let room = app.data().room_for(0);
    let free = app.data().free_bytes().unwrap_or_default() >> 20;
    Ok(vec![
        Finding {
            name: "catalog",
            ok: sound.is_sound(),
            detail: if sound.is_sound() {
                format!(
                    "{} documentos, {} pasajes en uso",
                    stats.documents, stats.active_passages
                )
            } else {
                format!(
                    "{}: restaure una copia de seguridad",
                    sound.problems.join("; ")
                )
            },
        },
        Finding {
            name: "index",
            ok: index.agrees,
            detail: if index.agrees {
                format!("{} pasajes, coincide con el catálogo", index.found)
            } else {
                "no coincide con el catálogo: arréglelo con «sistole index rebuild»".to_owned()
            },
        },
        Finding {
            name: "files",
            ok: missing == 0,
            detail: if missing == 0 {
                format!("{} ficheros guardados", needed.len())
            } else {
                format!(
                    "faltan {missing} ficheros guardados: restáurelos de una copia de seguridad"
                )
            },
        },
        Finding {
            name: "disk",
            ok: room.is_ok(),
            detail: match room {
                Ok(()) => format!("{free} MiB libres"),
                Err(failure) => failure.to_string(),
            },
        },
        Finding {
            name: "devices",
            ok: true,
            detail: if cfg!(feature = "cuda") {
                "procesador y, si hay controlador, tarjeta NVIDIA"
            } else {
                "procesador (este programa se compiló sin soporte de tarjeta gráfica)"
            }
            .to_owned(),
        },
    ])
}

/// Whether the model that the settings name answers, if they name one, and the kind of failure if it
/// does not.
async fn model(app: &App, output: Output) -> (Finding, Option<FailureClass>) {
    let told = |ok, detail: String| Finding {
        name: "models",
        ok,
        detail,
    };
    let finding = |ok, detail| (told(ok, detail), None);
    let writer = match app.open_writer(output).await {
        Ok(Some(writer)) => writer,
        Ok(None) => {
            let detail = "ninguno: las respuestas son citas literales de los documentos";
            return finding(true, detail.to_owned());
        }
        Err(failure) => return (told(false, failure.to_string()), Some(failure.class())),
    };
    if let Some(remote) = writer.remote_model() {
        return match remote.health().await {
            Ok(health) if health.lists_model => {
                finding(true, format!("{} responde en otra máquina", writer.model()))
            }
            Ok(_) => finding(
                true,
                format!(
                    "la otra máquina responde, y en su lista no está «{}» (clave generator.remote.model)",
                    writer.model()
                ),
            ),
            Err(error) => (told(false, error.to_string()), Some(FailureClass::TryAgain)),
        };
    }
    let plan = writer.memory().map_or_else(String::new, |plan| {
        format!(": {}", crate::writing::planned(&plan))
    });
    finding(true, format!("{}{plan}", writer.model()))
}

/// The settings in force, with the password of the catalogue's address masked.
fn shown_settings(settings: &Settings) -> Value {
    json!({
        "storage.data_dir": settings.storage.data_dir.display().to_string(),
        "storage.min_free_bytes": settings.storage.min_free_bytes,
        "catalog.url": masked(&settings.catalog.url),
        "server.bind": settings.server.bind,
        "server.max_connections": settings.server.max_connections,
        "server.max_in_flight": settings.server.max_in_flight,
        "ingest.limits.max_file_bytes": settings.ingest.limits.max_file_bytes,
        "ingest.parallel_files": settings.ingest.parallel_files,
        "ingest.tokenizer": settings.ingest.tokenizer,
        "ingest.collection": settings.ingest.collection,
        "domain.pack": settings.domain.pack,
        "retriever.candidates": settings.retriever.candidates,
        "generator.model.path": settings.generator.model.path,
        "generator.model.device": settings.generator.model.device,
        "generator.remote.url": masked(&settings.generator.remote.url),
        "generator.remote.model": settings.generator.remote.model,
        "generator.writer.time_limit_ms": settings.generator.writer.time_limit_ms,
        "log.level": settings.log.level,
    })
}

/// `postgres://user:secret@host/name` without the secret.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let user = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_catalogue_address_is_masked() {
        assert_eq!(
            masked("postgres://sistole:s3cr@t@db/cat"),
            "postgres://sistole:***@db/cat"
        );
        assert_eq!(
            masked("sqlite:data/catalog.sqlite"),
            "sqlite:data/catalog.sqlite"
        );
    }
}
