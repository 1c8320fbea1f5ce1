//! Settings at fault: exit 78, the key and the file named.

use crate::harness::{Sistole, run};

#[test]
fn an_unknown_key_is_told_with_its_file_and_the_nearest_key() {
    let sistole = Sistole::new();
    let file = sistole.write("hospital.toml", "[ingest.limits]\nmax_file_byte = 5\n");
    let ran = sistole.run(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(78));
    for word in [
        "ingest.limits.max_file_byte",
        "hospital.toml",
        "ingest.limits.max_file_bytes",
    ] {
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert_eq!(ran.json()["error"]["code"], "unknown_key");
}

#[test]
fn an_address_outside_this_machine_is_refused_while_nobody_can_sign_in() {
    let sistole = Sistole::new();
    let mut command = sistole.command(&["serve"]);
    command.env("SISTOLE__SERVER__BIND", "0.0.0.0:8080");
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    assert!(ran.stderr.contains("127.0.0.1:8080"), "{}", ran.stderr);
}

#[test]
fn a_taken_port_is_told_with_what_to_change() {
    let sistole = Sistole::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = sistole.run(&["serve", "--port", &port]);
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    assert!(ran.stderr.contains("--port"), "{}", ran.stderr);
}

#[test]
fn check_tells_what_is_set_and_that_all_is_well() {
    let sistole = Sistole::new();
    let path = sistole.write("peso.txt", "El peso se anota cada mañana.");
    sistole.ingest(&path);
    let report = sistole.run(&["check"]).done();
    assert_eq!(report["ok"], true, "{report}");
    assert!(
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["check"] == "index")
    );
}

#[test]
fn a_wrong_command_is_wrong_usage() {
    let sistole = Sistole::new();
    assert_eq!(sistole.run(&["preguntar"]).code, Some(2));
    assert_eq!(sistole.run(&["ingest"]).code, Some(2));
    assert_eq!(sistole.run(&["ingest", "/no/such/path"]).code, Some(2));
    let path = sistole.write("peso.txt", "El peso se anota cada mañana.");
    assert_eq!(
        sistole
            .run(&["ingest", path.to_str().unwrap(), "--language", "tlh"])
            .code,
        Some(2)
    );
    assert_eq!(
        sistole
            .run(&["ingest", path.to_str().unwrap(), "--replaces", "nada"])
            .code,
        Some(2)
    );
}
