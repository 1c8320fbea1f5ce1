//! kill -9 in the middle of an ingest: after a restart nothing acknowledged is lost, nothing half
//! done is visible, and catalogue and index agree.

use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Sistole, run};

/// A document of some pages; the number makes it one of a kind.
fn document(number: usize) -> String {
    let mut text = format!(
        "Norma {number}. La extensión del circuito {number} es {}.\n\n",
        4_000 + number
    );
    for line in 0..60 {
        text += &format!(
            "Apartado {line} de la norma {number}: el control analítico se repite a las {line} semanas.\n\n"
        );
    }
    text
}

#[test]
fn after_kill_minus_nine_a_second_run_finishes_and_everything_agrees() {
    const DOCUMENTS: usize = 24;
    let sistole = Sistole::new();
    for number in 0..DOCUMENTS {
        sistole.write(&format!("norma-{number:02}.txt"), document(number));
    }
    let folder = sistole.folder().join("files");
    let folder = folder.to_str().unwrap();
    let mut killed = 0;
    for round in 1..=8_u64 {
        let mut child = sistole
            .command(&["ingest", folder])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 * round));
        let ended = child.try_wait().unwrap().is_some();
        killed += usize::from(!ended);
        // SIGKILL: the process gets no chance to tidy up.
        let _ = child.kill();
        child.wait().unwrap();
        if ended {
            break;
        }
        // Whatever was left, a question sees whole documents only, and both sides agree.
        if sistole.data_dir().join("catalog.sqlite").exists() {
            let report = sistole.run(&["index", "check"]);
            assert_eq!(
                report.code,
                Some(0),
                "after round {round}: {}{}",
                report.stdout,
                report.stderr
            );
        }
    }
    assert!(killed > 0, "no run was killed on its way");
    let report = sistole.run(&["ingest", folder]).done();
    assert_eq!(report["rejected"].as_array().unwrap().len(), 0, "{report}");
    let listed = sistole.run(&["documents", "list"]).done();
    let documents = listed["documents"].as_array().unwrap();
    assert_eq!(
        documents.len(),
        DOCUMENTS,
        "a document was lost or came twice"
    );
    for document in documents {
        assert_eq!(document["status"], "active", "{document}");
    }
    sistole.must_agree();
    let answer = sistole.ask("¿Cuál es la extensión del circuito 17?");
    assert!(
        answer["answer"].as_str().unwrap().contains("4017"),
        "{}",
        answer["answer"]
    );
}

#[test]
fn a_lost_index_is_built_again_from_the_catalogue_without_a_word() {
    let sistole = Sistole::new();
    let path = sistole.write("norma.txt", document(3));
    sistole.ingest(&path);
    std::fs::remove_dir_all(sistole.data_dir().join("index")).unwrap();
    let answer = sistole.ask("¿Cuál es la extensión del circuito 3?");
    assert!(
        answer["answer"].as_str().unwrap().contains("4003"),
        "{answer}"
    );
    sistole.must_agree();
}

#[test]
fn a_corrupted_index_is_built_again_too() {
    let sistole = Sistole::new();
    let path = sistole.write("norma.txt", document(5));
    sistole.ingest(&path);
    let mut damaged = 0;
    let mut folders = vec![sistole.data_dir().join("index")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                std::fs::write(&path, b"{not json").unwrap();
                damaged += 1;
            }
        }
    }
    assert!(damaged > 0, "nothing was there to damage");
    let answer = sistole.ask("¿Cuál es la extensión del circuito 5?");
    assert!(
        answer["answer"].as_str().unwrap().contains("4005"),
        "{answer}"
    );
    sistole.must_agree();
}

#[test]
fn the_index_is_rebuilt_on_demand_with_the_same_passages() {
    let sistole = Sistole::new();
    let path = sistole.write("norma.txt", document(7));
    let passages = sistole.ingest(&path)["accepted"][0]["passages"].as_u64();
    assert_eq!(
        sistole.run(&["index", "rebuild"]).done()["passages"].as_u64(),
        passages
    );
    sistole.must_agree();
    assert!(
        sistole.ask("¿Cuál es la extensión del circuito 7?")["answer"]
            .as_str()
            .unwrap()
            .contains("4007")
    );
}

#[test]
fn a_damaged_catalogue_is_never_replaced_by_an_empty_one() {
    let sistole = Sistole::new();
    let path = sistole.write("norma.txt", document(9));
    sistole.ingest(&path);
    let catalog = sistole.data_dir().join("catalog.sqlite");
    let whole = std::fs::read(&catalog).unwrap();
    std::fs::write(&catalog, &whole[..100]).unwrap();
    let ran = sistole.run(&["ask", "¿Cuál es la extensión del circuito 9?"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("copia de seguridad"), "{}", ran.stderr);
    assert_eq!(
        std::fs::read(&catalog).unwrap().len(),
        100,
        "it was written over"
    );
    std::fs::remove_file(&catalog).unwrap();
    let ran = run(&mut sistole.command(&["ingest", path.to_str().unwrap()]));
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(
        !catalog.exists(),
        "a new catalogue was made beside old files"
    );
}

#[test]
fn a_second_process_on_the_same_data_directory_is_told_to_wait() {
    let sistole = Sistole::new();
    let path = sistole.write("norma.txt", document(11));
    sistole.ingest(&path);
    let server = sistole.serve();
    let ran = sistole.run(&["ask", "¿Cuál es la extensión del circuito 11?"]);
    assert_eq!(ran.code, Some(75), "{}", ran.stdout);
    assert_eq!(ran.json()["error"]["code"], "data_dir_held");
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(
        sistole.ask("¿Cuál es la extensión del circuito 11?")["status"],
        "answered"
    );
}
