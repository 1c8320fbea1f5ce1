//! The demo: sample documents in, a cited answer out, and again at once.

use crate::harness::{Sistole, program, run};

#[test]
fn the_demo_prints_a_cited_answer_and_a_second_one_is_the_same() {
    let sistole = Sistole::new();
    let first = sistole.run(&["demo", "--no-serve"]).done();
    assert_eq!(first["status"], "answered");
    assert!(
        first["answer"].as_str().unwrap().contains("10 mg"),
        "{}",
        first["answer"]
    );
    let citation = &first["sentences"][0]["citations"][0];
    assert_eq!(
        citation["file_name"],
        "protocolo-insuficiencia-cardiaca.pdf"
    );
    assert!(citation["page"].as_u64().unwrap() > 1);
    let second = sistole.run(&["demo", "--no-serve"]).done();
    assert_eq!(second["answer"], first["answer"]);
}

#[test]
fn without_json_the_answer_is_for_people() {
    let sistole = Sistole::new();
    let mut command = program();
    command
        .args(["demo", "--no-serve", "--data-dir"])
        .arg(sistole.data_dir());
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("[1]") && ran.stdout.contains("página"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("Respuesta generada por IA"),
        "{}",
        ran.stdout
    );
}
