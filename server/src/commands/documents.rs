//! `sistole documents`: the catalogue.

use std::fmt::Write as _;
use std::process::ExitCode;

use catalog::DocumentFilter;
use domain::DocumentId;

use crate::app::App;
use crate::cli::DocumentsCommand;
use crate::error::{Failure, FailureClass};
use crate::failures::catalog_failure;
use crate::ingestion;
use crate::output::Output;
use crate::settings::Settings;
use crate::wire::{DocumentJson, DocumentsJson};

pub(super) async fn run(
    settings: Settings,
    command: &DocumentsCommand,
    output: Output,
) -> Result<ExitCode, Failure> {
    let app = super::open_existing(settings).await?;
    let done = act(&app, command, output).await;
    app.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn act(app: &App, command: &DocumentsCommand, output: Output) -> Result<(), Failure> {
    match command {
        DocumentsCommand::List => list(app, output).await,
        DocumentsCommand::Show(args) => show(app, id(&args.id)?, output).await,
        DocumentsCommand::Activate(args) => {
            let id = id(&args.id)?;
            ingestion::reactivate(app, id).await?;
            show(app, id, output).await
        }
        DocumentsCommand::Retire(args) => {
            let id = id(&args.id)?;
            ingestion::retire(app, id).await?;
            show(app, id, output).await
        }
        DocumentsCommand::Delete(args) => {
            let receipt = ingestion::delete(app, id(&args.id)?).await?;
            output.result(&receipt, || {
                format!(
                    "Borrado {}: {} ficheros, {} versiones, {} pasajes del catálogo y {} del índice.",
                    receipt.document_id, receipt.files, receipt.versions, receipt.passages, receipt.indexed_passages
                )
            });
            Ok(())
        }
    }
}

fn id(text: &str) -> Result<DocumentId, Failure> {
    text.parse().map_err(|_| {
        let message = format!(
            "«{text}» no es un identificador de documento: véalos con «sistole documents list»"
        );
        Failure::new(FailureClass::Usage, "id_invalid", message)
    })
}

async fn list(app: &App, output: Output) -> Result<(), Failure> {
    let mut documents = Vec::new();
    let mut cursor = None;
    loop {
        let filter = DocumentFilter {
            cursor,
            limit: 500,
            ..DocumentFilter::default()
        };
        let page = app
            .catalog()
            .documents(&filter)
            .await
            .map_err(catalog_failure)?;
        documents.extend(page.items.iter().map(DocumentJson::from));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let listed = DocumentsJson {
        documents,
        next_cursor: None,
    };
    output.result(&listed, || {
        if listed.documents.is_empty() {
            return "No hay documentos. Cárguelos con «sistole ingest CARPETA».".to_owned();
        }
        listed
            .documents
            .iter()
            .map(DocumentJson::as_line)
            .collect::<Vec<_>>()
            .join("\n")
    });
    Ok(())
}

async fn show(app: &App, id: DocumentId, output: Output) -> Result<(), Failure> {
    let document = DocumentJson::from(&ingestion::existing(app, id).await?);
    output.result(&document, || {
        let mut text = document.as_line();
        for version in &document.versions {
            let _ = write!(text, "\n  {}", version.as_line());
        }
        text
    });
    Ok(())
}
