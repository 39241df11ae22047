//! Files of programs on a node: what is remembered of pages that show them, and what the owner sees of them.

use cop_runtime::codec::{Reader, Writer};
use cop_runtime::engine::End;
use cop_runtime::{Cache, FailureCode, Namespace, ProgramRef, Span, WebAnswer, WebRequest};

use crate::samples;
use crate::scripted::{Ask, Node, response};

const PART: usize = 256 << 10;

fn path(path: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.text(path);
    writer.finish()
}

/// The stored value that an answer holds, without its fingerprint.
fn stored(answer: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(answer);
    let is_there = reader.flag().unwrap();
    is_there.then(|| reader.bytes().unwrap()[8..].to_vec())
}

fn info(ask: &mut Ask<'_>, of: &str) -> Result<Option<i64>, End> {
    let head = stored(&ask.call("files", "info", &path(of))?);
    Ok(head.map(|head| Reader::new(&head).int().unwrap()))
}

fn part(ask: &mut Ask<'_>, of: &str, number: i64) -> Result<Option<Vec<u8>>, End> {
    let mut writer = Writer::new();
    writer.text(of).int(number);
    let part = stored(&ask.call("files", "part", &writer.finish())?);
    Ok(part.map(|part| Reader::new(&part).bytes().unwrap().to_vec()))
}

fn list(ask: &mut Ask<'_>, prefix: &str) -> Result<Vec<String>, End> {
    let mut writer = Writer::new();
    writer.text(prefix).optional_text(None);
    writer.optional_text(None).optional_text(None).int(100);
    let answer = ask.call("files", "list", &writer.finish())?;
    Ok(Reader::new(&answer).texts().unwrap())
}

/// What a write is refused with.
fn change(
    ask: &mut Ask<'_>,
    function: &str,
    of: &str,
    content: &[u8],
) -> Result<Option<String>, End> {
    let mut writer = Writer::new();
    writer.text(of);
    if function != "remove" {
        writer.bytes(content);
    }
    let answer = ask.call("files", function, &writer.finish())?;
    let refused = Reader::new(&answer).optional_text().unwrap();
    Ok(refused.map(str::to_owned))
}

/// `/write?f=PATH&v=X&n=COUNT` and the like change files; `/show?f=PATH&p=PART`, `/size?f=PATH` and `/list?f=PREFIX` read them.
async fn archive(node: &Node) -> ProgramRef {
    node.publish("archive", &["files"], |ask| {
        let function = ask.path()?;
        let of = ask.query("f")?.unwrap_or_default();
        let told = match &function[1..] {
            "show" => {
                let number = ask.query("p")?.unwrap_or_default().parse().unwrap_or(0);
                let part = part(ask, &of, number)?;
                part.map_or("none".to_owned(), |part| {
                    format!("{} of {}", part.len(), part[0] as char)
                })
            }
            "size" => format!("{:?}", info(ask, &of)?),
            "list" => list(ask, &of)?.join(" "),
            function => {
                let value = ask.query("v")?.unwrap_or_default();
                let count = ask.query("n")?.unwrap_or_default().parse().unwrap_or(1);
                let content = value.repeat(count);
                format!("{:?}", change(ask, function, &of, content.as_bytes())?)
            }
        };
        Ok(response(200, &told))
    })
    .await
}

async fn get(node: &Node, program: &ProgramRef, target: &str) -> WebAnswer {
    let request = WebRequest::get(target);
    node.execution.run_web(program, request).await.unwrap()
}

/// Asks twice: the second time it is remembered. Whether the first time was, too.
async fn shown(node: &Node, program: &ProgramRef, target: &str, expected: &str) -> bool {
    let first = get(node, program, target).await;
    assert_eq!(first.body, expected, "{target}");
    assert!(first.info.depends.state);
    let again = get(node, program, target).await;
    assert_eq!(
        (again.body, again.info.cache),
        (first.body, Cache::Hit),
        "{target}"
    );
    first.info.cache == Cache::Hit
}

fn namespace() -> Namespace {
    Namespace {
        address: samples::key(1).public().address(),
        name: "archive".parse().unwrap(),
    }
}

#[tokio::test]
async fn pages_rest_on_the_files_that_they_show() {
    let node = Node::new();
    let archive = archive(&node).await;
    let write = format!("/write?f=large&v=a&n={}", PART + 10);
    assert_eq!(get(&node, &archive, &write).await.body, "None");
    get(&node, &archive, "/write?f=b/small&v=b").await;
    let first = format!("{PART} of a");
    let size = format!("Some({})", PART + 10);
    shown(&node, &archive, "/show?f=large&p=0", &first).await;
    shown(&node, &archive, "/show?f=large&p=1", "10 of a").await;
    shown(&node, &archive, "/show?f=b/small", "1 of b").await;
    shown(&node, &archive, "/size?f=large", &size).await;
    shown(&node, &archive, "/list?f=", "b/small large").await;
    shown(&node, &archive, "/list?f=b/", "b/small").await;

    // What was appended drops the size and the last part, and nothing else.
    get(&node, &archive, "/append?f=large&v=c&n=5").await;
    assert!(shown(&node, &archive, "/show?f=large&p=0", &first).await);
    assert!(!shown(&node, &archive, "/show?f=large&p=1", "15 of a").await);
    let grown = format!("Some({})", PART + 15);
    assert!(!shown(&node, &archive, "/size?f=large", &grown).await);
    assert!(shown(&node, &archive, "/show?f=b/small", "1 of b").await);
    assert!(shown(&node, &archive, "/list?f=", "b/small large").await);

    // A new file drops the lists in which it stands.
    get(&node, &archive, "/write?f=c&v=c").await;
    assert!(!shown(&node, &archive, "/list?f=", "b/small c large").await);
    assert!(shown(&node, &archive, "/list?f=b/", "b/small").await);

    // One that is made again is what it was.
    get(&node, &archive, "/remove?f=b/small").await;
    assert!(!shown(&node, &archive, "/show?f=b/small", "none").await);
    get(&node, &archive, "/write?f=b/small&v=b").await;
    assert!(shown(&node, &archive, "/show?f=b/small", "1 of b").await);

    // A shorter content leaves nothing of a longer one behind.
    get(&node, &archive, "/write?f=large&v=d").await;
    assert!(!shown(&node, &archive, "/show?f=large&p=1", "none").await);
    let state = node.execution.state(&namespace(), "", None, 100).unwrap();
    assert_eq!(state.keys.len(), 6, "{:?}", state.keys);
}

#[tokio::test]
async fn the_history_of_a_program_has_its_files() {
    let node = Node::new();
    let archive = archive(&node).await;
    get(&node, &archive, "/write?f=a&v=1").await;
    let second = get(&node, &archive, "/write?f=a&v=2").await;
    let execution = &node.execution;
    let run = Span::Run(second.info.run);
    let difference = execution.state_difference(&namespace(), run).unwrap();
    let (key, before, after) = &difference.keys[0];
    assert_eq!(key, "\u{10ffff}file/a");
    let told = (before.as_deref().unwrap(), after.as_deref().unwrap());
    assert!(told.0.starts_with("{size: 1, hash: \""), "{told:?}");
    assert_ne!(told.0, told.1);
    let part = (
        difference.keys[1].1.as_deref(),
        difference.keys[1].2.as_deref(),
    );
    assert_eq!(part, (Some("b\"1\""), Some("b\"2\"")));

    let export = execution.export_state(&namespace(), None).await.unwrap();
    execution.undo(&namespace(), 2).await.unwrap();
    assert_eq!(get(&node, &archive, "/show?f=a").await.body, "1 of 1");
    let imported = execution.import_state(&namespace(), &export, true).await;
    assert_eq!(imported.unwrap().keys, 2);
    let node = node.restart().await;
    assert_eq!(get(&node, &archive, "/show?f=a").await.body, "1 of 2");
}

#[tokio::test]
async fn who_appends_at_once_loses_nothing() {
    let node = std::sync::Arc::new(Node::new());
    let archive = archive(&node).await;
    let askers: Vec<_> = (0..40)
        .map(|number| {
            let (node, archive) = (node.clone(), archive.clone());
            tokio::spawn(async move {
                let target = format!("/append?f=log&v=x&n={}", 1 + number % 3);
                get(&node, &archive, &target).await
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap().body, "None");
    }
    assert_eq!(get(&node, &archive, "/size?f=log").await.body, "Some(79)");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told() {
    let node = Node::new();
    let archive = archive(&node).await;
    for (target, expected) in [
        ("/write?f=&v=1", "it is empty"),
        ("/write?f=../a&v=1", "no names of files"),
        ("/append?f=/a&v=1", "between single `/`"),
        ("/remove?f=a//b", "between single `/`"),
    ] {
        let answer = get(&node, &archive, target).await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains(expected), "{target}: {body}");
        assert!(!answer.info.wrote);
    }
    for _ in 0..8 {
        let eight = format!("/append?f=large&v=x&n={}", 7 << 20);
        get(&node, &archive, &eight).await;
    }
    get(
        &node,
        &archive,
        &format!("/append?f=large&v=x&n={}", 7 << 20),
    )
    .await;
    let beyond = get(
        &node,
        &archive,
        &format!("/append?f=large&v=x&n={}", 2 << 20),
    )
    .await;
    assert!(String::from_utf8_lossy(&beyond.body).contains("at most 67108864 bytes"));
    let size = get(&node, &archive, "/size?f=large").await;
    assert_eq!(size.body, format!("Some({})", 63 << 20));
    let trapped = WebRequest::get(&format!("/write?f=x&v=x&n={}", 8 << 20));
    let trapped = node.execution.run_web(&archive, trapped).await.unwrap_err();
    assert_eq!(trapped.code, FailureCode::Trapped);
    assert_eq!(get(&node, &archive, "/size?f=x").await.body, "None");
}
