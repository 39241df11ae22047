//! The examples on a node of this process: what is remembered of their pages, and their runs done again somewhere else.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use cop_runtime::engine::{Engine, interpreter};
use cop_runtime::library::ReadyProgram;
use cop_runtime::{
    Bundle, Cache, Execution, ExecutionConfig, Hash, ProgramKind, ProgramRef, RecordedRun,
    SecretKey, WebAnswer, WebRequest, local_network,
};
use coputer::examples::examples;
use coputer::packages::Options;
use coputer::publish::{Place, build, sign};

/// Recorded runs where `COP_REPLAYS` says nothing else.
const REPLAYS: usize = 1_000;

/// A node with the examples that are web programs.
struct Node {
    execution: Execution,
    key: SecretKey,
}

fn web_examples() -> Vec<(String, Bundle)> {
    let projects = examples().expect("projects").into_iter();
    let built = projects.map(|project| {
        let built = build(&project, &Options::default()).expect("it builds");
        (project.name.to_string(), built.bundle)
    });
    built
        .filter(|(_, bundle)| bundle.manifest().kind == ProgramKind::Web)
        .collect()
}

impl Node {
    async fn new(folder: &Path, bundles: &[(String, Bundle)]) -> Node {
        let config = ExecutionConfig {
            network: local_network(),
            ..ExecutionConfig::default()
        };
        let node = Node {
            execution: Execution::open(folder, config).expect("it opens"),
            key: SecretKey::from_bytes(&[7; 32]).expect("a key"),
        };
        for (name, bundle) in bundles {
            let place = Place {
                network: local_network(),
                number: 1,
                previous: None,
            };
            let name = name.parse().expect("a name");
            let signed = sign(bundle, &name, place, &node.key).expect("signed");
            let (release, bundle) = (signed.encode(), bundle.encode());
            let published = node.execution.publish(&release, &bundle).await;
            published.expect("published");
        }
        node
    }

    fn program(&self, name: &str) -> ProgramRef {
        ProgramRef::Named {
            address: self.key.public().address(),
            name: name.parse().expect("a name"),
            release: None,
        }
    }

    async fn ask(&self, name: &str, method: &str, target: &str, body: &str) -> WebAnswer {
        let mut request = WebRequest::get(target);
        request.method = method.as_bytes().to_vec();
        request.body = body.to_owned().into();
        let answer = self.execution.run_web(&self.program(name), request).await;
        answer.unwrap_or_else(|failure| panic!("{name} {target}: {failure:?}"))
    }

    /// Whether each of these pages is remembered; afterwards all are.
    async fn remembered(&self, name: &str, pages: &[&str]) -> Vec<bool> {
        let mut remembered = Vec::new();
        for page in pages {
            let answer = self.ask(name, "GET", page, "").await;
            remembered.push(answer.info.cache == Cache::Hit);
        }
        remembered
    }
}

#[tokio::test]
async fn an_edit_drops_just_the_pages_that_showed_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::new(folder.path(), &web_examples()).await;

    let pages = ["/todos/1", "/todos/2", "/todos/3", "/todos", "/nothing"];
    for title in ["write", "test"] {
        let todo = format!("{{\"title\": \"{title}\"}}");
        let added = node.ask("todos", "POST", "/todos", &todo).await;
        assert_eq!(added.status, 201);
    }
    assert_eq!(node.remembered("todos", &pages).await, [false; 5]);
    assert_eq!(node.remembered("todos", &pages).await, [true; 5]);
    let done = node.ask("todos", "PUT", "/todos/1/done", "").await;
    assert_eq!(done.status, 200);
    // The list shows the todo that was changed, the other todos and pages do not.
    let after = node.remembered("todos", &pages).await;
    assert_eq!(after, [false, true, true, false, true]);
    // A new one stands in the list, and where it was missed.
    let third = "{\"title\": \"rest\"}";
    node.ask("todos", "POST", "/todos", third).await;
    let after = node.remembered("todos", &pages).await;
    assert_eq!(after, [true, true, false, false, true]);
    // What is refused changes nothing.
    let refused = node.ask("todos", "POST", "/todos", "{}").await;
    assert_eq!(refused.status, 400);
    assert_eq!(node.remembered("todos", &pages).await, [true; 5]);

    node.remembered("guestbook", &["/"]).await;
    let blank = node.ask("guestbook", "POST", "/", "name=Ann&text=+").await;
    assert_eq!(blank.status, 400);
    assert_eq!(node.remembered("guestbook", &["/"]).await, [true]);
    let signed = node.ask("guestbook", "POST", "/", "name=Ann&text=hello");
    assert_eq!(signed.await.status, 303);
    assert_eq!(node.remembered("guestbook", &["/"]).await, [false]);
    // Of another program nothing is dropped.
    assert_eq!(node.remembered("todos", &pages).await, [true; 5]);
}

/// Requests that a seed chooses; `None` for an example that is not asked, since a server outside would be.
fn request(name: &str, mut next: impl FnMut(u64) -> u64) -> Option<WebRequest> {
    let number = next(5);
    let (method, target, body) = match (name, next(4)) {
        ("headline", _) => return None,
        ("todos", 0) => (
            "POST",
            "/todos".to_owned(),
            format!("{{\"title\": \"{number}\"}}"),
        ),
        ("todos", 1) => ("PUT", format!("/todos/{number}/done"), String::new()),
        ("todos", 2) => ("GET", format!("/todos/{number}"), String::new()),
        ("todos", _) => ("GET", "/todos".to_owned(), String::new()),
        ("guestbook" | "suggestions", 0) => (
            "POST",
            "/".to_owned(),
            format!("name=n{number}&text=%3Cb%3E{number}"),
        ),
        ("neighbours", 0) => ("GET", format!("/of/todos{number}"), String::new()),
        ("neighbours", 1) => ("GET", "/of/hello".to_owned(), String::new()),
        ("hello", 0) => ("GET", format!("/hello/{number}"), String::new()),
        (_, 3) => ("DELETE", format!("/{number}"), String::new()),
        _ => ("GET", "/".to_owned(), String::new()),
    };
    let mut request = WebRequest::get(&target);
    request.method = method.as_bytes().to_vec();
    request.body = body.into();
    let agent = format!("agent {number}").into_bytes();
    request.headers.push((b"user-agent".to_vec(), agent));
    request
        .headers
        .push((b"accept-language".to_vec(), b"en".to_vec()));
    Some(request)
}

#[tokio::test]
async fn recorded_runs_come_out_the_same_on_a_fresh_folder() {
    let replays = std::env::var("COP_REPLAYS").map_or(REPLAYS, |n| n.parse().expect("a number"));
    let bundles = web_examples();
    let mut files: Vec<Vec<u8>> = Vec::new();
    let mut by_program: BTreeMap<String, usize> = BTreeMap::new();
    {
        let folder = tempfile::tempdir().expect("a folder");
        let node = Node::new(folder.path(), &bundles).await;
        let mut seed: u64 = 11;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        while files.len() < replays {
            let name = &bundles[next(bundles.len() as u64) as usize].0;
            let Some(request) = request(name, &mut next) else {
                continue;
            };
            let answer = node.execution.run_web(&node.program(name), request).await;
            let run = match answer {
                Ok(answer) => answer.info.run,
                Err(failure) => failure.run.unwrap_or_else(|| panic!("{name}: {failure:?}")),
            };
            let recorded = node.execution.recorded_run(&run, true);
            files.push(recorded.expect("it is remembered").encode());
            *by_program.entry(name.clone()).or_default() += 1;
        }
        node.execution.shut_down().await;
    }

    // Another folder, which has the programs and nothing else.
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::new(folder.path(), &bundles).await;
    let engines: [(&str, std::sync::Arc<dyn Engine>); 2] = [
        ("interpreter", interpreter()),
        (
            "jit",
            cop_runtime::engine::of_node(cop_vm::Engine::Jit, 64 << 20, None),
        ),
    ];
    for (engine_name, engine) in engines {
        let mut ready: BTreeMap<Hash, ReadyProgram> = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            let recorded = RecordedRun::decode(file).expect("a recorded run");
            if let Entry::Vacant(place) = ready.entry(recorded.bundle) {
                let stored = node.execution.bundle(&recorded.bundle).await;
                let stored = stored.expect("it reads").expect("it is published");
                let bundle = Bundle::decode(&stored).expect("a bundle");
                let program = ReadyProgram::of_bundle(&*engine, &bundle).expect("it verifies");
                place.insert(program);
            }
            let program = &*ready[&recorded.bundle].program;
            let record = recorded.replay(program).expect("it is done again");
            let what = format!("run {number} of {engine_name}: {}", recorded.request);
            assert_eq!(record.outcome_hash(), recorded.outcome, "{what}");
            assert_eq!(record.transcript.hash(), recorded.transcript, "{what}");
        }
    }
    eprintln!(
        "{} recorded runs came out the same on a fresh folder, in both engines: {by_program:?}",
        files.len()
    );
    assert!(by_program.len() >= 7, "{by_program:?}");
}
