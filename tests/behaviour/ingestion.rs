//! Files and folders into the catalogue: what is reported, and what a second run does.

use serde_json::Value;

use crate::harness::{Sistole, repository};

fn names(list: &Value) -> Vec<String> {
    let name = |file: &Value| {
        file["file"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    };
    let mut names: Vec<String> = list.as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn the_sample_corpus_is_taken_whole_and_a_second_run_changes_nothing() {
    let sistole = Sistole::new();
    let corpus = repository().join("configs/sample-corpus");
    let first = sistole.ingest(&corpus);
    let count = first["accepted"].as_array().unwrap().len();
    assert!(count >= 14, "{count} documents");
    assert_eq!(first["rejected"].as_array().unwrap().len(), 0);
    let second = sistole.ingest(&corpus);
    assert_eq!(second["unchanged"].as_array().unwrap().len(), count);
    assert_eq!(second["accepted"].as_array().unwrap().len(), 0);
    sistole.must_agree();
}

#[test]
fn one_bad_file_among_good_ones_is_named_and_spoils_nothing() {
    let sistole = Sistole::new();
    sistole.write(
        "bueno.txt",
        "El potasio se controla a la semana de iniciar espironolactona.",
    );
    sistole.write(
        "sub/otro.md",
        "# Visitas\n\nLa primera visita es a los 7 días del alta.\n",
    );
    sistole.write("roto.pdf", b"%PDF-1.7\nnot a pdf at all");
    sistole.write("foto.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0");
    let ran = sistole.run(&["ingest", sistole.folder().join("files").to_str().unwrap()]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let report = ran.json();
    assert_eq!(names(&report["accepted"]), ["bueno.txt", "otro.md"]);
    assert_eq!(names(&report["rejected"]), ["foto.png", "roto.pdf"]);
    for rejected in report["rejected"].as_array().unwrap() {
        assert!(!rejected["code"].as_str().unwrap().is_empty());
        assert!(
            rejected["message"].as_str().unwrap().len() > 20,
            "{rejected}"
        );
    }
    assert_eq!(
        sistole.ask("¿Cuándo es la primera visita?")["status"],
        "answered"
    );
    sistole.must_agree();
}

#[test]
fn a_rejected_file_can_be_mended_and_brought_again() {
    let sistole = Sistole::new();
    let path = sistole.write("nota.txt", b"\xff\xfe\x00\xd8\x00\xd8\x00\x00\x01\x02\x03");
    assert_eq!(
        sistole.run(&["ingest", path.to_str().unwrap()]).code,
        Some(3)
    );
    sistole.write("nota.txt", "La digoxina se ajusta a la función renal.");
    assert_eq!(
        sistole.ingest(&path)["accepted"].as_array().unwrap().len(),
        1
    );
    sistole.must_agree();
}

#[test]
fn the_same_file_with_other_words_is_the_next_version_of_the_same_document() {
    let sistole = Sistole::new();
    let path = sistole.write("aviso.txt", "El laboratorio abre a las 8 horas.");
    let first = sistole.ingest(&path);
    sistole.write("aviso.txt", "El laboratorio abre a las 9 horas.");
    let second = sistole.ingest(&path);
    assert_eq!(
        second["accepted"][0]["document_id"],
        first["accepted"][0]["document_id"]
    );
    assert_eq!(second["accepted"][0]["version"], 2);
    let answer = sistole.ask("¿A qué hora abre el laboratorio?");
    let text = answer["answer"].as_str().unwrap();
    assert!(
        text.contains("9 horas") && !text.contains("8 horas"),
        "{text}"
    );
}

#[test]
fn extract_reads_one_file_and_touches_no_data_directory() {
    let sistole = Sistole::new();
    let path = sistole.write("tabla.html", "<h1>Dosis</h1><table><tr><th>Fármaco</th><th>Dosis</th></tr><tr><td>Ivabradina</td><td>&le; 7,5 mg</td></tr></table>");
    let report = sistole.run(&["extract", path.to_str().unwrap()]).done();
    assert_eq!(report["document"]["media_type"], "text/html");
    assert_eq!(report["pages"][0]["width"], Value::Null);
    let blocks = report["pages"][0]["blocks"].as_array().unwrap();
    let table = blocks
        .iter()
        .find(|block| block["kind"] == "table")
        .unwrap();
    assert_eq!(table["rows"][1][0]["text"], "Ivabradina");
    assert!(
        table["text"].as_str().unwrap().contains("Dosis: ≤ 7,5 mg"),
        "{table}"
    );
    assert!(!sistole.data_dir().exists());
}

#[test]
fn asking_an_empty_hospital_says_how_to_load_documents() {
    let sistole = Sistole::new();
    let ran = sistole.run(&["ask", "¿Qué dosis?"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.json()["error"]["code"], "data_dir_empty");
    assert!(ran.stderr.contains("sistole ingest"), "{}", ran.stderr);
}

#[test]
fn what_a_reader_of_the_page_does_not_see_or_sees_struck_out_never_answers() {
    let sistole = Sistole::new();
    let page = "<style>.oculto{ display : none !important } #aparte{position:absolute;left:-9999px}</style>\
        <p>La dosis de zolfidina es 5 mg al día.</p>\
        <p class=\"oculto\">La dosis de zolfidina es 601 mg al día.</p>\
        <div id=aparte>La dosis de zolfidina es 602 mg al día.</div>\
        <p style=\"color: #FFF\">La dosis de zolfidina es 603 mg al día.</p>\
        <p style=\"font-size:1px\">La dosis de zolfidina es 604 mg al día.</p>\
        <p><del>La dosis de zolfidina es 605 mg al día.</del> <s>Son 606 mg.</s></p>\
        <p style=\"text-decoration:line-through\">La dosis de zolfidina es 607 mg al día.</p>";
    sistole.write("pagina.html", page);
    sistole.write(
        "nota.md",
        "La zolfidina ~~se da a 608 mg~~ se toma por la mañana.\n",
    );
    sistole.ingest(&sistole.folder().join("files"));
    let answer = sistole.ask("¿Cuál es la dosis de zolfidina?").to_string();
    assert!(answer.contains("5 mg al día"), "{answer}");
    for hidden in 601..=608 {
        assert!(
            !answer.contains(&hidden.to_string()),
            "{hidden} was read: {answer}"
        );
    }
}

#[test]
fn a_reader_of_the_output_who_goes_away_is_no_failure() {
    let sistole = Sistole::new();
    let path = sistole.write("peso.txt", "El peso se anota cada mañana.");
    sistole.ingest(&path);
    let mut child = sistole
        .command(&["ask", "¿Cuándo se anota el peso?"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}
