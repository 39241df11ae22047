//! The debugger, as a script says to it what a person would.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::copc::{Ran, command, folder_with};
use crate::daemon::Daemon;
use crate::http::{header, send};
use crate::publishing::{home, published, text};

const PROGRAM: &str = "\
struct Todo { title: String, done: Bool = false }

fn total(numbers: List[Int]) -> Int {
    let mut sum = 0
    for n in numbers {
        sum = sum + n
    }
    sum
}

fn label(todo: Todo) -> String {
    let mark = if todo.done { \"x\" } else { \" \" }
    \"[${mark}] ${todo.title}\"
}

fn main(args: List[String]) {
    let mut numbers = [1, 2, 3]
    numbers.push(args.len())
    let t = total(numbers)
    print(\"total ${t}\")
    let mut counts: Map[String, Int] = [:]
    for a in args {
        counts[a] = (counts.get(a) ?? 0) + 1
    }
    let text = label(Todo(title: \"write\", done: true))
    print(text)
    let x = 10 / (t - 9)
    print(\"${x}\")
}
";

/// `copc` that is told these commands, one a line.
fn told(mut copc: std::process::Command, commands: &str) -> Ran {
    let mut child = copc
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("copc runs");
    let mut input = child.stdin.take().expect("its input");
    // One that has ended does not listen any more.
    let _ = input.write_all(commands.replace(' ', "\n").replace('_', " ").as_bytes());
    drop(input);
    Ran::of(child.wait_with_output().expect("it ends"))
}

fn step(folder: &Path, commands: &str) -> Ran {
    let arguments = ["run", "--step", "todo.cop", "--", "a", "b", "a"];
    told(command(folder, &arguments), commands)
}

/// The lines at which it stopped.
fn stops(ran: &Ran) -> Vec<&str> {
    let lines = ran.output.lines();
    let places = lines.filter_map(|line| line.split_once(" in ")?.0.strip_prefix("todo.cop:"));
    places.collect()
}

#[test]
fn a_run_is_gone_through_forwards_and_backwards() {
    let folder = folder_with(&[("todo.cop", PROGRAM)]);
    let run = |commands: &str| {
        let ran = step(folder.path(), commands);
        assert_eq!((ran.status, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
        ran
    };
    // Into, over, out, and each turn of a loop.
    assert_eq!(
        stops(&run("s s s s s s s s")),
        ["17", "18", "19", "4", "5", "6", "5", "6", "5"]
    );
    assert_eq!(stops(&run("n n n n")), ["17", "18", "19", "20", "21"]);
    assert_eq!(stops(&run("n n s s o")), ["17", "18", "19", "4", "5", "20"]);
    assert_eq!(stops(&run("u_23 u_23 u_26")), ["17", "23", "23", "26"]);
    // And back again: by lines, over calls, out of them, to the beginning.
    assert_eq!(stops(&run("n n n b")), ["17", "18", "19", "20", "6"]);
    assert_eq!(
        stops(&run("n n n bn bn")),
        ["17", "18", "19", "20", "19", "18"]
    );
    assert_eq!(
        stops(&run("n n s s s bo n")),
        ["17", "18", "19", "4", "5", "6", "19", "20"]
    );
    assert_eq!(stops(&run("n n b_9 n")), ["17", "18", "19", "17", "18"]);
    // Breakpoints hold in both directions.
    let ran = run("break_23 c c bc break delete c e q");
    assert_eq!(stops(&ran), ["17", "23", "23", "23", "27"], "{ran:?}");
    assert!(
        ran.output.contains("breakpoint 1 at todo.cop:23"),
        "{ran:?}"
    );
}

#[test]
fn variables_and_calls_are_shown_with_what_they_hold() {
    let folder = folder_with(&[("todo.cop", PROGRAM)]);
    let ran = step(
        folder.path(),
        "u_6 v bt f_1 p_args f_0 n p_sum n p_sum p_nothing",
    );
    for part in [
        "  numbers = [1, 2, 3, 3]\n  sum = 0\n  n = 1\n",
        "▸ 0  total at todo.cop:6\n  1  main at todo.cop:19\n",
        "args = [\"a\", \"b\", \"a\"]\n",
        "sum = 1\n",
        "`nothing` is no variable here",
    ] {
        assert!(ran.output.contains(part), "no {part:?} in {}", ran.output);
    }
    let ran = step(folder.path(), "break_13 c v l n v log");
    for part in [
        "  todo = Todo(title: \"write\", done: true)\n  mark = \"x\"\n",
        "▸●  13 │",
        "  counts = {\"a\": 2, \"b\": 1}\n",
        "\ntotal 9\n",
    ] {
        assert!(ran.output.contains(part), "no {part:?} in {}", ran.output);
    }
    // Where it traps its variables are still there, and it goes no further.
    let ran = step(folder.path(), "c p_t n b p_text");
    for part in [
        "the run trapped DivisionByZero: 10 was divided by zero",
        "t = 9\n",
        "the run ends here with the trap",
        "text = \"[x] write\"\n",
    ] {
        assert!(ran.output.contains(part), "no {part:?} in {}", ran.output);
    }
    let ran = step(folder.path(), "what s_0 break_99 u_other.cop:1 f_7 q");
    for part in [
        "there is no command `what`",
        "how often can be 1 to",
        "nothing of the program stands at 99",
        "the program has no file other.cop",
        "there is no call 7",
    ] {
        assert!(ran.output.contains(part), "no {part:?} in {}", ran.output);
    }
}

#[tokio::test]
async fn a_run_of_a_node_is_gone_through_with_what_it_was_told() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host").to_owned();
    let page = send(node.http(), "POST", &url, &[("cookie", "who=me")], "").await;
    let run = header(&page, "cop-run").to_owned();
    let replay = |what: &str, commands: &str| {
        let mut replay = command(home.path(), &["replay", what, "--step"]);
        replay
            .env("COP_DATA", data.path())
            .env("COP_PACKAGES", data.path().join("packages"));
        told(replay, commands)
    };
    let ran = replay(&run, "break_7 c p_before e");
    for part in [
        "before = 0\n",
        "the run answered with status 200, 19 bytes, 1 key written",
    ] {
        assert!(ran.output.contains(part), "no {part:?} in {ran:?}");
    }
    // From a file, without the node; the sources come with the bundle.
    let file = home.path().join("run.coprun").display().to_string();
    let mut save = command(
        home.path(),
        &["replay", &run, "--save", &file, "--with-private"],
    );
    save.env("COP_DATA", data.path())
        .env("COP_PACKAGES", data.path().join("packages"));
    crate::copc::ran(save).well();
    node.interrupt();
    let ran = replay(&file, "e b p_visits");
    assert!(ran.output.contains("visits = 1\n"), "{ran:?}");
}

/// Looking at every variable in every line of the examples changes nothing, and finds all of them.
#[test]
fn every_variable_of_the_examples_can_be_looked_at() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "evaluator",
        "heap",
        "matrix",
        "words",
        "counter",
        "todos",
        "guestbook",
    ] {
        let path = examples.join(format!("{name}.cop")).display().to_string();
        let run =
            |commands: &str| told(command(folder.path(), &["run", "--step", &path]), commands);
        let looked = run(&format!("{}e", "s v ".repeat(300)));
        let plain = run("e");
        let end = |ran: &Ran| ran.output.lines().last().unwrap_or_default().to_owned();
        assert!(end(&plain).starts_with("the run "), "{name}: {plain:?}");
        assert!(
            looked.output.contains(&end(&plain)),
            "{name}: {} {}",
            end(&looked),
            end(&plain)
        );
        let unseen = looked.output.lines().find(|line| line.ends_with(" = ?"));
        assert_eq!(unseen, None, "{name}");
    }
}
