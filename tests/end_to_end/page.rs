//! The owner's page in a real browser, and what `copd` tells in a terminal.

use crate::browser::Browser;
use crate::daemon::{Daemon, run};
use crate::http::{get, header, send};

#[tokio::test]
async fn a_node_that_runs_is_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text");
    let (status, output, errors) = run(&["status", "--data", data]);
    assert_eq!((status, output.as_str()), (Some(1), ""), "{errors}");
    assert!(errors.contains("copd start"), "{errors}");

    let daemon = Daemon::start(folder.path());
    let (status, output, _) = run(&["status", "--data", data]);
    assert!(
        status == Some(0) && output.contains("takes writes"),
        "{output}"
    );
    let (_, output, _) = run(&["status", "--data", data, "--json"]);
    let health: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(health["ok"], true);
    let (_, output, _) = run(&["programs", "--data", data]);
    assert!(output.contains("nothing is published"), "{output}");

    // The page itself tells nothing; it is for this machine by name only.
    let management = daemon.file.management.trim_start_matches("http://");
    let at = management.parse().expect("an address");
    let page = get(at, &format!("http://{management}/ui/")).await;
    assert_eq!(
        (page.status().as_u16(), header(&page, "content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(
        header(&get(at, &format!("http://{management}/")).await, "location"),
        "/ui/"
    );
    for (method, url, status) in [
        ("GET", "http://example.org/ui/".to_owned(), 403),
        ("GET", format!("http://{management}/ui/other"), 404),
        ("GET", format!("http://{management}/v1/runs/0/told"), 403),
        ("POST", format!("http://{management}/ui/"), 400),
    ] {
        let refused = send(at, method, &url, &[], "").await;
        assert_eq!(
            refused.status().as_u16(),
            status,
            "{method} {url} {refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_was_asked_and_what_it_changed() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::with(folder.path(), &["demo"]);
    let (_, link, _) = run(&["ui", "--data", folder.path().to_str().expect("text")]);

    browser.open(&format!(
        "{}/ui/#token={}",
        daemon.file.management,
        "0".repeat(64)
    ));
    browser.wait_for(
        "document.querySelector('main').innerText.includes('This token is not that of the node.')",
    );
    browser.open("about:blank");
    browser.open(link.trim());
    browser.wait_for("document.querySelector('#light.well') && [...document.querySelectorAll('tbody a')].some(link => link.textContent === 'guestbook')");
    assert_eq!(
        browser.evaluate("location.hash"),
        "#/",
        "the token does not stay in the address"
    );

    // Someone writes into the guestbook, and asks with a cookie that is nobody else's business.
    let guestbook = browser.evaluate("[...document.querySelectorAll('tbody a')].find(link => link.textContent === 'guestbook').getAttribute('href')");
    let guestbook = guestbook
        .as_str()
        .expect("a link")
        .replace("#/programs/", "/~");
    let url = format!("http://localhost{guestbook}/");
    send(daemon.http(), "POST", &url, &[], "name=Ada&text=%3Cb%3Ehi").await;
    browser.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: '2' }))");
    browser.wait_for("location.hash === '#/runs' && [...document.querySelectorAll('tbody tr')].some(row => row.innerText.includes('POST /') && row.innerText.includes('303'))");
    browser.evaluate("document.querySelector('tbody a').click()");
    browser.wait_for("document.querySelectorAll('ol.told li.private').length === 1 && document.querySelector('main').innerText.includes('kv.get \"entries\"')");
    assert_eq!(
        browser.evaluate("document.querySelector('main').innerText.includes('Ada')"),
        false,
        "the body is the asker's own"
    );

    browser.evaluate(&format!(
        "location.hash = '#/programs/{}'",
        guestbook.trim_start_matches("/~")
    ));
    browser.wait_for(
        "document.querySelector('main').innerText.includes('[{name: \"Ada\", text: \"<b>hi\"}]')",
    );
    browser.picture();
    browser.evaluate("window.confirm = () => true; document.querySelector('button').click()");
    browser.wait_for("document.querySelector('main').innerText.includes('0 keys')");

    // What happens is there as it happens, and the log's level is changed from here.
    browser.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: '3' }))");
    browser.wait_for("location.hash === '#/events' && document.querySelector('.live.on') !== null && document.querySelector('tbody').innerText.includes('undone')");
    send(daemon.http(), "GET", "http://localhost/~nobody/x", &[], "").await;
    send(
        daemon.http(),
        "GET",
        &format!("{url}{}", "x".repeat(9000)),
        &[],
        "",
    )
    .await;
    browser.evaluate("[...document.querySelectorAll('.chips button')].find(button => button.textContent === 'Changes').click()");
    browser.wait_for("document.querySelectorAll('tbody tr').length === 2 && document.querySelector('.chips [aria-pressed=true]').textContent === 'Changes'");
    browser.evaluate("location.hash = '#/node'");
    browser.wait_for("document.querySelector('#log-level')?.value === 'info'");
    browser.evaluate("const level = document.querySelector('#log-level'); level.value = 'warn'; level.dispatchEvent(new Event('change'))");
    browser.wait_for("document.querySelector('#log-level')?.value === 'warn'");
    let data = folder.path().to_str().expect("text");
    assert_eq!(run(&["log-level", "--data", data]).1, "warn\n");

    for scheme in ["light", "dark"] {
        browser.as_phone(scheme);
        for page in ["/", "/runs", "/events", "/node"] {
            browser.evaluate(&format!("location.hash = '#{page}'"));
            browser.wait_for("document.querySelector('nav a[aria-current]') !== null && document.documentElement.scrollWidth <= window.innerWidth");
        }
        browser.picture();
    }
}
