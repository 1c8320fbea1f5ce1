//! Drives Chromium without a window through its debugging pipe (Chrome DevTools Protocol: JSON
//! messages, each ended by a zero byte, on the descriptors 3 and 4).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page open.
pub(crate) struct Chromium {
    process: Child,
    commands: ChildStdin,
    replies: Receiver<Value>,
    session: Option<String>,
    last_id: u64,
    _profile: TempDir,
}

impl Chromium {
    /// Opens `address`, as a person whose language is Spanish. `None`, said aloud, where there is no
    /// Chromium.
    pub(crate) fn open(address: &str) -> Option<Self> {
        let Some(mut browser) = Self::start() else {
            let _ = writeln!(
                std::io::stderr(),
                "NOT RUN: no Chromium on this machine, so the page is not tried in a browser"
            );
            return None;
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attached = browser.call(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        browser.call("Page.navigate", &json!({"url": address}));
        Some(browser)
    }

    fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let program = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find(|name| {
                let found = Command::new(name)
                    .arg("--version")
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                found.is_ok_and(|status| status.success())
            })?;
        // The shell gives the browser our pipes under the numbers it looks for.
        let mut process = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
                program,
            ])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--lang=es-ES",
                "--accept-lang=es-ES",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let replies = listen(process.stdout.take().unwrap());
        Some(Self {
            process,
            commands,
            replies,
            session: None,
            last_id: 0,
            _profile: profile,
        })
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.commands
            .write_all(format!("{command}\0").as_bytes())
            .unwrap();
        loop {
            let reply = self
                .replies
                .recv_timeout(PATIENCE)
                .expect("the browser does not answer");
            if reply["id"] == self.last_id {
                assert!(reply["error"].is_null(), "{method}: {}", reply["error"]);
                return reply["result"].clone();
            }
        }
    }

    /// What a JavaScript expression gives on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let result = self.call(
            "Runtime.evaluate",
            &json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        );
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression is true on the page.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(expression) != json!(true) {
            assert!(
                begun.elapsed() < PATIENCE,
                "never true: {expression}\n{}",
                self.html()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The whole page as it stands.
    pub(crate) fn html(&mut self) -> String {
        let html = self.evaluate("document.documentElement.outerHTML");
        html.as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn listen(output: ChildStdout) -> Receiver<Value> {
    let (tell, replies) = mpsc::channel();
    std::thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let told = message
                .ok()
                .and_then(|message| serde_json::from_slice(&message).ok())
                .is_some_and(|message| tell.send(message).is_ok());
            if !told {
                return;
            }
        }
    });
    replies
}
