//! A server that answers each connection as its script says, and tells what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::PRIVATE;

/// One step of a script. After the last one the connection is closed in good order.
#[derive(Clone)]
pub(super) enum Act {
    Send(Vec<u8>),
    /// Again and again, until the other side leaves.
    Repeat(Vec<u8>, Duration),
    /// Says nothing more until the other side leaves.
    Hold,
    /// Says nothing more until the test says so.
    Await(Arc<tokio::sync::Notify>),
    /// Breaks the connection.
    Reset,
}

pub(super) struct Server {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    left: mpsc::UnboundedReceiver<()>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Plays one script for each connection, the last one for all further ones.
    pub(super) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (tell_left, left) = mpsc::unbounded_channel();
        let seen = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            let mut played = 0;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let script = scripts[played.min(scripts.len() - 1)].clone();
                played += 1;
                let (seen, tell_left) = (Arc::clone(&seen), tell_left.clone());
                tokio::spawn(async move {
                    let mut stream = stream;
                    stream.set_nodelay(true).unwrap();
                    if let Some(request) = read_request(&mut stream).await {
                        seen.lock().unwrap().push(request);
                    }
                    if play(&mut stream, &script).await {
                        stream.set_zero_linger().unwrap();
                    }
                    let _ = tell_left.send(());
                });
            }
        });
        Self {
            url,
            requests,
            left,
            accepting,
        }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until a connection has come to its end, on whichever side.
    pub(super) async fn left(&mut self) {
        let left = tokio::time::timeout(Duration::from_secs(30), self.left.recv()).await;
        left.expect("the connection is still open").unwrap();
    }
}

/// Reads a request; nothing where the other side leaves half way.
pub(super) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|&read| read > 0)?;
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
    }
}

/// Plays a script; whether the connection is to be broken.
pub(super) async fn play<S>(stream: &mut S, script: &[Act]) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for act in script {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(bytes).await.is_err() || stream.flush().await.is_err() {
                    return false;
                }
            }
            Act::Repeat(bytes, pause) => {
                while stream.write_all(bytes).await.is_ok() {
                    tokio::time::sleep(*pause).await;
                }
                return false;
            }
            Act::Hold => {
                let mut piece = [0; 256];
                while matches!(stream.read(&mut piece).await, Ok(read) if read > 0) {}
                return false;
            }
            Act::Await(sign) => sign.notified().await,
            Act::Reset => return true,
        }
    }
    let _ = stream.shutdown().await;
    false
}

/// The address of a port of this machine where nobody listens.
pub(super) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Bound and not listening for others: connecting is refused once this is dropped.
    drop(listener);
    assert!(TcpStream::connect(address).await.is_err());
    format!("http://{address}")
}

pub(super) fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// An event with a piece of the answer.
pub(super) fn text(text: &str) -> String {
    let delta = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    event(&delta.to_string())
}

/// An event with the reason of the end.
pub(super) fn finish(reason: &str) -> String {
    event(&format!(
        r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#
    ))
}

/// The head of a response whose body comes in chunks.
pub(super) fn head(status: &str, kind: &str) -> Act {
    Act::Send(
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nx-request: {PRIVATE}\r\n\
             transfer-encoding: chunked\r\n\r\n"
        )
        .into_bytes(),
    )
}

/// One chunk of a body.
pub(super) fn chunk(bytes: impl AsRef<[u8]>) -> Act {
    let bytes = bytes.as_ref();
    Act::Send([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

/// The end of a body in chunks.
pub(super) fn end() -> Act {
    Act::Send(b"0\r\n\r\n".to_vec())
}

/// A stream that begins well and goes on as `acts` say.
pub(super) fn stream(acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    std::iter::once(head("200 OK", "text/event-stream; charset=utf-8"))
        .chain(acts)
        .collect()
}

/// A whole stream in chunks of `size` bytes.
pub(super) fn stream_in_pieces(body: &str, size: usize) -> Vec<Act> {
    stream(body.as_bytes().chunks(size).map(chunk).chain([end()]))
}

/// A whole answer.
pub(super) fn answer(answer: &str) -> Vec<Act> {
    let body = [text(answer), finish("stop"), event("[DONE]")].concat();
    stream_in_pieces(&body, usize::MAX)
}

/// A response that is no stream.
pub(super) fn document(status: &str, kind: &str, body: &str) -> Vec<Act> {
    vec![head(status, kind), chunk(body), end()]
}
