//! `sistole extract`: what ingestion reads from one file. Touches no data directory.

use std::fmt::Write as _;
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use crate::cli::ExtractArgs;
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::reader::Reader;
use crate::settings::Settings;
use crate::wire::ExtractJson;

pub(super) async fn run(
    settings: &Settings,
    args: &ExtractArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let shown = args.file.display();
    let unreadable = |error: std::io::Error| {
        let message = format!("no se puede leer {shown}: compruebe que existe y sus permisos");
        Failure::new(FailureClass::Failed, "unreadable", message).caused_by(error)
    };
    let metadata = std::fs::metadata(&args.file).map_err(unreadable)?;
    if !metadata.is_file() {
        let message = format!("{shown} no es un fichero: indique uno");
        return Err(Failure::new(FailureClass::Usage, "not_a_file", message));
    }
    if metadata.len() > settings.ingest.limits.max_file_bytes {
        let message = format!(
            "el fichero ocupa {} MiB y el máximo es {} MiB (clave ingest.limits.max_file_bytes): divídalo o suba el límite",
            metadata.len().div_ceil(1 << 20),
            settings.ingest.limits.max_file_bytes >> 20
        );
        return Err(Failure::new(FailureClass::Failed, "too_large", message));
    }
    let name = args
        .file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let extracted = Reader::new(&settings.ingest)?
        .extract(&args.file, &name)
        .await
        .map_err(|error| {
            Failure::new(
                FailureClass::Failed,
                error.code(),
                format!("{shown}: {error}"),
            )
            .caused_by(error)
        })?;
    let bytes = std::fs::read(&args.file).map_err(unreadable)?;
    let sha256 = catalog::sha256_hex(&Sha256::digest(&bytes).into());
    output.result(&ExtractJson::new(&name, &sha256, &extracted), || {
        let mut text = String::new();
        for page in &extracted.pages {
            if extracted.has_pages {
                let _ = writeln!(text, "── página {} ──", page.number);
            }
            let _ = writeln!(text, "{}\n", page.text());
        }
        for warning in &extracted.warnings {
            let _ = writeln!(text, "Aviso: {}", warning.detail);
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}
