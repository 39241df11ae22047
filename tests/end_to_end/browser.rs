//! The demo in a real browser: headless Chromium, where there is one.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::skip::skipped;

/// How long a page may take to become as expected.
const PATIENCE: Duration = Duration::from_secs(30);

/// A headless Chromium with one page, spoken to by its DevTools protocol: JSON messages, each ended by a zero byte, on the pipes
/// that it finds as file descriptors 3 and 4.
pub struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    latest: u64,
    _folder: tempfile::TempDir,
}

fn find() -> Option<PathBuf> {
    let named = std::env::var_os("COP_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = ["chromium", "chromium-browser", "google-chrome"];
    named.or_else(|| {
        std::env::split_paths(&path)
            .flat_map(|folder| known.map(|name| folder.join(name)))
            .find(|path| path.is_file())
    })
}

impl Browser {
    /// `None`, with a line that says so, where there is no Chromium.
    pub fn start() -> Option<Browser> {
        let Some(chromium) = find().filter(|_| cfg!(unix)) else {
            skipped(
                "the browser test",
                "there is no Chromium in PATH (COP_CHROMIUM names one)",
            );
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        assert!(
            Command::new("mkfifo")
                .args([&to, &from])
                .status()
                .expect("mkfifo runs")
                .success()
        );
        // A shell opens the pipes under the numbers that Chromium expects. The sandbox needs rights that a container lacks.
        let script = "exec \"$0\" --headless --no-sandbox --disable-gpu --no-first-run --disable-quic \
                      --disable-background-networking --disable-component-update --disable-sync --remote-debugging-pipe \
                      --user-data-dir=\"$1/profile\" about:blank 3<\"$1/to\" 4>\"$1/from\"";
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(&chromium)
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        // Opening a pipe waits for its other end.
        let to = OpenOptions::new().write(true).open(to).expect("a pipe");
        let from = BufReader::new(File::open(from).expect("a pipe"));
        let mut browser = Browser {
            child,
            to,
            from,
            session: String::new(),
            latest: 0,
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = target["targetId"].clone();
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        browser.session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        Some(browser)
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.latest += 1;
        let mut message = json!({ "id": self.latest, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser reads");
        loop {
            let mut bytes = Vec::new();
            self.from
                .read_until(0, &mut bytes)
                .expect("the browser writes");
            assert!(bytes.pop().is_some(), "the browser is gone");
            let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
            if answer["id"] == self.latest {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
    }

    pub fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true }),
        );
        answer["result"]["value"].clone()
    }

    /// A picture of the page as text, which must show something.
    pub fn picture(&mut self) -> String {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let picture = answer["data"].as_str().expect("a picture").to_owned();
        // A PNG of one colour takes a few hundred bytes.
        assert!(picture.len() > 10_000, "an empty page");
        picture
    }

    /// Shows pages as on a phone that prefers this scheme of colours.
    pub fn as_phone(&mut self, scheme: &str) {
        let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true });
        self.call("Emulation.setDeviceMetricsOverride", phone);
        let scheme = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [scheme] }),
        );
    }

    /// Waits until an expression is true. While a page loads, it may also fail.
    pub fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(expression) != true {
            if begun.elapsed() > PATIENCE {
                let page = self.evaluate("location.href + '\\n' + document.body.innerText");
                panic!(
                    "not so: {expression}\n{}",
                    page.as_str().unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_system_page_shows_its_own_figures_and_the_guestbook_takes_an_entry() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::with(folder.path(), &["demo"]);

    browser.open(&daemon.file.url);
    browser
        .wait_for("location.host.startsWith('system-cop1') && document.readyState === 'complete'");
    // The figures of the very run that made the page, fetched by its script.
    browser.wait_for("/^[1-9][0-9,]*$/.test(document.querySelector('dd [data-figure=fuel].live')?.textContent ?? '')");
    browser.wait_for("/^(hit|miss)/i.test(document.querySelector('dd[data-figure=cache].live')?.textContent ?? '')");
    browser.wait_for("[...document.querySelectorAll('[data-figure=run]')].some(place => /^[0-9a-f]{32}$/.test(place.textContent))");

    // It looks like something, on a phone too, by day and by night, and nothing sticks out at the side.
    browser.picture();
    let [day, night] = ["light", "dark"].map(|scheme| {
        browser.as_phone(scheme);
        browser.wait_for("document.documentElement.scrollWidth <= window.innerWidth");
        browser.picture()
    });
    assert_ne!(day, night);

    browser.evaluate("document.querySelector('a[data-program=guestbook]').click()");
    browser.wait_for(
        "location.host.startsWith('guestbook-cop1') && document.querySelector('form') !== null",
    );
    browser.evaluate(
        "document.querySelector('[name=name]').value = 'Ada';
         document.querySelector('[name=text]').value = '<img src=x onerror=\"document.title=1\"> hello';
         document.querySelector('form button').click()",
    );
    browser.wait_for("document.querySelector('article')?.innerText.includes('<img src=x onerror') && document.title !== '1'");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('article img').length"),
        0
    );
    assert_eq!(
        browser.evaluate("document.querySelector('article footer').textContent"),
        "Ada"
    );
}
