//! Which version answers: superseding, retiring, deleting and dates change the very next answer.

use serde_json::Value;

use crate::harness::Sistole;

fn text(answer: &Value) -> &str {
    answer["answer"].as_str().unwrap()
}

fn id(report: &Value) -> String {
    report["accepted"][0]["document_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_document_that_replaces_another_answers_in_its_place_at_once() {
    let sistole = Sistole::new();
    let old = sistole.write(
        "titulacion-2022.txt",
        "La dosis de bisoprolol se dobla cada 4 semanas.",
    );
    let new = sistole.write(
        "titulacion-2025.txt",
        "La dosis de bisoprolol se dobla cada 2 semanas.",
    );
    let question = "¿Cada cuántas semanas se dobla el bisoprolol?";
    let first = sistole.ingest(&old);
    assert!(text(&sistole.ask(question)).contains("4 semanas"));
    let report = sistole
        .run(&["ingest", new.to_str().unwrap(), "--replaces", &id(&first)])
        .done();
    assert_eq!(
        (id(&report), report["accepted"][0]["version"].as_u64()),
        (id(&first), Some(2))
    );
    let answer = sistole.ask(question);
    assert!(
        text(&answer).contains("2 semanas") && !text(&answer).contains("4 semanas"),
        "{answer}"
    );
    assert_eq!(answer["sentences"][0]["citations"][0]["version"], 2);
    let offered = answer["passages"].as_array().unwrap();
    assert!(
        offered.iter().all(|passage| passage["version"] == 2),
        "a superseded passage was offered"
    );
    sistole.must_agree();
}

#[test]
fn a_retired_document_is_silent_until_it_is_activated_again() {
    let sistole = Sistole::new();
    let path = sistole.write(
        "ferritina.txt",
        "El hierro intravenoso se indica con ferritina menor de 100 ng/ml.",
    );
    let id = id(&sistole.ingest(&path));
    let question = "¿Con qué ferritina se indica el hierro intravenoso?";
    assert_eq!(sistole.ask(question)["status"], "answered");
    assert_eq!(
        sistole.run(&["documents", "retire", &id]).done()["status"],
        "retired"
    );
    assert_eq!(sistole.ask(question)["status"], "declined");
    assert_eq!(
        sistole.run(&["documents", "activate", &id]).done()["status"],
        "active"
    );
    assert_eq!(sistole.ask(question)["status"], "answered");
    sistole.must_agree();
}

#[test]
fn a_deleted_document_leaves_answers_catalogue_index_and_files() {
    let sistole = Sistole::new();
    let path = sistole.write(
        "vacuna.txt",
        "La vacuna antigripal se ofrece cada otoño a todos los pacientes.",
    );
    let id = id(&sistole.ingest(&path));
    let receipt = sistole.run(&["documents", "delete", &id]).done();
    assert_eq!(
        (receipt["files"].as_u64(), receipt["versions"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(receipt["passages"], receipt["indexed_passages"]);
    assert!(receipt["passages"].as_u64().unwrap() > 0);
    assert_eq!(
        sistole.ask("¿Cuándo se ofrece la vacuna antigripal?")["status"],
        "declined"
    );
    let blobs = sistole.data_dir().join("blobs");
    let files = std::fs::read_dir(blobs)
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().len() == 2);
    assert_eq!(
        files
            .map(|folder| std::fs::read_dir(folder.path()).unwrap().count())
            .sum::<usize>(),
        0
    );
    assert_eq!(sistole.run(&["documents", "show", &id]).code, Some(1));
    sistole.must_agree();
    assert_eq!(
        sistole.ingest(&path)["accepted"].as_array().unwrap().len(),
        1,
        "it may come again"
    );
}

#[test]
fn only_a_document_in_force_today_answers() {
    let sistole = Sistole::new();
    let question = "¿Cuál es la extensión de la consulta de insuficiencia cardíaca?";
    for (name, from, to) in [
        ("pasado", "2019-01-01", "2019-12-31"),
        ("futuro", "2999-01-01", "2999-12-31"),
    ] {
        let body = format!(
            "La extensión de la consulta de insuficiencia cardíaca es 1{} ({name}).",
            name.len()
        );
        let path = sistole.write(&format!("{name}.txt"), body);
        sistole
            .run(&[
                "ingest",
                path.to_str().unwrap(),
                "--effective-from",
                from,
                "--effective-to",
                to,
            ])
            .done();
    }
    assert_eq!(sistole.ask(question)["status"], "declined");
    let path = sistole.write(
        "ahora.txt",
        "La extensión de la consulta de insuficiencia cardíaca es 417.",
    );
    sistole
        .run(&[
            "ingest",
            path.to_str().unwrap(),
            "--effective-from",
            "2020-01-01",
        ])
        .done();
    let answer = sistole.ask(question);
    assert!(text(&answer).contains("417"), "{answer}");
    assert_eq!(
        answer["sentences"][0]["citations"][0]["effective_from"],
        "2020-01-01"
    );
    sistole.must_agree();
}

#[test]
fn the_older_protocol_of_the_sample_corpus_never_answers() {
    let sistole = Sistole::new();
    sistole.ingest(&crate::harness::repository().join("configs/sample-corpus"));
    let answer =
        sistole.ask("¿Cada cuántas semanas se dobla la dosis en la titulación de betabloqueantes?");
    for passage in answer["passages"].as_array().unwrap() {
        assert_ne!(
            passage["file_name"],
            "protocolo-insuficiencia-cardiaca-2022.pdf"
        );
    }
    assert!(!text(&answer).contains("4 semanas"), "{}", text(&answer));
}

#[test]
fn a_version_for_a_later_day_leaves_the_one_in_force_answering() {
    let sistole = Sistole::new();
    let now = sistole.write(
        "ahora.txt",
        "La extensión de la consulta de insuficiencia cardíaca es 417.",
    );
    let id = id(&sistole.ingest(&now));
    let later = sistole.write(
        "luego.txt",
        "La extensión de la consulta de insuficiencia cardíaca es 999.",
    );
    let later = later.to_str().unwrap();
    let report = sistole
        .run(&[
            "ingest",
            later,
            "--replaces",
            &id,
            "--effective-from",
            "2999-01-01",
        ])
        .done();
    assert_eq!(report["accepted"][0]["status"], "indexed", "{report}");
    let again = sistole.run(&[
        "ingest",
        later,
        "--replaces",
        &id,
        "--effective-from",
        "2999-01-01",
    ]);
    assert_eq!(
        again.done()["unchanged"].as_array().unwrap().len(),
        1,
        "{}",
        again.stdout
    );
    let answer = sistole.ask("¿Cuál es la extensión de la consulta de insuficiencia cardíaca?");
    assert!(
        text(&answer).contains("417") && !text(&answer).contains("999"),
        "{answer}"
    );
    sistole.must_agree();
}

#[test]
fn a_file_put_back_to_what_it_said_before_answers_with_that_again() {
    let sistole = Sistole::new();
    let question = "¿Qué dosis diaria de espironolactona se usa?";
    let path = sistole.write("pauta.txt", "La dosis diaria de espironolactona es 25 mg.");
    sistole.ingest(&path);
    sistole.write("pauta.txt", "La dosis diaria de espironolactona es 50 mg.");
    sistole.ingest(&path);
    assert!(text(&sistole.ask(question)).contains("50 mg"));
    sistole.write("pauta.txt", "La dosis diaria de espironolactona es 25 mg.");
    let report = sistole.ingest(&path);
    assert_eq!(report["accepted"][0]["status"], "active", "{report}");
    let answer = sistole.ask(question);
    assert!(
        text(&answer).contains("25 mg") && !text(&answer).contains("50 mg"),
        "{answer}"
    );
    sistole.must_agree();
}

#[test]
fn a_file_loaded_as_a_document_of_its_own_is_not_silently_kept_from_replacing_another() {
    let sistole = Sistole::new();
    let old = id(&sistole.ingest(&sistole.write("viejo.txt", "El aviso es a los 30 días.")));
    let new = sistole.write("nuevo.txt", "El aviso es a los 14 días.");
    sistole.ingest(&new);
    let ran = sistole.run(&["ingest", new.to_str().unwrap(), "--replaces", &old]);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    assert_eq!(ran.json()["rejected"][0]["code"], "already_loaded");
}
