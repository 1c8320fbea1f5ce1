//! The folder of models: what comes in is whole and hashed, what changed is told, and a download
//! goes on where it was cut.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Ran, Sistole, run};

/// A commit of the test's hub.
const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A safetensors file with one tensor of `length` bytes.
fn safetensors(length: usize) -> Vec<u8> {
    let header =
        format!(r#"{{"a":{{"dtype":"U8","shape":[{length}],"data_offsets":[0,{length}]}}}}"#);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + length, 3);
    bytes
}

/// The files of a model as published.
fn published() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{\"model\":{}}".to_vec()),
        ("model.safetensors", safetensors(400_000)),
        ("README.md", b"about".to_vec()),
    ]
}

/// A folder with a model as published.
fn folder(sistole: &Sistole, name: &str) -> PathBuf {
    for (file, bytes) in published() {
        sistole.write(&format!("{name}/{file}"), bytes);
    }
    sistole.folder().join("files").join(name)
}

/// SHA-256 of a file, as the system's own program reckons it.
fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_model_is_imported_listed_and_verified() {
    let sistole = Sistole::new();
    let from = folder(&sistole, "mini");
    let brought = sistole
        .run(&["models", "import", from.to_str().unwrap()])
        .done();
    assert_eq!(
        (&brought["unchanged"], &brought["model"]["files"]),
        (&json!(false), &json!(3))
    );
    let listed = sistole.run(&["models", "list"]).done();
    let model = &listed["models"][0];
    assert_eq!(model["name"], "mini");
    assert!(model["bytes"].as_u64().unwrap() > 400_000 && model["verified"].is_string());
    let presets = listed["presets"].as_array().unwrap();
    assert!(presets.iter().any(|preset| {
        preset["name"] == "ALIA-40b-instruct-2606" && preset["present"] == false
    }));
    let verified = sistole.run(&["models", "verify"]).done();
    assert_eq!(verified["models"][0]["sha256"], model["sha256"]);
    let again = sistole
        .run(&["models", "import", from.to_str().unwrap()])
        .done();
    assert_eq!(again["unchanged"], true);
}

#[test]
fn a_file_that_changed_ends_with_78_and_both_digests() {
    let sistole = Sistole::new();
    let from = folder(&sistole, "mini");
    sistole
        .run(&["models", "import", from.to_str().unwrap()])
        .done();
    let weights = sistole.data_dir().join("models/mini/model.safetensors");
    let expected = sha256sum(&weights);
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let ran = sistole.run(&["models", "verify"]);
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    let fault = &ran.json()["models"][0];
    assert_eq!(fault["file"], "model.safetensors");
    assert_eq!(fault["expected"], expected.as_str());
    assert_eq!(fault["found"], sha256sum(&weights).as_str());
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
}

#[test]
fn what_is_no_model_is_refused_and_leaves_nothing() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, i32, &str); 4] = [
        (
            |from| std::fs::remove_file(from.join("tokenizer.json")).unwrap(),
            78,
            "not_a_model",
        ),
        (
            |from| {
                std::fs::rename(
                    from.join("model.safetensors"),
                    from.join("pytorch_model.bin"),
                )
                .unwrap();
            },
            78,
            "pickle_weights",
        ),
        (
            |from| std::fs::write(from.join("model.safetensors"), b"short").unwrap(),
            78,
            "file_damaged",
        ),
        (
            |from| std::fs::remove_dir_all(from).unwrap(),
            1,
            "path_missing",
        ),
    ];
    for (spoil, code, name) in cases {
        let sistole = Sistole::new();
        let from = folder(&sistole, "mini");
        spoil(&from);
        let ran = sistole.run(&["models", "import", from.to_str().unwrap()]);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(ran.json()["error"]["code"], name);
        let listed = sistole.run(&["models", "list"]).done();
        assert_eq!(listed["models"], json!([]));
    }
    let ran = Sistole::new().run(&["models", "import", "/", "--name", "../fuera"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_model_comes_while_the_server_runs() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    let from = folder(&sistole, "mini");
    sistole
        .run(&["models", "import", from.to_str().unwrap()])
        .done();
    assert_eq!(server.get("/healthz").status, 200);
}

/// A hub with the repository `aina/mini`. It cuts the weights off after `cut` bytes, each time.
struct Hub {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start(cut: Option<usize>) -> Self {
        Self::telling(true, cut)
    }

    /// As [`Hub::start`]; `sizes`: whether its list states how long the files are.
    fn telling(sizes: bool, cut: Option<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), sizes, cut, &noted);
            }
        });
        Self { port, asked }
    }

    /// Downloads from this hub, without the proxies of the machine.
    fn pull(&self, sistole: &Sistole, source: &str) -> Ran {
        let mut command = sistole.command(&["models", "pull", source]);
        command
            .env("HF_ENDPOINT", format!("http://127.0.0.1:{}", self.port))
            .env_remove("HF_HUB_OFFLINE")
            .env_remove("HF_TOKEN");
        run(&mut command)
    }

    /// From which byte the weights were asked for, each time.
    fn starts(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, sizes: bool, cut: Option<usize>, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else {
        return;
    };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        line.to_lowercase()
            .strip_prefix("range: bytes=")
            .map(str::to_owned)
    });
    let start: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    let file = path.rsplit('/').next().unwrap_or_default();
    let (head, body) = if path.starts_with("/api/models/aina/mini/revision/") {
        let siblings: Vec<Value> = published()
            .iter()
            .map(|(name, bytes)| json!({"rfilename": name, "size": sizes.then_some(bytes.len())}))
            .collect();
        let list = json!({"sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}});
        ("200 OK".to_owned(), list.to_string().into_bytes())
    } else if let Some((_, bytes)) = published().into_iter().find(|(name, _)| *name == file)
        && path.starts_with("/aina/mini/")
    {
        if bytes.len() > 1_000 {
            asked.lock().unwrap().push(start.to_string());
        }
        let (last, all) = (bytes.len() - 1, bytes.len());
        let head = if start == 0 {
            "200 OK".to_owned()
        } else {
            format!("206 Partial Content\r\ncontent-range: bytes {start}-{last}/{all}")
        };
        (head, bytes[start..].to_vec())
    } else {
        let refused = "401 Unauthorized\r\nx-error-code: GatedRepo";
        (refused.to_owned(), b"no".to_vec())
    };
    let sent = cut
        .filter(|_| body.len() > 1_000)
        .map_or(body.len(), |cut| cut.saturating_sub(start).min(body.len()));
    let length = body.len();
    // A client that has seen enough may have gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .and_then(|()| stream.write_all(&body[..sent]));
}

#[test]
fn a_download_that_was_cut_is_taken_up_by_the_next_run() {
    let sistole = Sistole::new();
    let dying = Hub::start(Some(150_000));
    let ran = dying.pull(&sistole, "aina/mini");
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert_eq!(ran.json()["error"]["code"], "hub_unreachable");
    assert!(dying.starts().len() > 1, "it gave up at once");
    let listed = sistole.run(&["models", "list"]).done();
    assert_eq!(listed["models"], json!([]), "half a model is listed");

    let hub = Hub::start(None);
    let ran = hub.pull(&sistole, "aina/mini");
    let brought = ran.done();
    assert_eq!(hub.starts(), ["150000"]);
    assert_eq!(brought["model"]["revision"], COMMIT);
    assert!(ran.stderr.contains("Licencia: mit"), "{}", ran.stderr);
    sistole.run(&["models", "verify"]).done();
    for (file, bytes) in published() {
        let came = sistole.data_dir().join("models/mini").join(file);
        if file == "README.md" {
            assert!(!came.exists());
        } else {
            assert_eq!(std::fs::read(came).unwrap(), bytes, "{file}");
        }
    }
}

#[test]
fn a_download_that_cannot_be_says_what_to_do() {
    let sistole = Sistole::new();
    let hub = Hub::start(None);
    let gated = hub.pull(&sistole, "aina/cerrado");
    assert_eq!(gated.code, Some(78), "{}", gated.stderr);
    assert!(gated.stderr.contains("HF_TOKEN"), "{}", gated.stderr);
    let unknown = hub.pull(&sistole, "salamandra");
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("salamandra-7b-instruct-2606"),
        "{}",
        unknown.stderr
    );
    let mut offline = sistole.command(&["models", "pull", "salamandra-2b-instruct"]);
    let ran = run(offline.env("HF_HUB_OFFLINE", "1"));
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert!(ran.stderr.contains("models import"), "{}", ran.stderr);
}

#[test]
fn a_disk_without_room_is_told_before_anything_is_written_and_the_model_comes_later() {
    let sistole = Sistole::new();
    std::fs::create_dir_all(sistole.data_dir()).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(sistole.data_dir())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: no file system can be mounted here, so a disk without room for a download is left out"
        );
        return;
    }
    let _unmount = Unmount(&sistole);
    let pull = |hub: &Hub| {
        let mut command = sistole.command(&["models", "pull", "aina/mini"]);
        command
            .env("HF_ENDPOINT", format!("http://127.0.0.1:{}", hub.port))
            .env_remove("HF_HUB_OFFLINE")
            .env_remove("HF_TOKEN")
            .env("SISTOLE__STORAGE__MIN_FREE_BYTES", "0");
        run(&mut command)
    };
    // Where the hub states the sizes, nothing of the weights is even asked for.
    let telling = Hub::start(None);
    let refused = pull(&telling);
    assert_eq!(
        refused.json()["error"]["code"],
        "no_space",
        "{}",
        refused.stderr
    );
    assert!(telling.starts().is_empty());
    // Where it does not, the answer that brings them says how much is coming.
    let silent = Hub::telling(false, None);
    let refused = pull(&silent);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert_eq!(refused.json()["error"]["code"], "no_space");
    let listed = sistole.run(&["models", "list"]).done();
    assert_eq!(listed["models"], json!([]));
    let remounted = Command::new("mount")
        .args(["-o", "remount,size=2m"])
        .arg(sistole.data_dir())
        .status()
        .unwrap();
    assert!(remounted.success());
    pull(&silent).done();
    let starts = silent.starts();
    assert_eq!(starts, ["0", "0"]);
    sistole.run(&["models", "verify"]).done();
}

/// Takes a file system away again.
struct Unmount<'a>(&'a Sistole);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.0.data_dir())
            .status();
    }
}
