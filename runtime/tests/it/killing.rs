//! A node that is killed while it writes. The test starts itself as a child, which counts upwards and says each number that was
//! acknowledged; then it is killed at some instant, and what it had said must be there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cop_runtime::{Execution, WebRequest};

use crate::samples::Seed;
use crate::scripted::{Ask, Node, ScriptedEngine, config, program, response};

const FOLDER: &str = "COP_TEST_KILLED_FOLDER";

/// Counts in two keys, which must never differ.
fn script(ask: &mut Ask<'_>) -> Result<Vec<u8>, cop_runtime::engine::End> {
    let path = ask.path()?;
    let read =
        |value: Option<Vec<u8>>| value.map_or(0, |n| u64::from_le_bytes(n.try_into().unwrap()));
    let (one, two) = (read(ask.get("one")?), read(ask.get("two")?));
    if path == "/count" {
        ask.set("one", &(one + 1).to_le_bytes())?;
        ask.set("two", &(two + 1).to_le_bytes())?;
    }
    Ok(response(200, &format!("{one} {two}")))
}

fn open(folder: &Path) -> Execution {
    let engine = Arc::new(ScriptedEngine::default());
    engine.know("counter", script);
    Execution::with_engine(folder, config(), engine).unwrap()
}

async fn ask(execution: &Execution, path: &str) -> u64 {
    let answer = execution
        .run_web(&program("counter"), WebRequest::get(path))
        .await
        .unwrap();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let (one, two) = body.split_once(' ').unwrap();
    assert_eq!(one, two, "both keys or none");
    one.parse().unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let execution = open(Path::new(&folder));
        loop {
            let before = ask(&execution, "/count").await;
            // After an interval every count up to here is on disk.
            println!("acknowledged {}", before + 1);
            std::io::stdout().flush().unwrap();
        }
    }
    let node = Node::new();
    node.publish("counter", &["kv"], script).await;
    let folder = node.stop().await;
    let mut seed = Seed(11);
    let mut counted = 0;
    for _ in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "killing::nothing_acknowledged_is_lost",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = counted;
        let mut note = |line: String| {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = number.parse().unwrap();
                return true;
            }
            false
        };
        // The first one shows that the child is up.
        while !note(lines.next().expect("the child says something").unwrap()) {}
        std::thread::sleep(Duration::from_millis(seed.next() % 60));
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(Ok(line)) = lines.next() {
            note(line);
        }
        let execution = open(folder.path());
        let found = ask(&execution, "/").await;
        assert!(
            found >= acknowledged,
            "{found} is there, {acknowledged} was acknowledged"
        );
        assert!(
            found <= acknowledged + 1,
            "{found} is there, {acknowledged} was acknowledged"
        );
        counted = found;
    }
    assert!(counted >= 6);
}
