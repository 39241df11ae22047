//! What is remembered outlives the process, and only what is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cop_runtime::{Cache, ExecutionConfig, Namespace, ProgramRef, WebRequest};
use redb::{Database, ReadableTable, TableDefinition};

use crate::samples::key;
use crate::scripted::{Ask, Node, config, program, response};

const OUTCOMES: TableDefinition<(&[u8; 32], &str, u64), &[u8]> = TableDefinition::new("outcomes");

fn script(ask: &mut Ask<'_>) -> Result<Vec<u8>, cop_runtime::engine::End> {
    let path = ask.path()?;
    let count = ask.get("count")?.map_or(0, |count| count.len());
    match path.as_str() {
        "/write" => {
            ask.set("count", &vec![1; count + 1])?;
        }
        "/cookie" => {
            ask.text_call("request", "cookie", "sid")?;
        }
        "/twice" => {
            ask.query("page")?;
        }
        _ => {}
    }
    Ok(response(200, &format!("{path} {count}")))
}

async fn ask(node: &Node, of: &ProgramRef, path: &str) -> (Cache, String) {
    let answer = node.execution.run_web(of, WebRequest::get(path)).await;
    let answer = answer.unwrap();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    (answer.info.cache, body)
}

fn kept(node: &Node, name: &str) -> u64 {
    let namespace = Namespace {
        address: key(1).public().address(),
        name: name.parse().unwrap(),
    };
    node.execution.remembered(&namespace).unwrap().kept.records
}

#[tokio::test]
async fn what_is_remembered_is_remembered_after_a_restart() {
    let node = Node::new();
    let visits = node.publish("visits", &["kv"], script).await;
    for path in ["/", "/write", "/", "/twice?page=3", "/cookie"] {
        assert_eq!(ask(&node, &visits, path).await.0, Cache::Miss, "{path}");
    }
    let node = node.restart().await;
    assert_eq!(
        kept(&node, "visits"),
        4,
        "a cookie is nobody's but the asker's"
    );
    for (path, cache, body) in [
        ("/", Cache::Hit, "/ 1"),
        ("/twice?page=3", Cache::Hit, "/twice 1"),
        ("/twice?page=4", Cache::Miss, "/twice 1"),
        ("/cookie", Cache::Miss, "/cookie 1"),
        // The write was made when nothing was there; now it is another question's answer.
        ("/write", Cache::Miss, "/write 1"),
        ("/", Cache::Miss, "/ 2"),
    ] {
        assert_eq!(
            ask(&node, &visits, path).await,
            (cache, body.to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn damaged_records_are_as_if_they_were_not_there() {
    let node = Node::new();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let page = move |ask: &mut Ask<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        script(ask)
    };
    node.publish("visits", &["kv"], page).await;
    for at in 0..8 {
        ask(&node, &program("visits"), &format!("/{at}")).await;
    }
    let engine = node.engine.clone();
    let folder = node.stop().await;
    {
        let database = Database::create(folder.path().join("store.redb")).unwrap();
        let write = database.begin_write().unwrap();
        let mut outcomes = write.open_table(OUTCOMES).unwrap();
        let rows: Vec<_> = outcomes
            .iter()
            .unwrap()
            .map(|row| {
                let (key, value) = row.unwrap();
                let (program, entry, number) = key.value();
                (*program, entry.to_owned(), number, value.value().to_vec())
            })
            .collect();
        assert_eq!(rows.len(), 8);
        for (at, (program, entry, number, mut record)) in rows.into_iter().enumerate().take(5) {
            match at {
                // One of a format to come, one that is cut off, and bits turned over.
                0 => record[4] += 1,
                1 => record.truncate(record.len() / 2),
                _ => record[at * 7] ^= 1,
            }
            let at = (&program, entry.as_str(), number);
            outcomes.insert(at, record.as_slice()).unwrap();
        }
        drop(outcomes);
        write.commit().unwrap();
    }
    let execution = cop_runtime::Execution::with_engine(folder.path(), config(), engine).unwrap();
    let before = runs.load(Ordering::Relaxed);
    for at in 0..8 {
        let asked = WebRequest::get(&format!("/{at}"));
        let answer = execution.run_web(&program("visits"), asked).await.unwrap();
        assert_eq!(answer.body, format!("/{at} 0"));
    }
    assert_eq!(runs.load(Ordering::Relaxed) - before, 5);
}

#[tokio::test]
async fn what_is_kept_on_disk_is_bounded() {
    // A hundredth of the cache, but at least 4 MiB, is a program's share.
    let node = Node::with_config(ExecutionConfig {
        cache_bytes: 4 << 20,
        ..config()
    });
    let big = |ask: &mut Ask<'_>| {
        let path = ask.path()?;
        Ok(response(200, &path.repeat(20_000)))
    };
    node.publish("big", &[], big).await;
    for at in 100..200 {
        // What nobody asks twice for might be left out.
        ask(&node, &program("big"), &format!("/{at}")).await;
        ask(&node, &program("big"), &format!("/{at}")).await;
    }
    let node = node.restart().await;
    let namespace = Namespace {
        address: key(1).public().address(),
        name: "big".parse().unwrap(),
    };
    let kept = node.execution.remembered(&namespace).unwrap().kept;
    assert!((20..60).contains(&kept.records), "{kept:?}");
    assert!(kept.bytes <= 4 << 20, "{kept:?}");
    // The newest are kept.
    assert_eq!(ask(&node, &program("big"), "/199").await.0, Cache::Hit);
    assert_eq!(ask(&node, &program("big"), "/100").await.0, Cache::Miss);
}
