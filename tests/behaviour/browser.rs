//! The page in a real browser: Chromium without a window, on a running server.

use std::io::Write;
use std::process::Command;

use crate::harness::{Sistole, repository};

/// The page at `address` as the browser has it once nothing moves any more.
fn rendered(address: &str) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let output = ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .find_map(|browser| {
            Command::new(browser)
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                ])
                .args([
                    "--lang=es-ES",
                    "--accept-lang=es-ES",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .args(["--virtual-time-budget=15000", "--dump-dom", address])
                .output()
                .ok()
        });
    let Some(output) = output else {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: no Chromium on this machine, so the page is not tried in a browser"
        );
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_question_typed_in_the_page_shows_its_cited_answer() {
    let sistole = Sistole::new();
    sistole
        .ingest(&repository().join("configs/sample-corpus/protocolo-insuficiencia-cardiaca.pdf"));
    let server = sistole.serve();
    let question = "%C2%BFCu%C3%A1l%20es%20la%20dosis%20objetivo%20de%20bisoprolol%3F";
    let Some(page) = rendered(&format!("http://127.0.0.1:{}/#q={question}", server.port())) else {
        return;
    };
    for part in [
        "Respuesta generada por IA",
        "10 mg",
        "href=\"#source-1\"",
        "<blockquote>",
        "página",
        "Documento original",
    ] {
        assert!(page.contains(part), "the page lacks {part}: {page}");
    }
}

#[test]
fn words_of_a_document_never_become_part_of_the_page() {
    let sistole = Sistole::new();
    let hostile = "La consulta de <img src=x onerror=\"document.title='tomado'\"><script>document.title='tomado'</script> abre los martes.";
    let path = sistole.write("hostil.txt", hostile);
    sistole.ingest(&path);
    let server = sistole.serve();
    let address = format!(
        "http://127.0.0.1:{}/#q=cu%C3%A1ndo%20abre%20la%20consulta%20los%20martes",
        server.port()
    );
    let Some(page) = rendered(&address) else {
        return;
    };
    assert!(
        page.contains("&lt;img src=x"),
        "the words are shown as words: {page}"
    );
    assert!(
        !page.contains("<img src=\"x\"") && !page.contains("tomado</title>"),
        "{page}"
    );
}
