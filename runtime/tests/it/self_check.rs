//! One run in so many is done again in the other engine. That the two differ is planted: the scripted engine has another script
//! for the other engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cop_bytecode::TrapKind;
use cop_runtime::self_check::{EVIDENCE_FOLDER, SelfCheckFigures};
use cop_runtime::{ExecutionConfig, ProgramRef, RecordedRun, WebRequest};

use crate::samples;
use crate::scripted::{Node, config, response, trap};

fn node(every: u64) -> Node {
    Node::with_config(ExecutionConfig {
        self_check: every,
        ..config()
    })
}

async fn ask(node: &Node, program: &ProgramRef, target: &str) -> String {
    let asked = node.execution.run_web(program, WebRequest::get(target));
    String::from_utf8(asked.await.unwrap().body.to_vec()).unwrap()
}

/// What has come of checking when so many chosen runs are done with.
async fn settled(node: &Node, chosen: u64) -> SelfCheckFigures {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let figures = node.execution.health().self_check;
        if figures.checked + figures.left_out >= chosen || Instant::now() > until {
            return figures;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn evidence(node: &Node) -> Vec<std::path::PathBuf> {
    let folder = node.folder.path().join(EVIDENCE_FOLDER);
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn one_run_in_so_many_is_done_again() {
    let node = node(3);
    let runs = Arc::new(AtomicUsize::new(0));
    let again = runs.clone();
    let page = node
        .publish("page", &["kv"], |ask| {
            let path = ask.path()?;
            let seen = ask.get("seen")?.unwrap_or_default();
            ask.set("seen", path.as_bytes())?;
            let seen = String::from_utf8(seen).unwrap();
            Ok(response(200, &format!("{path} after {seen}")))
        })
        .await;
    // The other engine is told what the run was told, whatever the store holds by now.
    node.engine.know_other("page", move |ask| {
        again.fetch_add(1, Ordering::Relaxed);
        let path = ask.path()?;
        let seen = ask.get("seen")?.unwrap_or_default();
        ask.set("seen", path.as_bytes())?;
        let seen = String::from_utf8(seen).unwrap();
        Ok(response(200, &format!("{path} after {seen}")))
    });
    for n in 0..9 {
        ask(&node, &page, &format!("/{n}")).await;
        settled(&node, (n + 1) / 3).await;
    }
    let expected = SelfCheckFigures {
        checked: 3,
        ..SelfCheckFigures::default()
    };
    assert_eq!(settled(&node, 3).await, expected);
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    // What was answered from the cache is no run.
    assert_eq!(ask(&node, &page, "/8").await, "/8 after /8");
    assert_eq!(ask(&node, &page, "/8").await, "/8 after /8");
    assert_eq!(node.execution.health().cache_hits, 1);
    assert!(evidence(&node).is_empty());
}

#[tokio::test]
async fn a_difference_ends_machine_code_for_the_program_and_is_kept() {
    let node = node(1);
    let page = node
        .publish("page", &[], |ask| Ok(response(200, &ask.path()?)))
        .await;
    let other = node
        .publish("other", &[], |ask| Ok(response(200, &ask.path()?)))
        .await;
    // A planted miscompilation: one path in four comes out wrong.
    node.engine.know_other("page", |ask| {
        let path = ask.path()?;
        Ok(response(200, if path == "/3" { "/4" } else { &path }))
    });
    node.engine
        .know_other("other", |ask| Ok(response(200, &ask.path()?)));
    for n in 0..4 {
        assert_eq!(ask(&node, &page, &format!("/{n}")).await, format!("/{n}"));
        settled(&node, n + 1).await;
    }
    assert_eq!(ask(&node, &other, "/3").await, "/3");
    let figures = settled(&node, 5).await;
    assert_eq!((figures.checked, figures.differences), (5, 1));
    assert_eq!(node.engine.distrusted(), ["page"]);
    // What was remembered may be wrong, and is asked for again.
    let runs = node.execution.health().runs;
    ask(&node, &page, "/0").await;
    assert_eq!(node.execution.health().runs, runs + 1);

    let files = evidence(&node);
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    let recorded = RecordedRun::decode(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(recorded.request, "GET /3");
    assert_eq!(recorded.sealed, None, "nothing of it is private");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // The node remembers when it starts again, until the evidence is removed.
    let node = node.restart().await;
    assert_eq!(ask(&node, &page, "/0").await, "/0");
    assert_eq!(node.engine.distrusted(), ["page", "page"]);
    std::fs::remove_file(file).unwrap();
    let node = node.restart().await;
    assert_eq!(ask(&node, &page, "/0").await, "/0");
    assert_eq!(node.engine.distrusted(), ["page", "page"]);
}

#[tokio::test]
async fn asking_something_else_is_a_difference_and_a_trap_of_the_host_is_none() {
    let node = node(1);
    let asks = node
        .publish("asks", &["kv"], |ask| {
            ask.get("a")?;
            Ok(response(200, "a"))
        })
        .await;
    node.engine.know_other("asks", |ask| {
        ask.get("b")?;
        Ok(response(200, "a"))
    });
    ask(&node, &asks, "/").await;
    let figures = settled(&node, 1).await;
    assert_eq!((figures.checked, figures.differences), (1, 1));

    let script = |ask: &mut crate::scripted::Ask<'_>| {
        ask.call("random", "bytes", &[0xff; 9])?;
        Err(trap(TrapKind::Panic, [0, 0]))
    };
    let traps = node.publish("traps", &["random"], script).await;
    node.engine.know_other("traps", script);
    let asked = node.execution.run_web(&traps, WebRequest::get("/"));
    assert!(asked.await.is_err());
    let figures = settled(&node, 2).await;
    assert_eq!((figures.left_out, figures.differences), (1, 1));
}

#[tokio::test]
async fn nothing_is_checked_while_there_is_much_to_do() {
    let node = node(1);
    let held = Arc::new(AtomicBool::new(true));
    let waits = held.clone();
    let slow = node
        .publish("slow", &[], move |ask| {
            let path = ask.path()?;
            while path != "/quick" && waits.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(response(200, &path))
        })
        .await;
    node.engine
        .know_other("slow", |ask| Ok(response(200, &ask.path()?)));
    // Three of six workers are busy for longer than a check waits.
    let busy: Vec<_> = (0..3)
        .map(|n| {
            let (execution, slow) = (node.execution.clone(), slow.clone());
            tokio::spawn(async move {
                let target = format!("/{n}");
                execution.run_web(&slow, WebRequest::get(&target)).await
            })
        })
        .collect();
    while node.execution.health().running < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The program has its share of workers; another one is quick.
    let quick = node
        .publish("quick", &[], |ask| Ok(response(200, &ask.path()?)))
        .await;
    node.engine
        .know_other("quick", |ask| Ok(response(200, &ask.path()?)));
    ask(&node, &quick, "/").await;
    let figures = settled(&node, 1).await;
    assert_eq!((figures.checked, figures.left_out), (0, 1));
    held.store(false, Ordering::Relaxed);
    for run in busy {
        run.await.unwrap().unwrap();
    }
    let figures = settled(&node, 4).await;
    assert_eq!((figures.checked, figures.differences), (3, 0));
}

#[tokio::test]
async fn no_run_is_checked_where_none_is_to_be() {
    let node = node(0);
    let page = node
        .publish("page", &[], |ask| Ok(response(200, &ask.path()?)))
        .await;
    node.engine
        .know_other("page", |_| Ok(response(200, "wrong")));
    for n in 0..5 {
        ask(&node, &page, &format!("/{n}")).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        node.execution.health().self_check,
        SelfCheckFigures::default()
    );
}

#[tokio::test]
async fn evidence_holds_what_is_private_for_the_publisher_alone() {
    let node = node(1);
    let page = node
        .publish("page", &[], |ask| {
            let body = ask.call("request", "text", b"")?;
            Ok(response(200, &format!("{}", body.len())))
        })
        .await;
    node.engine.know_other("page", |ask| {
        ask.call("request", "text", b"")?;
        Ok(response(200, "wrong"))
    });
    let mut request = WebRequest::get("/");
    request.method = b"POST".to_vec();
    request.body = b"a secret of the asker".to_vec().into();
    node.execution.run_web(&page, request).await.unwrap();
    settled(&node, 1).await;
    let file = std::fs::read(&evidence(&node)[0]).unwrap();
    assert!(!file.windows(8).any(|part| part == b"a secret"));
    let mut recorded = RecordedRun::decode(&file).unwrap();
    assert!(!recorded.clone().open_sealed(&samples::key(2)));
    assert!(recorded.open_sealed(&samples::key(1)));
    let private = recorded.answers.iter().any(|(_, answer)| {
        answer.is_some_and(|answer| answer.windows(8).any(|part| part == b"a secret"))
    });
    assert!(private);
}
