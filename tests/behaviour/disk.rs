//! A full disk: what cannot be stored is refused by name, what is there goes on answering.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::harness::{Sistole, run};

#[test]
fn below_the_free_space_asked_for_nothing_is_written_and_questions_are_answered() {
    let sistole = Sistole::new();
    let path = sistole.write("uno.txt", "El peso se anota cada mañana.");
    sistole.ingest(&path);
    let more = sistole.write("dos.txt", "La tensión se anota cada noche.");
    let mut command = sistole.command(&["ingest", more.to_str().unwrap()]);
    command.env("SISTOLE__STORAGE__MIN_FREE_BYTES", "4000000000000000");
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(ran.json()["rejected"][0]["code"], "no_space");
    assert!(
        ran.json()["rejected"][0]["message"]
            .as_str()
            .unwrap()
            .contains("MiB")
    );
    assert_eq!(
        sistole.ask("¿Cuándo se anota el peso?")["status"],
        "answered"
    );
    sistole.must_agree();
    // With room again, the same file is taken.
    assert_eq!(
        sistole.ingest(&more)["accepted"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn on_a_disk_that_is_really_full_nothing_is_lost() {
    let sistole = Sistole::new();
    let mount = Path::new("/proc/self/mounts");
    std::fs::create_dir_all(sistole.data_dir()).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=120m", "tmpfs"])
        .arg(sistole.data_dir())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted || !mount.exists() {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: no file system can be mounted here, so a really full disk is left out"
        );
        return;
    }
    let _unmount = Unmount(&sistole);
    let path = sistole.write("uno.txt", "El peso se anota cada mañana.");
    sistole.ingest(&path);
    let mut command = crate::harness::program();
    command
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    // Without the floor, so that the disk itself is what refuses.
    command.env("SISTOLE__STORAGE__MIN_FREE_BYTES", "0");
    let server = crate::harness::Server::start(command);
    // A neighbour takes what is left.
    let filler = sistole.data_dir().join("filler");
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=4k"])
        .arg(format!("of={}", filler.display()))
        .output()
        .unwrap();
    assert!(!filled.status.success(), "the disk did not fill");
    let refused = server.upload(
        "dos.txt",
        &"La tensión se anota cada noche. "
            .repeat(9_000)
            .into_bytes(),
        &[],
    );
    assert_eq!(refused.status, 507, "{}", refused.body);
    let question = serde_json::json!({"question": "¿Cuándo se anota el peso?"});
    for _ in 0..5 {
        let answer = server.post("/api/v1/ask", &question);
        assert_eq!(answer.json()["status"], "answered", "{}", answer.body);
    }
    std::fs::remove_file(filler).unwrap();
    let taken = server.upload("dos.txt", "La tensión se anota cada noche.".as_bytes(), &[]);
    assert_eq!(taken.status, 202, "{}", taken.body);
    let job = server.wait_for_job(taken.json()["job_id"].as_str().unwrap());
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(server.stop().0, Some(0));
    sistole.must_agree();
}

struct Unmount<'a>(&'a Sistole);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.0.data_dir())
            .status();
    }
}
