//! Programs that ask programs: runs that wait, and what is remembered of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cop_bytecode::limits::{PROGRAM_DEPTH, WAITS};
use cop_runtime::codec::{Reader, Writer};
use cop_runtime::engine::End;
use cop_runtime::{Cache, FailureCode, ProgramRef, RecordedRun, WebAnswer, WebRequest};

use crate::samples;
use crate::scripted::{Ask, Node, config, program, response};

async fn get(node: &Node, name: &str, target: &str) -> Result<WebAnswer, cop_runtime::Failure> {
    let request = WebRequest::get(target);
    node.execution.run_web(&program(name), request).await
}

fn text(answer: &WebAnswer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// What a program says to a `GET`: its body, or why there is none.
fn asked(ask: &mut Ask<'_>, program: &str, target: &str) -> Result<Result<String, String>, End> {
    let mut question = Writer::new();
    question
        .text(program)
        .text("GET")
        .text(target)
        .count(0)
        .bytes(b"");
    let answer = ask.call("program", "ask", &question.finish())?;
    let mut reader = Reader::new(&answer);
    if reader.byte().unwrap() == 1 {
        return Ok(Err(reader.text().unwrap().to_owned()));
    }
    reader.int().unwrap();
    assert_eq!(reader.count().unwrap(), 0);
    reader.texts().unwrap();
    Ok(Ok(
        String::from_utf8(reader.bytes().unwrap().to_vec()).unwrap()
    ))
}

/// A program that keeps a text: `/set?v=…` and `/`.
async fn publish_keeper(node: &Node, name: &str) -> ProgramRef {
    node.publish(name, &["kv"], |ask| match ask.path()?.as_str() {
        "/set" => {
            let value = ask.query("v")?.unwrap_or_default();
            ask.set("k", value.as_bytes())?;
            Ok(response(200, "set"))
        }
        _ => {
            let value = ask.get("k")?.unwrap_or_default();
            Ok(response(200, &String::from_utf8(value).unwrap()))
        }
    })
    .await
}

#[tokio::test]
async fn a_page_that_asks_is_right_as_long_as_the_other_answers_the_same() {
    let node = Node::new();
    publish_keeper(&node, "keeper").await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    node.publish("page", &["program"], move |ask| {
        counted.fetch_add(1, Ordering::Relaxed);
        ask.path()?;
        let said = asked(ask, "keeper", "/")?.unwrap();
        Ok(response(200, &format!("it says {said}")))
    })
    .await;
    for (value, cache) in [("1", Cache::Miss), ("2", Cache::Miss), ("1", Cache::Hit)] {
        get(&node, "keeper", &format!("/set?v={value}"))
            .await
            .unwrap();
        let first = get(&node, "page", "/").await.unwrap();
        assert_eq!(text(&first), format!("it says {value}"));
        assert_eq!(first.info.cache, cache);
        assert!(first.info.depends.state && !first.info.wrote);
        // The fuel is that of one run, however many attempts it took.
        assert_eq!(first.info.fuel_used, 200);
        for _ in 0..3 {
            let again = get(&node, "page", "/").await.unwrap();
            assert_eq!(
                (again.info.cache, again.body),
                (Cache::Hit, first.body.clone())
            );
        }
    }
    // The very first run waited. The second was asked for by a walk, which got the answer before.
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
    assert_eq!(node.execution.health().waiting, 0);
}

#[tokio::test]
async fn why_there_is_no_answer_is_an_answer() {
    let node = Node::new();
    publish_keeper(&node, "keeper").await;
    node.publish("traps", &[], |_| {
        Err(crate::scripted::trap(cop_bytecode::TrapKind::Panic, [0, 0]))
    })
    .await;
    node.publish("page", &["program"], |ask| {
        ask.path()?;
        let (whom, target) = (ask.query("whom")?.unwrap(), ask.query("at")?.unwrap());
        let said = asked(ask, &whom, &target)?;
        Ok(response(200, &format!("{said:?}")))
    })
    .await;
    let whole = format!("{}/keeper@1", samples::key(1).public().address());
    for (whom, target, expected) in [
        ("keeper", "/", "Ok(\"\")"),
        (&*whole, "/", "Ok(\"\")"),
        ("nobody", "/", "there is no such program here"),
        ("No Body", "/", "names no program"),
        ("traps", "/", "the program trapped: Panic"),
        ("keeper", "/%2", "the request has no clear meaning"),
        ("keeper", "/set", "writes nothing"),
    ] {
        let target = target.replace('%', "%25");
        let target = format!("/?whom={whom}&at={target}");
        let answer = get(&node, "page", &target).await.unwrap();
        assert!(text(&answer).contains(expected), "{}", text(&answer));
    }
    // What it would have written is not there.
    let state = node.execution.state(
        &cop_runtime::Namespace {
            address: samples::key(1).public().address(),
            name: "keeper".parse().unwrap(),
        },
        "",
        None,
        10,
    );
    assert_eq!(state.unwrap().keys, []);
}

#[tokio::test]
async fn depth_is_bounded_and_a_circle_ends() {
    let node = Node::new();
    node.publish("echo", &["program"], |ask| {
        ask.path()?;
        let left: u32 = ask.query("left")?.unwrap().parse().unwrap();
        if left == 0 {
            return Ok(response(200, "bottom"));
        }
        let below = asked(ask, "echo", &format!("/?left={}", left - 1))?;
        Ok(response(200, &format!("{below:?}")))
    })
    .await;
    let deepest = get(&node, "echo", &format!("/?left={PROGRAM_DEPTH}"))
        .await
        .unwrap();
    assert!(text(&deepest).contains("bottom"));
    let beyond = get(&node, "echo", "/?left=9").await.unwrap();
    assert!(
        text(&beyond).contains("CallDepthLimit"),
        "{}",
        text(&beyond)
    );
    // The same program traps at one depth and answers at another: depth is an answer that it was told.
    let alone = get(&node, "echo", "/?left=5").await.unwrap();
    assert!(text(&alone).contains("CallDepthLimit"));
    let shallow = get(&node, "echo", "/?left=1").await.unwrap();
    assert_eq!(text(&shallow), "Ok(\"bottom\")");
    assert_eq!(node.execution.health().disagreements, 0);
}

#[tokio::test]
async fn waits_and_their_fuel_are_bounded() {
    let node = Node::new();
    node.publish("answers", &[], |ask| Ok(response(200, &ask.path()?)))
        .await;
    node.publish("page", &["program"], |ask| {
        ask.path()?;
        let times: usize = ask.query("times")?.unwrap().parse().unwrap();
        for number in 0..times {
            asked(ask, "answers", &format!("/{number}"))?.unwrap();
        }
        Ok(response(200, "done"))
    })
    .await;
    let most = get(&node, "page", &format!("/?times={WAITS}"))
        .await
        .unwrap();
    assert_eq!(text(&most), "done");
    let beyond = get(&node, "page", &format!("/?times={}", WAITS + 1))
        .await
        .unwrap_err();
    assert_eq!(beyond.code, FailureCode::TooMany);
    assert_eq!(beyond.code.http_status(), 429);
    // A program that wastes its fuel before it asks: each attempt uses all that one run may.
    node.publish("wastes", &["program"], |ask| {
        for _ in 0..9_000 {
            ask.call("log", "append", &[0])?;
        }
        for number in 0..9 {
            asked(ask, "answers", &format!("/{number}"))?.unwrap();
        }
        Ok(response(200, "done"))
    })
    .await;
    let wastes = get(&node, "wastes", "/").await.unwrap_err();
    assert_eq!(wastes.code, FailureCode::TooMany);
    assert!(wastes.detail.contains("4 times its limit"), "{wastes}");
}

#[tokio::test]
async fn what_is_asked_for_one_request_has_a_budget() {
    let node = Node::new();
    // 900,000 of its 1,000,000.
    node.publish("costly", &["program"], |ask| {
        let path = ask.path()?;
        for _ in 0..9_000 {
            ask.call("log", "append", &[0])?;
        }
        Ok(response(200, &path))
    })
    .await;
    node.publish("page", &["program"], |ask| {
        ask.path()?;
        for number in 0..9 {
            asked(ask, "costly", &format!("/{number}"))?.unwrap();
        }
        Ok(response(200, "done"))
    })
    .await;
    let spent = get(&node, "page", "/").await.unwrap_err();
    assert_eq!(spent.code, FailureCode::BudgetSpent, "{spent}");
    assert_eq!(spent.tried, ["the program costly"]);
    // What was remembered meanwhile costs nothing any more.
    assert_eq!(text(&get(&node, "page", "/").await.unwrap()), "done");
}

#[tokio::test]
async fn while_many_wait_others_are_served() {
    let node = Node::new();
    assert_eq!(config().workers, 6);
    let gate = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let closed = gate.clone();
    node.publish("slow", &[], move |ask| {
        let path = ask.path()?;
        while !closed.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(response(200, &path))
    })
    .await;
    node.publish("page", &["program"], |ask| {
        let path = ask.path()?;
        Ok(response(200, &asked(ask, "slow", &path)?.unwrap()))
    })
    .await;
    node.publish("quick", &[], |ask| Ok(response(200, &ask.path()?)))
        .await;
    let waiting: Vec<_> = (0..10)
        .map(|number| {
            let execution = node.execution.clone();
            let target = format!("/{number}");
            tokio::spawn(async move {
                let request = WebRequest::get(&target);
                execution.run_web(&program("page"), request).await
            })
        })
        .collect();
    while node.execution.health().waiting < 10 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Three workers run `slow`, which is its share; the others are free, though ten runs wait.
    assert_eq!(text(&get(&node, "quick", "/x").await.unwrap()), "/x");
    gate.store(true, Ordering::Relaxed);
    for (number, answer) in waiting.into_iter().enumerate() {
        assert_eq!(text(&answer.await.unwrap().unwrap()), format!("/{number}"));
    }
    assert_eq!(node.execution.health().waiting, 0);
}

#[tokio::test]
async fn deadlines_and_shutting_down_end_a_wait() {
    let node = Node::new();
    node.publish("slow", &[], |ask| {
        ask.path()?;
        std::thread::sleep(Duration::from_millis(400));
        Ok(response(200, "late"))
    })
    .await;
    node.publish("page", &["program"], |ask| {
        let path = ask.path()?;
        Ok(response(200, &asked(ask, "slow", &path)?.unwrap()))
    })
    .await;
    let mut request = WebRequest::get("/a");
    request.deadline = Some(Instant::now() + Duration::from_millis(60));
    let late = node.execution.run_web(&program("page"), request).await;
    assert_eq!(late.unwrap_err().code, FailureCode::Deadline);
    let execution = node.execution.clone();
    let waits = tokio::spawn(async move {
        let request = WebRequest::get("/b");
        execution.run_web(&program("page"), request).await
    });
    while node.execution.health().waiting == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    node.execution.shut_down().await;
    let refused = waits.await.unwrap().unwrap_err();
    assert_eq!(refused.code, FailureCode::Overloaded);
    assert!(refused.detail.contains("no new requests"), "{refused}");
}

/// What a run was told by another program is on its record: it can be done again without that program.
#[tokio::test]
async fn a_run_that_asked_is_replayed_alone() {
    let node = Node::new();
    publish_keeper(&node, "keeper").await;
    get(&node, "keeper", "/set?v=then").await.unwrap();
    let bundle = node.bundle("page", &["program", "random"], |ask| {
        let mut eight = Writer::new();
        eight.int(8);
        let random = ask.call("random", "bytes", &eight.finish())?;
        let said = asked(ask, "keeper", "/")?.unwrap();
        Ok(response(200, &format!("{said} {random:?}")))
    });
    let signed = node.sign("page", &bundle);
    let (signed, encoded) = (signed.encode(), bundle.encode());
    node.execution.publish(&signed, &encoded).await.unwrap();
    let answer = get(&node, "page", "/").await.unwrap();
    assert!(text(&answer).starts_with("then "));
    let recorded = node
        .execution
        .recorded_run(&answer.info.run, false)
        .unwrap();
    let recorded = RecordedRun::decode(&recorded.encode()).unwrap();
    get(&node, "keeper", "/set?v=now").await.unwrap();
    let ready = cop_runtime::library::ReadyProgram::of_bundle(&*node.engine, &bundle).unwrap();
    let again = recorded.replay(&*ready.program).unwrap();
    assert_eq!(again.outcome_hash(), recorded.outcome);
    assert_eq!(again.transcript.hash(), recorded.transcript);
}

/// A run that writes and asks, under contention: what it was told is kept over its attempts, and nothing is lost.
#[tokio::test]
async fn runs_that_ask_and_write_side_by_side_lose_nothing() {
    let node = Node::new();
    node.publish("one", &[], |ask| {
        ask.path()?;
        Ok(response(200, "1"))
    })
    .await;
    node.publish("counter", &["kv", "program"], |ask| {
        ask.path()?;
        let step: u64 = asked(ask, "one", "/")?.unwrap().parse().unwrap();
        let stored = ask
            .get("n")?
            .map_or(0, |n| u64::from_le_bytes(n.try_into().unwrap()));
        ask.set("n", &(stored + step).to_le_bytes())?;
        Ok(response(200, &(stored + step).to_string()))
    })
    .await;
    let runs: Vec<_> = (0..64)
        .map(|_| {
            let execution = node.execution.clone();
            tokio::spawn(async move {
                let request = WebRequest::get("/");
                execution.run_web(&program("counter"), request).await
            })
        })
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for run in runs {
        let answer = run.await.unwrap().unwrap();
        assert!(seen.insert(text(&answer).parse::<u64>().unwrap()));
    }
    assert_eq!((seen.len(), seen.last()), (64, Some(&64)));
}
