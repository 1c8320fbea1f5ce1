//! Downloads from a hub of the test's own, which can be told to misbehave.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::super::digest::digest_reader;
use super::super::tests::safetensors;
use super::super::{Brought, ModelStore, StoreError};
use super::PullRequest;
use super::hub::{Hub, RemoteFile};
use super::transfer::{Target, fetch};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the hub misbehaves.
#[derive(Debug, Clone, Default)]
struct Mood {
    /// Cuts the answer with the weights after this many bytes of body, this many times.
    cut: Option<(usize, usize)>,
    /// Answers everything with this status.
    status: Option<u16>,
    /// Says so in `x-error-code`.
    error_code: &'static str,
    /// Knows no `Range`.
    whole_only: bool,
    /// States another SHA-256 for the weights than they have.
    lies: bool,
    /// Sends files from another port, as a hub with a store of its own does.
    redirects: bool,
    /// Tells no lengths in its list.
    lengthless: bool,
    /// Says of every file that it is so long; 0: says nothing.
    announces: Option<u64>,
    /// The list of files is this text.
    list: Option<&'static str>,
}

/// A hub with one repository, `aina/mini`.
struct FakeHub {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FakeHub {
    fn start(files: BTreeMap<&'static str, Vec<u8>>, mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let store = mood.redirects.then(|| {
            let files = files.clone();
            Self::start(files, Mood::default())
        });
        let cuts = Arc::new(AtomicUsize::new(0));
        let noted = Arc::clone(&seen);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let store = store.as_ref().map(|store| store.port);
                serve(&stream.unwrap(), &files, &mood, &noted, &cuts, store);
            }
        });
        Self { port, seen }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers one request and closes.
fn serve(
    stream: &TcpStream,
    files: &BTreeMap<&'static str, Vec<u8>>,
    mood: &Mood,
    seen: &Mutex<Vec<String>>,
    cuts: &AtomicUsize,
    store: Option<u16>,
) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let (mut start, mut who) = (0, String::new());
    for line in lines {
        let line = line.unwrap();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "range" if !mood.whole_only => {
                start = value["bytes=".len()..]
                    .trim_end_matches('-')
                    .parse()
                    .unwrap();
            }
            "authorization" => value.clone_into(&mut who),
            _ => {}
        }
    }
    let path = first.split(' ').nth(1).unwrap().to_owned();
    seen.lock()
        .unwrap()
        .push(format!("{path} {start} {who}").trim_end().to_owned());
    if let Some(status) = mood.status {
        let code = mood.error_code;
        return answer(
            stream,
            &format!("{status} X\r\nx-error-code: {code}"),
            b"no",
            None,
        );
    }
    if path.starts_with("/api/models/aina/mini/revision/") {
        let siblings: Vec<_> = files
            .iter()
            .map(|(name, bytes)| {
                let large = bytes.len() > 1_000;
                let mut digest = digest_reader(&bytes[..], &mut |_| {}).unwrap().sha256;
                if mood.lies {
                    digest = "0".repeat(64);
                }
                if mood.lengthless {
                    return json!({"rfilename": name});
                }
                json!({
                    "rfilename": name,
                    "size": bytes.len(),
                    "lfs": large.then(|| json!({"sha256": digest, "size": bytes.len()})),
                })
            })
            .collect();
        let list =
            json!({"sha": COMMIT, "cardData": {"license": "apache-2.0"}, "siblings": siblings});
        let text = mood.list.map_or_else(|| list.to_string(), str::to_owned);
        return answer(stream, "200 OK", text.as_bytes(), None);
    }
    let file = path.rsplit('/').next().unwrap();
    let Some(bytes) = files.get(file) else {
        return answer(stream, "404 Not Found", b"no", None);
    };
    if let Some(port) = store {
        let to = format!("302 Found\r\nlocation: http://127.0.0.1:{port}{path}");
        return answer(stream, &to, b"", None);
    }
    let cut = mood
        .cut
        .filter(|(_, times)| bytes.len() > 1_000 && cuts.fetch_add(1, Ordering::Relaxed) < *times)
        .map(|(after, _)| after);
    if start > bytes.len() || (start == bytes.len() && start > 0) {
        return answer(stream, "416 Range Not Satisfiable", b"", None);
    }
    let head = if start > 0 {
        let (last, all) = (bytes.len() - 1, bytes.len());
        format!("206 Partial Content\r\ncontent-range: bytes {start}-{last}/{all}")
    } else {
        "200 OK".to_owned()
    };
    match mood.announces {
        Some(length) => announced(stream, &bytes[start..], length),
        None => answer(stream, &head, &bytes[start..], cut),
    }
}

/// All of a file, under a length of the hub's own making or none.
fn announced(mut stream: &TcpStream, body: &[u8], length: u64) {
    let length = match length {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\n{length}connection: close\r\n\r\n"
    )
    .and_then(|()| stream.write_all(body));
}

fn answer(mut stream: &TcpStream, head: &str, body: &[u8], cut: Option<usize>) {
    let length = body.len();
    let sent = &body[..cut.unwrap_or(length).min(length)];
    // A client that has seen enough may have gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .and_then(|()| stream.write_all(sent));
}

fn files() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("config.json", b"{\"a\":1}".to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        ("model.safetensors", safetensors(3_000_000, 5)),
        ("pytorch_model.bin", vec![1; 2_000]),
        (".gitattributes", b"x".to_vec()),
    ])
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn store(&self) -> ModelStore {
        ModelStore::new(self.models(), 0)
    }

    fn pull(&self, request: &PullRequest) -> Result<Brought, StoreError> {
        let plan = self.store().plan_pull(request)?;
        self.store().pull(plan, &mut |step| {
            assert!(step.done <= step.total, "{step:?}");
        })
    }

    fn must_be_whole(&self, hub: &FakeHub) {
        let model = self.store().verify("mini", &mut |_| {}).unwrap();
        let names: Vec<&String> = model.manifest.files.keys().collect();
        assert_eq!(
            names,
            ["config.json", "model.safetensors", "tokenizer.json"]
        );
        for name in names {
            let came = fs::read(self.models().join("mini").join(name)).unwrap();
            assert_eq!(came, files()[name.as_str()], "{name}");
        }
        assert!(!self.models().join(".pull").exists(), "{:?}", hub.seen());
    }
}

fn from(hub: &FakeHub) -> PullRequest {
    PullRequest {
        source: "aina/mini".to_owned(),
        endpoint: Some(hub.endpoint()),
        ..PullRequest::default()
    }
}

#[test]
fn a_model_comes_with_its_commit_licence_and_digests_and_nothing_else() {
    let hub = FakeHub::start(files(), Mood::default());
    let place = Place::new();
    let plan = place.store().plan_pull(&from(&hub)).unwrap();
    assert_eq!(
        (plan.license.as_str(), plan.revision.as_str()),
        ("apache-2.0", COMMIT)
    );
    let brought = place.store().pull(plan, &mut |_| {}).unwrap();
    assert!(!brought.unchanged);
    let manifest = &brought.model.manifest;
    assert_eq!(
        (manifest.source.as_str(), manifest.revision.as_str()),
        ("aina/mini", COMMIT)
    );
    place.must_be_whole(&hub);
    let asked = hub.seen().len();
    assert!(place.pull(&from(&hub)).unwrap().unchanged);
    assert_eq!(
        hub.seen().len(),
        asked + 1,
        "more than the list was fetched"
    );
}

#[test]
fn a_cut_download_goes_on_where_it_stood() {
    let mood = Mood {
        cut: Some((1_000_000, 2)),
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let place = Place::new();
    place.pull(&from(&hub)).unwrap();
    place.must_be_whole(&hub);
    let of_weights: Vec<String> = hub
        .seen()
        .into_iter()
        .filter(|line| line.contains("model.safetensors"))
        .collect();
    assert_eq!(of_weights.len(), 3, "{of_weights:?}");
    assert!(of_weights[1].ends_with(" 1000000") && of_weights[2].ends_with(" 2000000"));
}

#[test]
fn a_run_that_was_ended_is_taken_up_by_the_next_one() {
    // Every answer is cut at once: the first run gives up.
    let dying = FakeHub::start(
        files(),
        Mood {
            cut: Some((0, usize::MAX)),
            ..Mood::default()
        },
    );
    let place = Place::new();
    let first = place.pull(&from(&dying)).unwrap_err();
    assert_eq!(first.code(), "hub_unreachable", "{first}");
    assert!(
        place.store().list().unwrap().is_empty(),
        "half a model is seen"
    );
    // As if it had come so far.
    let part = place
        .models()
        .join(".pull/mini")
        .join(COMMIT)
        .join("model.safetensors.part");
    fs::write(&part, &files()["model.safetensors"][..1_234_567]).unwrap();
    let hub = FakeHub::start(files(), Mood::default());
    place.pull(&from(&hub)).unwrap();
    place.must_be_whole(&hub);
    assert!(
        hub.seen()
            .iter()
            .any(|line| line.ends_with("model.safetensors 1234567"))
    );
}

#[test]
fn a_part_that_is_whole_wrong_or_too_long_does_no_harm() {
    let weights = files()["model.safetensors"].clone();
    let longer = [&weights[..], b"more"].concat();
    for (part, goes_well) in [
        (weights.clone(), true),
        (longer, true),
        (vec![9; 1_000], false),
    ] {
        let hub = FakeHub::start(files(), Mood::default());
        let place = Place::new();
        let folder = place.models().join(".pull/mini").join(COMMIT);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.safetensors.part"), part).unwrap();
        let first = place.pull(&from(&hub));
        assert_eq!(first.is_ok(), goes_well);
        if let Err(error) = first {
            assert_eq!(error.code(), "model_mismatch");
            place.pull(&from(&hub)).unwrap();
        }
        place.must_be_whole(&hub);
    }
}

#[test]
fn a_hub_that_knows_no_ranges_is_asked_from_the_beginning() {
    let mood = Mood {
        whole_only: true,
        cut: Some((1_000_000, 1)),
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let place = Place::new();
    place.pull(&from(&hub)).unwrap();
    place.must_be_whole(&hub);
}

#[test]
fn what_comes_with_another_digest_is_thrown_away_and_both_are_told() {
    let mood = Mood {
        lies: true,
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let place = Place::new();
    let refused = place.pull(&from(&hub)).unwrap_err();
    assert_eq!(refused.code(), "model_mismatch");
    let found = digest_reader(&files()["model.safetensors"][..], &mut |_| {}).unwrap();
    let told = refused.to_string();
    assert!(
        told.contains(&"0".repeat(64)) && told.contains(&found.sha256),
        "{told}"
    );
    let folder = place.models().join(".pull/mini").join(COMMIT);
    assert!(!folder.join("model.safetensors.part").exists());
    assert!(place.store().list().unwrap().is_empty());
}

#[test]
fn every_refusal_of_the_hub_is_told_for_what_it_is() {
    let cases = [
        (404, "RepoNotFound", "repository_not_found"),
        (401, "RepoNotFound", "repository_not_found"),
        (401, "GatedRepo", "repository_gated"),
        (403, "GatedRepo", "repository_gated"),
        (429, "", "hub_unreachable"),
        (503, "", "hub_unreachable"),
        (304, "", "hub_nonsense"),
        (418, "", "hub_nonsense"),
    ];
    for (status, error_code, code) in cases {
        let mood = Mood {
            status: Some(status),
            error_code,
            ..Mood::default()
        };
        let hub = FakeHub::start(files(), mood);
        let refused = Place::new().pull(&from(&hub)).unwrap_err();
        assert_eq!(refused.code(), code, "{status}: {refused}");
    }
}

#[test]
fn a_list_that_makes_no_sense_is_refused() {
    for list in [
        "",
        "<!doctype html>",
        "[]",
        r#"{"sha":"../../..","siblings":[]}"#,
        r#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[]}"#,
        r#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"../model.safetensors","size":5}]}"#,
        r#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"config.json","size":-5}]}"#,
    ] {
        let mood = Mood {
            list: Some(list),
            ..Mood::default()
        };
        let hub = FakeHub::start(files(), mood);
        let place = Place::new();
        let refused = place.pull(&from(&hub)).unwrap_err();
        assert!(
            matches!(refused.code(), "hub_nonsense" | "not_a_model"),
            "{list}: {refused}"
        );
        assert!(!place.models().exists(), "{list} left something");
    }
}

#[test]
fn the_key_goes_to_the_hub_and_not_to_where_it_sends_us() {
    let mood = Mood {
        redirects: true,
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let place = Place::new();
    let request = PullRequest {
        token: Some("hf_secret".to_owned()),
        ..from(&hub)
    };
    place.pull(&request).unwrap();
    place.must_be_whole(&hub);
    assert!(
        hub.seen()
            .iter()
            .all(|line| line.ends_with("Bearer hf_secret"))
    );
}

#[test]
fn without_a_network_the_person_is_told_to_try_later_or_import() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for (endpoint, offline) in [(endpoint.as_str(), false), ("https://hub.invalid", true)] {
        let request = PullRequest {
            source: "aina/mini".to_owned(),
            endpoint: Some(endpoint.to_owned()),
            offline,
            ..PullRequest::default()
        };
        let refused = Place::new().pull(&request).unwrap_err();
        assert_eq!(refused.code(), "hub_unreachable", "{refused}");
        assert!(refused.to_string().contains("models import"), "{refused}");
    }
    for endpoint in [
        "ftp://x",
        "hub.example",
        "https://",
        "https://a:b@c",
        "http://x?y=z",
        "",
    ] {
        let request = PullRequest {
            source: "aina/mini".to_owned(),
            endpoint: Some(endpoint.to_owned()),
            ..PullRequest::default()
        };
        let refused = Place::new().pull(&request).unwrap_err();
        assert_eq!(
            refused.code(),
            "hub_address_invalid",
            "{endpoint}: {refused}"
        );
    }
}

#[test]
fn a_hub_that_does_not_speak_tls_is_not_asked_without_it() {
    let hub = FakeHub::start(files(), Mood::default());
    let request = PullRequest {
        endpoint: Some(format!("https://127.0.0.1:{}", hub.port)),
        token: Some("hf_secret".to_owned()),
        ..from(&hub)
    };
    let refused = Place::new().pull(&request).unwrap_err();
    assert_eq!(refused.code(), "hub_unreachable", "{refused}");
    assert!(hub.seen().iter().all(|line| !line.contains("secret")));
}

#[test]
fn a_download_needs_room_for_what_is_missing_and_keeps_what_came() {
    let hub = FakeHub::start(files(), Mood::default());
    let place = Place::new();
    let store = ModelStore::new(place.models(), u64::MAX / 2);
    let plan = store.plan_pull(&from(&hub)).unwrap();
    let refused = store.pull(plan, &mut |_| {}).unwrap_err();
    assert_eq!(refused.code(), "no_space");
    place.pull(&from(&hub)).unwrap();
    place.must_be_whole(&hub);
}

#[test]
fn a_file_whose_length_comes_with_it_needs_room_too() {
    let mood = Mood {
        lengthless: true,
        announces: Some(1 << 60),
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let place = Place::new();
    let refused = place.pull(&from(&hub)).unwrap_err();
    assert_eq!(refused.code(), "no_space", "{refused}");
    assert!(place.store().list().unwrap().is_empty());
}

#[test]
fn a_file_of_no_stated_length_leaves_the_space_to_keep_free() {
    let mood = Mood {
        announces: Some(0),
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let file = RemoteFile {
        name: "model.safetensors".to_owned(),
        bytes: None,
        sha256: None,
    };
    let asked = Hub::new(&from(&hub)).unwrap();
    let address = asked.address("aina/mini", COMMIT, &file.name);
    let bring = |reserve_bytes| {
        let folder = tempfile::tempdir().unwrap();
        let place = Target {
            folder: folder.path(),
            reserve_bytes,
        };
        fetch(&asked, &file, &address, place, &mut |_| {})
    };
    assert_eq!(bring(u64::MAX / 2).unwrap_err().code(), "no_space");
    assert_eq!(
        bring(0).unwrap().bytes,
        files()["model.safetensors"].len() as u64
    );
}

#[test]
fn lengths_beyond_any_disk_are_added_up_to_no_room() {
    let list = r#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[
        {"rfilename":"config.json","size":18446744073709551615},
        {"rfilename":"tokenizer.json","size":18446744073709551615},
        {"rfilename":"model.safetensors","size":3}]}"#;
    let mood = Mood {
        list: Some(list),
        ..Mood::default()
    };
    let hub = FakeHub::start(files(), mood);
    let refused = Place::new().pull(&from(&hub)).unwrap_err();
    assert_eq!(refused.code(), "no_space", "{refused}");
}

#[test]
fn a_name_that_is_no_source_lists_those_there_are() {
    for source in ["", "salamandra", "a/b/c", "../x/y", "https://x/y"] {
        let request = PullRequest {
            source: source.to_owned(),
            offline: true,
            ..PullRequest::default()
        };
        let refused = Place::new().pull(&request).unwrap_err();
        assert_eq!(refused.code(), "model_unknown");
        assert!(refused.to_string().contains("ALIA-40b-instruct-2606"));
    }
}
