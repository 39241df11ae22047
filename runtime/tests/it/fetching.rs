//! Programs that ask servers outside: whom they may ask, what is remembered, and what is done only once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cop_runtime::codec::{Reader, Writer};
use cop_runtime::engine::End;
use cop_runtime::host::http::{Fetch, Fetching, Outbound};
use cop_runtime::host::reply::Reply;
use cop_runtime::{Cache, Failure, FailureCode, RecordedRun, WebAnswer, WebRequest};

use crate::scripted::{Ask, Node, program, response};

/// Answers every request with the same text, and counts.
#[derive(Default)]
struct Server {
    says: Mutex<String>,
    asked: AtomicUsize,
}

impl Outbound for Server {
    fn fetch(&self, fetch: Fetch) -> Fetching<'_> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let says = self.says.lock().unwrap().clone();
        Box::pin(async move {
            if fetch.place.target == "/silent" {
                return Err("it gave no answer".to_owned());
            }
            Ok(Reply {
                status: 200,
                headers: vec![
                    ("date".to_owned(), number.to_string()),
                    ("etag".to_owned(), "x".to_owned()),
                ],
                cookies: Vec::new(),
                body: format!("{} {says}", fetch.method).into_bytes(),
            })
        })
    }
}

fn node() -> (Node, Arc<Server>) {
    let (node, server) = (Node::new(), Arc::new(Server::default()));
    node.execution.reach_out(server.clone());
    (node, server)
}

async fn get(node: &Node, name: &str, target: &str) -> Result<WebAnswer, Failure> {
    let request = WebRequest::get(target);
    node.execution.run_web(&program(name), request).await
}

fn text(answer: &WebAnswer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// The body of a reply, or why there is none. Without a method it is `http.get`.
fn fetched(ask: &mut Ask<'_>, method: Option<&str>, url: &str) -> Result<String, End> {
    let mut question = Writer::new();
    let answer = match method {
        None => {
            question.text(url).count(0);
            ask.call("http", "get", &question.finish())?
        }
        Some(method) => {
            question.text(method).text(url).count(0).bytes(b"");
            ask.call("http", "send", &question.finish())?
        }
    };
    let mut reader = Reader::new(&answer);
    if reader.byte().unwrap() == 1 {
        return Ok(format!("error: {}", reader.text().unwrap()));
    }
    assert_eq!(reader.int().unwrap(), 200);
    assert_eq!(reader.count().unwrap(), 1, "the date is left out");
    assert_eq!(
        (reader.text().unwrap(), reader.text().unwrap()),
        ("etag", "x")
    );
    reader.texts().unwrap();
    Ok(String::from_utf8(reader.bytes().unwrap().to_vec()).unwrap())
}

const URL: &str = "https://listed.example/x";

#[tokio::test]
async fn a_page_that_reads_outside_runs_when_the_reply_is_another() {
    let (node, server) = node();
    node.publish("page", &["http"], |ask| {
        ask.path()?;
        let first = fetched(ask, None, URL)?;
        assert_eq!(first, fetched(ask, None, URL)?, "one answer per run");
        Ok(response(200, &first))
    })
    .await;
    for (says, cache) in [
        ("1", Cache::Miss),
        ("1", Cache::Hit),
        ("2", Cache::Miss),
        ("1", Cache::Hit),
    ] {
        *server.says.lock().unwrap() = says.to_owned();
        let answer = get(&node, "page", "/").await.unwrap();
        assert_eq!(text(&answer), format!("GET {says}"));
        assert_eq!(answer.info.cache, cache);
    }
    // Each time it was asked once: a walk that got the answer gives it to the run.
    assert_eq!(server.asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn only_what_the_manifest_lists_is_asked() {
    let (node, server) = node();
    node.publish("page", &["http"], |ask| {
        ask.path()?;
        let url = ask.query("url")?.unwrap();
        Ok(response(200, &fetched(ask, None, &url)?))
    })
    .await;
    for url in [
        "https://other.example/",
        "http://listed.example/",
        "https://listed.example:8443/",
        "https://listed.example.other.example/",
    ] {
        let refused = get(&node, "page", &format!("/?url={url}"))
            .await
            .unwrap_err();
        assert_eq!(refused.code, FailureCode::Denied, "{url}");
        let hint = refused.hint.as_deref().unwrap();
        let origin = url.trim_end_matches('/');
        let mut listed = ["https://listed.example", origin];
        assert!(
            hint.contains(&format!("`http = [\"{}\", \"{}\"]`", listed[0], listed[1])),
            "{hint}"
        );
        listed.reverse();
    }
    for url in [
        "nonsense",
        "https://listed.example@other.example/",
        "https://listed.example\\@x/",
    ] {
        let url = url.replace('\\', "%5C");
        let told = get(&node, "page", &format!("/?url={url}")).await.unwrap();
        assert!(text(&told).starts_with("error: "), "{}", text(&told));
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), 0);
    let silent = get(&node, "page", "/?url=https://listed.example/silent")
        .await
        .unwrap();
    assert_eq!(text(&silent), "error: it gave no answer");
}

#[tokio::test]
async fn a_node_that_reaches_nobody_says_so() {
    let node = Node::new();
    node.publish("page", &["http"], |ask| {
        Ok(response(200, &fetched(ask, None, URL)?))
    })
    .await;
    let refused = get(&node, "page", "/").await.unwrap_err();
    assert_eq!(refused.code, FailureCode::Denied);
}

#[tokio::test]
async fn what_is_sent_is_sent_once_and_never_remembered() {
    let (node, server) = node();
    node.publish("sends", &["http", "kv"], |ask| {
        ask.path()?;
        // Two calls are two requests, and another question behind them does not repeat them.
        let sent = [
            fetched(ask, Some("POST"), URL)?,
            fetched(ask, Some("POST"), URL)?,
        ];
        let read = fetched(ask, None, URL)?;
        Ok(response(200, &format!("{sent:?} {read}")))
    })
    .await;
    for round in 1..4 {
        let answer = get(&node, "sends", "/").await.unwrap();
        assert_eq!(answer.info.cache, Cache::Miss);
        assert!(answer.info.depends.unrepeatable);
        assert_eq!(server.asked.load(Ordering::Relaxed), round * 3);
    }
    // Asked by another program it does not send.
    node.publish("asks", &["program"], |ask| {
        let mut question = Writer::new();
        question
            .text("sends")
            .text("GET")
            .text("/")
            .count(0)
            .bytes(b"");
        let answer = ask.call("program", "ask", &question.finish())?;
        Ok(response(200, &String::from_utf8_lossy(&answer)))
    })
    .await;
    let asked = get(&node, "asks", "/").await.unwrap();
    assert!(text(&asked).contains("sends nothing"), "{}", text(&asked));
}

/// A run that has sent is refused where another would be repeated.
#[tokio::test]
async fn a_run_that_sent_and_lost_a_race_is_not_repeated() {
    let (node, server) = node();
    let races = Arc::new(AtomicUsize::new(0));
    let counted = races.clone();
    let execution = node.execution.clone();
    node.publish("order", &["http", "kv"], move |ask| {
        let path = ask.path()?;
        let key = ask.get("n")?.map_or(0, |n| n[0]);
        if path == "/change" {
            ask.set("n", &[key + 1])?;
            return Ok(response(200, "changed"));
        }
        fetched(ask, Some("POST"), URL)?;
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            // Somebody else changes what this run has read, before it ends.
            let execution = execution.clone();
            let change = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let request = WebRequest::get("/change");
                runtime
                    .unwrap()
                    .block_on(execution.run_web(&program("order"), request))
            });
            change.join().unwrap().unwrap();
        }
        ask.set("n", &[key + 10])?;
        Ok(response(200, "ordered"))
    })
    .await;
    let refused = get(&node, "order", "/").await.unwrap_err();
    assert_eq!(
        (refused.code, refused.retry_after_s),
        (FailureCode::Conflict, None)
    );
    assert!(refused.detail.contains("not run again"), "{refused}");
    assert_eq!(server.asked.load(Ordering::Relaxed), 1);
    assert_eq!(text(&get(&node, "order", "/").await.unwrap()), "ordered");
}

#[tokio::test]
async fn a_run_that_read_outside_is_replayed_without_it() {
    let (node, server) = node();
    *server.says.lock().unwrap() = "then".to_owned();
    let bundle = node.bundle("page", &["http"], |ask| {
        let read = fetched(ask, None, URL)?;
        Ok(response(
            200,
            &format!("{read} {}", fetched(ask, Some("PUT"), URL)?),
        ))
    });
    let (signed, encoded) = (node.sign("page", &bundle).encode(), bundle.encode());
    node.execution.publish(&signed, &encoded).await.unwrap();
    let answer = get(&node, "page", "/").await.unwrap();
    assert_eq!(text(&answer), "GET then PUT then");
    let recorded = node
        .execution
        .recorded_run(&answer.info.run, false)
        .unwrap();
    let recorded = RecordedRun::decode(&recorded.encode()).unwrap();
    let ready = cop_runtime::library::ReadyProgram::of_bundle(&*node.engine, &bundle).unwrap();
    let again = recorded.replay(&*ready.program).unwrap();
    assert_eq!(again.outcome_hash(), recorded.outcome);
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
}
