//! What a node tells of what happens: its log, events that are followed over a restart, metrics.

use std::io::{BufRead, BufReader};
use std::process::Child;

use serde_json::Value;

use crate::copc::folder_with;
use crate::daemon::{Daemon, copd, run};
use crate::http::{get, header, send};
use crate::publishing::{home, publish, published, text};

const TALKER: &str = "import { Request, Response } from \"std/web\"\n\n\
    fn handle(req: Request) -> Response {\n    print(\"seen ${req.path}\")\n    \
    if req.path == \"/trap\" { panic(\"on purpose\") }\n    Response.text(\"ok\")\n}\n";

/// A `copd … --follow --json` whose lines are read one by one; ended with the test.
struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Following {
    fn start(arguments: &[&str]) -> Following {
        let mut child = copd(arguments).spawn().expect("it runs");
        let out = child.stdout.take().expect("its output");
        // Nobody reads its remarks.
        drop(child.stderr.take());
        Following {
            child,
            lines: BufReader::new(out).lines(),
        }
    }

    /// The next event of this kind.
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let line = self.lines.next().expect("it goes on").expect("text");
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["kind"] == kind {
                return event;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_followed_over_a_restart() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    std::fs::write(home.path().join("talker.cop"), TALKER).expect("written");
    let there = data.path().to_str().expect("text");
    assert_eq!(run(&["events", "--data", there]).0, Some(1), "no node runs");
    let node = Daemon::start(data.path());
    let mut logs = Following::start(&["logs", "--follow", "--json", "--data", there]);
    assert_eq!(logs.next("started")["level"], "info");
    let program = published(home.path(), data.path(), &["talker.cop"]);
    let event = logs.next("published");
    assert_eq!(
        (&event["text"], &event["release"]),
        (&"talker, release 1".into(), &1.into())
    );
    let url = text(&program, "/urls/host");
    // Requests are written down from the moment that somebody follows; the stream itself is open a little later.
    let (answer, request) = loop {
        let answer = get(node.http(), &format!("{url}a?secret=1")).await;
        let told = run(&["logs", "--json", "--kind", "request", "--data", there]).1;
        if let Some(line) = told.lines().last() {
            break (answer, serde_json::from_str::<Value>(line).expect("JSON"));
        }
    };
    assert_eq!(request["run"], header(&answer, "cop-run"));
    assert_eq!(
        (&request["path"], &request["status"]),
        (&"/a".into(), &200.into())
    );
    assert!(!request.to_string().contains("secret"), "{request}");
    get(node.http(), &format!("{url}b")).await;
    assert!(
        logs.next("log")["text"]
            .as_str()
            .is_some_and(|text| text.contains("seen /"))
    );
    get(node.http(), &format!("{url}trap")).await;
    let trapped = logs.next("trapped");
    assert_eq!(
        (&trapped["level"], &trapped["status"]),
        (&"warn".into(), &Value::Null)
    );
    let whose = format!("{}/talker", text(&program, "/address"));
    assert_eq!(trapped["program"], whose);

    // Text for people, of one program, without what comes with each request.
    let (status, told, _) = run(&["events", "--program", "talker", "--data", there]);
    assert!(status == Some(0) && told.lines().count() == 2, "{told}");
    assert!(
        told.contains("trapped") && !told.contains("request"),
        "{told}"
    );
    assert_eq!(run(&["events", "--level", "loud"]).0, Some(2));

    // The level is changed while it runs.
    assert_eq!(run(&["log-level", "--data", there]).1, "info\n");
    assert_eq!(run(&["log-level", "debug", "--data", there]).1, "debug\n");
    assert_eq!(logs.next("log_level")["text"], "from info to debug");
    get(node.http(), &format!("{url}c")).await;
    let (status, _, printed) = node.interrupt();
    assert_eq!(status, Some(0));
    let kinds: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "started",
            "published",
            "trapped",
            "log_level",
            "request",
            "log",
            "stopping"
        ]
    );
    logs.next("stopping");

    // Whoever follows goes on with the node that comes back, wherever it listens.
    let node = Daemon::start(data.path());
    logs.next("started");
    std::fs::write(
        home.path().join("talker.cop"),
        TALKER.replace("ok", "other"),
    )
    .expect("written");
    publish(home.path(), data.path(), &["talker.cop"]).well();
    assert_eq!(logs.next("published")["release"], 2);
    std::fs::write(home.path().join("talker.cop"), TALKER).expect("written");
    publish(home.path(), data.path(), &["talker.cop"]).well();
    assert_eq!(logs.next("rolled_back")["earlier"], 1);
    assert_eq!(node.interrupt().0, Some(0));
}

#[tokio::test]
async fn an_access_log_is_printed_where_it_is_wanted() {
    let folder = folder_with(&[("node.toml", "access_log = true\nlog_format = \"text\"\n")]);
    let node = Daemon::with(folder.path(), &["start"]);
    get(node.http(), "http://localhost/~nobody/x%1b").await;
    let (_, _, printed) = node.interrupt();
    let line = printed.lines().nth(1).expect("three lines");
    for part in [
        "Z info  request      GET /~nobody/x%1b 400 ",
        "code=\"bad_address\"",
        "status=400",
    ] {
        assert!(line.contains(part), "{part}: {printed}");
    }
}

#[tokio::test]
async fn metrics_are_those_that_the_guide_lists() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["greet.cop"]);
    let url = text(&program, "/urls/host");
    for _ in 0..3 {
        get(node.http(), url).await;
    }
    get(node.http(), "http://localhost/~nobody/x").await;
    let token = std::fs::read_to_string(data.path().join("token")).expect("a token");
    let management = node.file.management.trim_start_matches("http://");
    let metrics = send(
        management.parse().expect("an address"),
        "GET",
        &format!("http://{management}/metrics"),
        &[("authorization", &format!("Bearer {}", token.trim()))],
        "",
    )
    .await;
    let metrics = metrics.body();
    let whose = format!("{}/greet", text(&program, "/address"));
    for line in [
        format!("coputer_program_answers_total{{program=\"{whose}\",cache=\"hit\"}} 2"),
        format!("coputer_program_answers_total{{program=\"{whose}\",cache=\"miss\"}} 1"),
        "coputer_http_answers_total{status=\"2xx\"} 3".to_owned(),
        "coputer_http_answers_total{status=\"4xx\"} 1".to_owned(),
        "coputer_failures_total{code=\"bad_address\"} 1".to_owned(),
        "coputer_http_answer_seconds_count 4".to_owned(),
        "coputer_run_seconds_bucket{le=\"+Inf\"} 1".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}\n{metrics}"
        );
    }
    let told: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let guide = include_str!("../../docs/operator.md");
    let listed: Vec<&str> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `coputer_"))
        .filter_map(|line| line.split('`').next())
        .collect();
    let told: Vec<_> = told
        .iter()
        .filter_map(|name| name.strip_prefix("coputer_"))
        .collect();
    assert_eq!(
        listed, told,
        "docs/operator.md lists all metrics in their order"
    );
}
