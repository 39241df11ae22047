//! Records of runs on disk: found after a restart, sealed for the publisher, lost one by one and never all.

use cop_bytecode::TrapKind;
use cop_runtime::{Execution, ProgramRef, RunId, WebRequest};

use crate::samples;
use crate::scripted::{Node, response, trap};

async fn ask(execution: &Execution, program: &ProgramRef, target: &str) -> RunId {
    let request = WebRequest {
        headers: vec![(b"cookie".to_vec(), b"sid=secret".to_vec())],
        ..WebRequest::get(target)
    };
    match execution.run_web(program, request).await {
        Ok(answer) => answer.info.run,
        Err(failure) => failure.run.unwrap(),
    }
}

async fn node() -> (Node, ProgramRef) {
    let node = Node::new();
    let program = node
        .publish("diary", &["kv"], |ask| {
            let path = ask.path()?;
            ask.text_call("request", "cookie", "sid")?;
            match path.as_str() {
                "/trap" => return Err(trap(TrapKind::Panic, [0, 0])),
                "/read" => {}
                _ => drop(ask.set("k", b"12345678.")?),
            }
            Ok(response(200, "ok"))
        })
        .await;
    (node, program)
}

#[tokio::test]
async fn runs_that_wrote_or_trapped_are_found_after_a_restart() {
    let (node, program) = node().await;
    let wrote = ask(&node.execution, &program, "/write").await;
    let trapped = ask(&node.execution, &program, "/trap").await;
    let read = ask(&node.execution, &program, "/read").await;
    let before = node.execution.recorded_run(&wrote, true).unwrap();
    let node = node.restart().await;
    assert_eq!(node.execution.recorded_run(&read, true), None);
    assert!(node.execution.recorded_run(&trapped, false).is_some());
    let bare = node.execution.recorded_run(&wrote, false).unwrap();
    assert_eq!(bare.sealed, None);
    assert!(bare.answers.iter().any(|(_, answer)| answer.is_none()));
    // What is private is on disk for the publisher alone.
    let mut sealed = node.execution.recorded_run(&wrote, true).unwrap();
    assert!(!sealed.open_sealed(&samples::key(2)));
    assert!(sealed.open_sealed(&samples::key(1)));
    assert_eq!(sealed, before);
    let folder = node.folder.path().join("runs");
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"secret"));
    }
}

#[tokio::test]
async fn runs_of_a_program_that_wants_none_kept_are_not_on_disk() {
    let node = Node::new();
    let write = |ask: &mut crate::scripted::Ask<'_>| {
        ask.path()?;
        ask.set("k", b"12345678.")?;
        Ok(response(200, "ok"))
    };
    let forgetful = node.publish("forgetful", &["kv"], write).await;
    let other = node.publish("other", &["kv"], write).await;
    let unkept = ask(&node.execution, &forgetful, "/").await;
    let kept = ask(&node.execution, &other, "/").await;
    assert!(node.execution.recorded_run(&unkept, true).is_some());
    let node = node.restart().await;
    assert_eq!(node.execution.recorded_run(&unkept, true), None);
    assert!(node.execution.recorded_run(&kept, true).is_some());
}

#[tokio::test]
async fn a_segment_that_is_cut_is_good_up_to_there() {
    let (node, program) = node().await;
    let first = ask(&node.execution, &program, "/1").await;
    let second = ask(&node.execution, &program, "/2").await;
    let folder = node.stop().await;
    let segment = folder.path().join("runs/0000000001");
    let bytes = std::fs::read(&segment).unwrap();
    for cut in [bytes.len() - 1, bytes.len() / 2 + 30, 19] {
        std::fs::write(&segment, &bytes[..cut]).unwrap();
        let execution = Execution::open(folder.path(), crate::scripted::config()).unwrap();
        let is_there = |run| execution.recorded_run(run, false).is_some();
        assert_eq!(
            (is_there(&first), is_there(&second)),
            (cut > 19, false),
            "{cut}"
        );
        execution.shut_down().await;
    }
}
