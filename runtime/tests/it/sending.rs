//! Messages: committed with the writes, carried out after, over failures and restarts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cop_bytecode::TrapKind;
use cop_runtime::codec::{Reader, Writer};
use cop_runtime::engine::End;
use cop_runtime::host::http::{Fetch, Fetching, Outbound};
use cop_runtime::host::reply::Reply;
use cop_runtime::{
    Failure, FailureCode, Namespace, RecordedRun, ShownMessage, WebAnswer, WebRequest,
};

use crate::samples;
use crate::scripted::{Ask, Node, program, response, trap};

async fn get(node: &Node, name: &str, target: &str) -> Result<WebAnswer, Failure> {
    let request = WebRequest::get(target);
    node.execution.run_web(&program(name), request).await
}

fn text(answer: &WebAnswer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

fn send(ask: &mut Ask<'_>, to: &str, target: &str, body: &[u8]) -> Result<Option<String>, End> {
    let mut message = Writer::new();
    message.text(to).text(target).count(0).bytes(body);
    told(ask.call("messages", "send", &message.finish())?)
}

fn post(ask: &mut Ask<'_>, url: &str, body: &[u8]) -> Result<Option<String>, End> {
    let mut message = Writer::new();
    message.text(url).count(0).bytes(body);
    told(ask.call("messages", "post", &message.finish())?)
}

fn told(answer: Vec<u8>) -> Result<Option<String>, End> {
    let refusal = Reader::new(&answer).optional_text().unwrap();
    Ok(refusal.map(str::to_owned))
}

fn of(name: &str) -> Namespace {
    Namespace {
        address: samples::key(1).public().address(),
        name: name.parse().unwrap(),
    }
}

fn messages(node: &Node, name: &str) -> Vec<ShownMessage> {
    node.execution.messages(&of(name)).unwrap()
}

/// Waits until this holds, for a few seconds.
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never came to that");
}

/// A program that adds up what it is sent, once for each id, and can be told to answer another status.
async fn publish_adder(node: &Node, status: Arc<AtomicUsize>) {
    node.publish("adder", &["clock", "kv"], move |ask| {
        if ask.path()? == "/sum" {
            let sum = ask
                .get("sum")?
                .map_or(0, |sum| i64::from_le_bytes(sum[8..].try_into().unwrap()));
            return Ok(response(200, &sum.to_string()));
        }
        // What it answers changes from outside, so nothing of it may be remembered.
        ask.call("clock", "now", b"")?;
        let id = ask.text_call("request", "header", "cop-message")?;
        let id = Reader::new(&id)
            .optional_text()
            .unwrap()
            .unwrap()
            .to_owned();
        let status = status.load(Ordering::Relaxed);
        if status == 0 {
            return Err(trap(TrapKind::Panic, [0, 0]));
        }
        if status == 200 && ask.get(&id)?.is_none() {
            let body = ask.call("request", "body", b"")?;
            let number: i64 = std::str::from_utf8(Reader::new(&body).bytes().unwrap())
                .unwrap()
                .parse()
                .unwrap();
            ask.set(&id, b"")?;
            ask.add("sum", number)?;
        }
        Ok(response(status as i64, ""))
    })
    .await;
}

#[tokio::test]
async fn a_message_goes_with_the_writes_and_arrives_after() {
    let node = Node::new();
    publish_adder(&node, Arc::new(AtomicUsize::new(200))).await;
    node.publish("sender", &["kv", "messages"], |ask| {
        let path = ask.path()?;
        assert_eq!(send(ask, "adder", "/add", b"5")?, None);
        assert_eq!(send(ask, "adder", "/add", b"7")?, None);
        // No part of what a program sees of its store.
        assert!(ask.keys("", 10)?.iter().all(|key| key == "k"));
        match path.as_str() {
            "/trap" => Err(trap(TrapKind::Panic, [0, 0])),
            "/abort" => Err(match ask.call("run", "abort", &response(400, "no")) {
                Err(end) => end,
                Ok(_) => unreachable!(),
            }),
            _ => {
                ask.set("k", b"v")?;
                Ok(response(200, "sent"))
            }
        }
    })
    .await;
    // Nothing is delivered before somebody is there to do so.
    assert!(get(&node, "sender", "/a").await.unwrap().info.wrote);
    assert_eq!(messages(&node, "sender").len(), 2);
    assert_eq!(
        get(&node, "sender", "/trap").await.unwrap_err().code,
        FailureCode::Trapped
    );
    assert_eq!(get(&node, "sender", "/abort").await.unwrap().status, 400);
    assert_eq!(messages(&node, "sender").len(), 2);
    // A remembered outcome sends anew, under names of its own.
    get(&node, "sender", "/a").await.unwrap();
    let waiting = messages(&node, "sender");
    assert_eq!(waiting.len(), 4);
    assert!(
        waiting
            .iter()
            .all(|message| !message.is_dead && message.to.ends_with("/adder"))
    );
    node.execution.deliver_messages().await.unwrap();
    until(|| messages(&node, "sender").is_empty()).await;
    assert_eq!(text(&get(&node, "adder", "/sum").await.unwrap()), "24");
    get(&node, "sender", "/b").await.unwrap();
    until(|| messages(&node, "sender").is_empty()).await;
    assert_eq!(text(&get(&node, "adder", "/sum").await.unwrap()), "36");
    let state = node.execution.state(&of("sender"), "", None, 10).unwrap();
    assert_eq!(state.keys.len(), 1, "{:?}", state.keys);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_after_a_restart_too() {
    let node = Node::new();
    let status = Arc::new(AtomicUsize::new(500));
    publish_adder(&node, status.clone()).await;
    node.publish("sender", &["messages"], |ask| {
        ask.path()?;
        send(ask, "adder", "/add", b"1")?;
        Ok(response(200, "sent"))
    })
    .await;
    node.execution.deliver_messages().await.unwrap();
    get(&node, "sender", "/").await.unwrap();
    until(|| messages(&node, "sender")[0].attempts == 1).await;
    let waiting = messages(&node, "sender");
    assert_eq!(waiting[0].trouble, "it was answered 500");
    let node = node.restart().await;
    status.store(200, Ordering::Relaxed);
    assert_eq!(messages(&node, "sender"), waiting);
    node.execution.deliver_messages().await.unwrap();
    until(|| messages(&node, "sender").is_empty()).await;
    assert_eq!(text(&get(&node, "adder", "/sum").await.unwrap()), "1");
    assert_eq!(node.execution.health().messages, 0);
}

#[tokio::test]
async fn what_cannot_be_delivered_is_kept_for_the_owner() {
    let node = Node::new();
    let status = Arc::new(AtomicUsize::new(410));
    publish_adder(&node, status.clone()).await;
    node.publish("sender", &["messages"], |ask| {
        ask.path()?;
        send(ask, "adder", "/add", b"3")?;
        Ok(response(200, "sent"))
    })
    .await;
    node.execution.deliver_messages().await.unwrap();
    get(&node, "sender", "/").await.unwrap();
    until(|| messages(&node, "sender")[0].is_dead).await;
    let dead = messages(&node, "sender").remove(0);
    assert_eq!((dead.attempts, &*dead.trouble), (1, "it was answered 410"));
    assert!(
        !node
            .execution
            .retry_message(&of("sender"), "nothing")
            .await
            .unwrap()
    );
    status.store(200, Ordering::Relaxed);
    assert!(
        node.execution
            .retry_message(&of("sender"), &dead.id)
            .await
            .unwrap()
    );
    until(|| messages(&node, "sender").is_empty()).await;
    assert_eq!(text(&get(&node, "adder", "/sum").await.unwrap()), "3");
    // One that traps is tried again: somebody may mend it.
    status.store(0, Ordering::Relaxed);
    get(&node, "sender", "/").await.unwrap();
    until(|| messages(&node, "sender")[0].attempts == 1).await;
    assert!(messages(&node, "sender")[0].trouble.contains("Panic"));
}

#[derive(Default)]
struct Server(Mutex<Vec<Fetch>>);

impl Outbound for Server {
    fn fetch(&self, fetch: Fetch) -> Fetching<'_> {
        self.0.lock().unwrap().push(fetch);
        Box::pin(async {
            Ok(Reply {
                status: 202,
                ..Reply::default()
            })
        })
    }
}

#[tokio::test]
async fn servers_outside_are_those_of_the_manifest() {
    let node = Node::new();
    let server = Arc::new(Server::default());
    node.execution.reach_out(server.clone());
    node.execution.deliver_messages().await.unwrap();
    node.publish("poster", &["http", "messages"], |ask| {
        ask.path()?;
        let url = ask.query("url")?.unwrap();
        let refused = post(ask, &url, b"hi")?;
        Ok(response(200, &refused.unwrap_or_default()))
    })
    .await;
    let refused = get(&node, "poster", "/?url=https://other.example/")
        .await
        .unwrap_err();
    assert_eq!(refused.code, FailureCode::Denied);
    assert!(
        refused
            .hint
            .as_deref()
            .unwrap()
            .contains("\"https://other.example\"]`")
    );
    assert_eq!(messages(&node, "poster"), []);
    let told = get(&node, "poster", "/?url=nonsense").await.unwrap();
    assert!(text(&told).contains("no URL"));
    let sent = get(&node, "poster", "/?url=https://listed.example/x")
        .await
        .unwrap();
    until(|| messages(&node, "poster").is_empty()).await;
    let seen = server.0.lock().unwrap();
    assert_eq!(
        (&*seen[0].method, &seen[0].body[..], seen.len()),
        ("POST", &b"hi"[..], 1)
    );
    let id = format!("{}-0", sent.info.run);
    assert_eq!(seen[0].headers, [("idempotency-key".to_owned(), id)]);
}

#[tokio::test]
async fn messages_are_bounded_and_the_nodes_keys_are_its_own() {
    let node = Node::new();
    publish_adder(&node, Arc::new(AtomicUsize::new(200))).await;
    node.publish("sender", &["kv", "messages"], |ask| {
        match ask.path()?.as_str() {
            "/own" => {
                let key = format!("{}out/x", cop_runtime::host::kv::RESERVED);
                assert!(ask.set(&key, b"x")?.unwrap().contains("the node's own"));
                assert_eq!(ask.get(&key)?, None);
                assert_eq!(
                    ask.keys(cop_runtime::host::kv::RESERVED, 10)?,
                    Vec::<String>::new()
                );
                Ok(response(200, "own"))
            }
            "/many" => {
                for _ in 0..100 {
                    send(ask, "adder", "/add", b"1")?;
                }
                Ok(response(200, "sent"))
            }
            _ => {
                for _ in 0..101 {
                    send(ask, "adder", "/add", b"1")?;
                }
                Ok(response(200, "sent"))
            }
        }
    })
    .await;
    let beyond = get(&node, "sender", "/101").await.unwrap_err();
    assert_eq!(beyond.trap.as_ref().unwrap().name, "WriteLimit");
    for _ in 0..10 {
        get(&node, "sender", "/many").await.unwrap();
    }
    assert_eq!(text(&get(&node, "sender", "/own").await.unwrap()), "own");
    let full = get(&node, "sender", "/many").await.unwrap_err();
    assert_eq!(full.code, FailureCode::Quota);
    assert_eq!(messages(&node, "sender").len(), 1_000);
    node.execution.deliver_messages().await.unwrap();
    until(|| messages(&node, "sender").is_empty()).await;
    assert_eq!(text(&get(&node, "adder", "/sum").await.unwrap()), "1000");
}

#[tokio::test]
async fn a_run_that_sent_is_replayed_and_sends_nothing() {
    let node = Node::new();
    let bundle = node.bundle("sender", &["messages"], |ask| {
        ask.path()?;
        send(ask, "adder", "/add", b"1")?;
        Ok(response(200, "sent"))
    });
    let (signed, encoded) = (node.sign("sender", &bundle).encode(), bundle.encode());
    node.execution.publish(&signed, &encoded).await.unwrap();
    let answer = get(&node, "sender", "/").await.unwrap();
    let recorded = node
        .execution
        .recorded_run(&answer.info.run, false)
        .unwrap();
    let recorded = RecordedRun::decode(&recorded.encode()).unwrap();
    let ready = cop_runtime::library::ReadyProgram::of_bundle(&*node.engine, &bundle).unwrap();
    let again = recorded.replay(&*ready.program).unwrap();
    assert_eq!(again.outcome_hash(), recorded.outcome);
    assert_eq!(
        (again.writes.len(), messages(&node, "sender").len()),
        (1, 1)
    );
}
