//! One program's page reaches for what is another's, in a real browser: its answers, cookies, storage and pages, and the node's own.

use std::fs;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::daemon::Daemon;
use crate::publishing::{home, published, text};

/// Keeps a secret for whoever has its cookie, and says who asked.
const VICTIM: &str = r#"import { Request, Response } from "std/web"

fn handle(req: Request) -> Response {
    let page = "<!doctype html><title>victim</title><p id=secret>secret for ${req.cookie("who") ?? "nobody"}"
    Response.html(page).with_cookie("who=ada; Path=/")
}
"#;

/// A page that does what the test tells it.
const ATTACKER: &str = r#"import { Request, Response } from "std/web"

fn handle(req: Request) -> Response {
    if req.path == "/worker.js" {
        return Response.text("").with_header("content-type", "text/javascript").with_header("service-worker-allowed", "/")
    }
    Response.html("<!doctype html><title>attacker</title><p>ready")
        .with_header("access-control-allow-origin", "*")
        .with_cookie("own=1; Path=/; Domain=localhost")
}
"#;

/// What an attempt came to: what it could read, or the name of the error that stopped it.
fn attempt(browser: &mut Browser, script: &str) -> Value {
    let script = format!(
        "window.told = undefined; \
         (async () => {{ {script} }})().then(told => window.told = JSON.stringify(told ?? null), error => window.told = JSON.stringify('stopped: ' + error.name)); 0"
    );
    browser.evaluate(&script);
    browser.wait_for("window.told !== undefined");
    let told = browser.evaluate("window.told");
    serde_json::from_str(told.as_str().expect("JSON")).expect("JSON")
}

#[test]
fn a_page_reaches_nothing_of_another_program() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    fs::write(home.path().join("victim.cop"), VICTIM).expect("written");
    fs::write(home.path().join("attacker.cop"), ATTACKER).expect("written");
    let node = Daemon::start(data.path());
    let victim = published(home.path(), data.path(), &["victim.cop"]);
    let attacker = published(home.path(), data.path(), &["attacker.cop"]);
    let victim_page = text(&victim, "/urls/host").to_owned();
    let shared_page = text(&victim, "/urls/path").to_owned();

    // Somebody is at home at the victim: a cookie, and something stored.
    browser.open(&victim_page);
    browser.wait_for("document.title === 'victim'");
    browser.evaluate("localStorage.setItem('diary', 'private'); location.reload(); 0");
    browser.wait_for("document.querySelector('#secret')?.textContent === 'secret for ada'");

    // From an origin of its own.
    browser.open(text(&attacker, "/urls/host"));
    browser.wait_for("document.title === 'attacker'");
    // A cookie that asks for the domain above stays with its own host.
    assert_eq!(browser.evaluate("document.cookie"), "own=1");
    let reading = |place: &str, credentials: &str| {
        format!("return await (await fetch('{place}', {{ credentials: '{credentials}' }})).text()")
    };
    for credentials in ["include", "omit"] {
        let told = attempt(&mut browser, &reading(&victim_page, credentials));
        assert_eq!(told, "stopped: TypeError", "an answer of another origin");
    }
    // Without its cookies it is what everyone may read; with them it is not given.
    let told = attempt(&mut browser, &reading(&shared_page, "omit"));
    assert!(
        told.as_str()
            .is_some_and(|told| told.contains("secret for nobody")),
        "{told}"
    );
    assert_eq!(
        attempt(&mut browser, &reading(&shared_page, "include")),
        "stopped: TypeError"
    );
    let frame = |place: &str, look: &str| {
        format!(
            "const frame = document.createElement('iframe'); frame.src = '{place}'; \
             const loaded = new Promise(done => frame.onload = done); document.body.append(frame); await loaded; return {look}"
        )
    };
    for look in [
        "frame.contentDocument?.body.textContent",
        "frame.contentWindow.document.cookie",
        "frame.contentWindow.localStorage.diary",
    ] {
        let told = attempt(&mut browser, &frame(&victim_page, look));
        assert!(
            told == json!(null) || told == "stopped: SecurityError",
            "{look}: {told}"
        );
    }
    assert_eq!(
        attempt(&mut browser, "return localStorage.getItem('diary')"),
        json!(null)
    );
    // What a script asks for the domain above is not taken at all.
    let script = "document.cookie = 'who=eve; domain=localhost; path=/'; return document.cookie";
    assert_eq!(attempt(&mut browser, script), "own=1");
    let management = format!("{}/v1/health", node.file.management);
    assert_eq!(
        attempt(&mut browser, &reading(&management, "include")),
        "stopped: TypeError"
    );

    // From where programs share an origin: there they are nobody.
    let shared = text(&attacker, "/urls/pinned").to_owned();
    browser.open(&shared);
    browser.wait_for("document.title === 'attacker'");
    assert_eq!(browser.evaluate("origin"), "null");
    for (script, expected) in [
        ("return document.cookie", "stopped: SecurityError"),
        ("document.cookie = 'who=eve'", "stopped: SecurityError"),
        ("return localStorage.length", "stopped: SecurityError"),
        ("return await caches.keys()", "stopped: SecurityError"),
        (
            "await navigator.serviceWorker.register('worker.js')",
            "stopped: SecurityError",
        ),
    ] {
        assert_eq!(attempt(&mut browser, script), expected, "{script}");
    }
    let told = attempt(&mut browser, &reading(&victim_page, "include"));
    assert_eq!(told, "stopped: TypeError");
    assert_eq!(
        attempt(&mut browser, &reading(&management, "omit")),
        "stopped: TypeError"
    );

    // And nothing was changed for whoever is at home.
    browser.open(&victim_page);
    browser.wait_for("document.querySelector('#secret')?.textContent === 'secret for ada' && localStorage.getItem('diary') === 'private'");
    assert_eq!(node.interrupt().0, Some(0));
}
