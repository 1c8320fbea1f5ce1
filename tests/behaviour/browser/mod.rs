//! The page in a real browser: Chromium without a window, on a running server.

mod chromium;

use crate::harness::{Sistole, repository};
pub(crate) use chromium::Chromium;

/// The page at `address` once its answer is complete.
fn answered(address: &str) -> Option<String> {
    let mut page = Chromium::open(address)?;
    page.wait_for(
        "['Respuesta lista.', 'No consta en los documentos.'].includes(document.getElementById('status')?.textContent)",
    );
    Some(page.html())
}

#[test]
fn a_question_typed_in_the_page_shows_its_cited_answer() {
    let sistole = Sistole::new();
    sistole
        .ingest(&repository().join("configs/sample-corpus/protocolo-insuficiencia-cardiaca.pdf"));
    let server = sistole.serve();
    let question = "%C2%BFCu%C3%A1l%20es%20la%20dosis%20objetivo%20de%20bisoprolol%3F";
    let Some(page) = answered(&format!("http://127.0.0.1:{}/#q={question}", server.port())) else {
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
    let Some(page) = answered(&address) else {
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
