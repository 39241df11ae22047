//! `copc run` and `copc test`: output, errors, traps, limits.

use crate::copc::{copc, folder_with, ran};

/// Programs that end in each way, in a folder.
fn programs() -> tempfile::TempDir {
    folder_with(&[
        (
            "tell.cop",
            "fn main(args: List[String]) -> Result[(), Error] {\n    for arg in args { print(arg) }\n    \
             if args.is_empty() { return Err(Error(message: \"nothing to tell\")) }\n    Ok(())\n}\n",
        ),
        (
            "index.cop",
            "fn third(numbers: List[Int]) -> Int {\n    numbers[2]\n}\n\nfn main() {\n    print(\"before\")\n    \
             print(third([1, 2]))\n}\n",
        ),
        ("loop.cop", "fn main() { while true {} }\n"),
        (
            "grow.cop",
            "fn main() {\n    let mut all = [0]\n    while true { all.push(1) }\n}\n",
        ),
        (
            "deep.cop",
            "fn down(n: Int) -> Int { 1 + down(n + 1) }\nfn main() { print(down(0)) }\n",
        ),
        (
            "talk.cop",
            "fn main() { while true { print(\"again and again\") } }\n",
        ),
        (
            "page/main.cop",
            "import { Request, Response } from \"std/web\"\n\nfn handle(req: Request) -> Response {\n    print(\"asked\")\n    \
             if req.path == \"/crash\" { panic(\"as you wish\") }\n    \
             Response.text(\"${req.header(\"accept\") ?? \"anything\"} ${req.query(\"a\") ?? \"\"} ${req.text() ?? \"\"}\")\n}\n",
        ),
        (
            "page/cop.toml",
            "name = \"page\"\nfuel = 1_000_000\nmemory_mib = 3\n",
        ),
    ])
}

#[test]
fn copies_of_what_was_shared_are_told_by_line() {
    let folder = folder_with(&[
        (
            "carts.cop",
            "struct Cart { lines: List[Int], name: String = \"\" }\n\n\
         fn add(cart: Cart, n: Int) -> Cart {\n    let mut next = cart\n    next.lines.push(n)\n    next\n}\n\n\
         fn main() {\n    let mut history = [Cart(lines: [])]\n    for n in 0..100 { history.push(add(history[n], n)) }\n    \
         let mut own = [1]\n    own.push(2)\n    print(history.len() + own.len())\n}\n",
        ),
        (
            "none.cop",
            "fn main() {\n    let mut own = \"a\"\n    own.append(\"b\")\n    print(own)\n}\n",
        ),
    ]);
    let told = copc(folder.path(), &["run", "--copies", "carts.cop"]);
    assert_eq!(told.well(), "103\n");
    let lines: Vec<&str> = told.errors.lines().collect();
    assert!(
        lines[0].starts_with("copies: ") && lines[0].contains("KiB of values that were shared"),
        "{told:?}"
    );
    assert!(
        lines[1].ends_with("carts.cop:5  next.lines.push(n)") && lines.len() == 2,
        "{told:?}"
    );
    let json = copc(folder.path(), &["run", "--copies", "--json", "carts.cop"]).json();
    let line = &json["copies"][0];
    assert_eq!(
        (&line["file"], &line["line"]),
        (&"carts.cop".into(), &5.into())
    );
    assert!(line["bytes"].as_u64() > Some(40_000), "{json}");
    let none = copc(folder.path(), &["run", "--copies", "none.cop"]);
    assert_eq!(
        none.errors,
        "copies: none; nothing was shared when it was changed\n"
    );
}

#[test]
fn output_errors_and_status_are_those_of_the_program() {
    let folder = programs();
    let at = folder.path();
    let told = copc(at, &["run", "tell.cop", "--", "one", "--two", ""]);
    assert_eq!((told.well(), told.errors.as_str()), ("one\n--two\n\n", ""));
    let failed = copc(at, &["run", "tell.cop"]);
    assert_eq!(
        (
            failed.status,
            failed.output.as_str(),
            failed.errors.as_str()
        ),
        (Some(1), "", "error: nothing to tell\n")
    );
    let json = copc(at, &["run", "--json", "tell.cop"]);
    assert_eq!(json.status, Some(1));
    let json = json.json();
    assert_eq!(
        (&json["ok"], &json["end"], &json["error"]),
        (&false.into(), &"error".into(), &"nothing to tell".into())
    );
    let json = copc(at, &["run", "--json", "tell.cop", "--", "a"]).json();
    assert_eq!(
        (&json["ok"], &json["end"], &json["log"]),
        (&true.into(), &"done".into(), &serde_json::json!(["a"]))
    );
    assert!(json["stats"]["fuel"].as_u64() > Some(0), "{json}");
    // A reader that goes away is no reason to complain.
    let mut shell = std::process::Command::new("sh");
    let script = "\"$0\" run talk.cop 2>/dev/null | head -n 1";
    shell
        .current_dir(at)
        .args(["-c", script, env!("CARGO_BIN_EXE_copc")]);
    let piped = ran(shell);
    assert_eq!(
        (piped.well(), piped.errors.as_str()),
        ("again and again\n", "")
    );
}

#[test]
fn a_trap_is_shown_with_its_place_and_the_way_there() {
    let folder = programs();
    let told = copc(folder.path(), &["run", "index.cop"]);
    assert_eq!((told.status, told.output.as_str()), (Some(1), "before\n"));
    for part in [
        "error[IndexOutOfBounds]: index 2 is outside a length of 2",
        "index.cop:2:",
        "numbers[2]",
        "in third at index.cop:2:",
        "in main at index.cop:7:",
    ] {
        assert!(
            told.errors.contains(part),
            "no `{part}` in:\n{}",
            told.errors
        );
    }
    let json = copc(folder.path(), &["run", "--json", "index.cop"]).json();
    assert_eq!(json["end"], "trapped");
    assert_eq!(
        (
            &json["trap"]["name"],
            &json["trap"]["file"],
            &json["trap"]["line"]
        ),
        (&"IndexOutOfBounds".into(), &"index.cop".into(), &2.into())
    );
    assert_eq!(json["log"], serde_json::json!(["before"]));
}

#[test]
fn nothing_goes_on_for_ever() {
    let folder = programs();
    for (program, options, trap, line) in [
        ("loop.cop", &["--fuel", "1_000_000"][..], "OutOfFuel", 1),
        ("grow.cop", &["--memory", "2"], "OutOfMemory", 3),
        ("deep.cop", &[], "StackOverflow", 1),
        ("talk.cop", &[], "LogLimit", 1),
    ] {
        let arguments = [&["run", "--json", program], options].concat();
        let told = copc(folder.path(), &arguments);
        assert_eq!(told.status, Some(1));
        let json = told.json();
        assert_eq!(json["trap"]["name"], trap, "{json}");
        assert_eq!(
            (&json["trap"]["file"], &json["trap"]["line"]),
            (&program.into(), &line.into()),
            "{json}"
        );
        let again = copc(folder.path(), &arguments).json();
        assert_eq!(json["stats"]["outcome"], again["stats"]["outcome"]);
    }
    let told = copc(folder.path(), &["run", "--fuel", "1000", "loop.cop"]);
    for part in ["error[OutOfFuel]", "limit of 1000", "--fuel", "cop.toml"] {
        assert!(
            told.errors.contains(part),
            "no `{part}` in:\n{}",
            told.errors
        );
    }
    let told = copc(folder.path(), &["run", "deep.cop"]);
    assert!(
        told.errors.contains("error[StackOverflow]") && told.errors.lines().count() < 12,
        "{}",
        told.errors
    );
}

#[test]
fn limits_come_from_flags_then_manifest_then_edition() {
    let folder = programs();
    let limits = |arguments: &[&str]| {
        let json = copc(folder.path(), &[&["run", "--json"], arguments].concat()).json();
        let limit = |name: &str| json["stats"][name].as_u64().expect("a number");
        (limit("fuel_limit"), limit("memory_limit_bytes") >> 20)
    };
    assert_eq!(limits(&["page"]), (1_000_000, 3));
    assert_eq!(
        limits(&["page", "--fuel", "2_000_000", "--memory", "9"]),
        (2_000_000, 9)
    );
    assert_eq!(limits(&["deep.cop"]), (1_000_000_000_000, 128));
    let told = copc(folder.path(), &["run", "--stats", "tell.cop", "--", "a"]);
    assert_eq!(told.well(), "a\n");
    for part in [
        "fuel ",
        "of 1,000,000,000,000",
        "memory ",
        "of 128.0 MiB",
        "time ",
        "engine   auto",
        "outcome ",
    ] {
        assert!(
            told.errors.contains(part),
            "no `{part}` in:\n{}",
            told.errors
        );
    }
}

#[test]
fn a_web_program_is_asked_once() {
    let folder = programs();
    let at = folder.path();
    let told = copc(at, &["run", "page"]);
    assert_eq!(told.errors, "asked\n");
    assert!(
        told.well().starts_with("200 OK\ncontent-type: text/plain"),
        "{told:?}"
    );
    assert!(told.output.ends_with("\n\nanything  \n"), "{told:?}");
    let asked = [
        "run",
        "--json",
        "page",
        "--request",
        "POST /x?a=b",
        "--header",
        "Accept: text/css",
        "--body",
        "hi",
    ];
    let json = copc(at, &asked).json();
    assert_eq!(
        (&json["response"]["status"], &json["response"]["body"]),
        (&200.into(), &"text/css b hi".into()),
        "{json}"
    );
    std::fs::write(at.join("body"), "from a file").expect("written");
    let json = copc(at, &["run", "--json", "page", "--body", "@body"]).json();
    assert_eq!(json["response"]["body"], "anything  from a file");
    let crash = copc(at, &["run", "page", "--request", "GET /crash"]);
    assert_eq!((crash.status, crash.output.as_str()), (Some(1), ""));
    assert!(
        crash.errors.contains("error[Panic]: as you wish"),
        "{}",
        crash.errors
    );
    copc(at, &["run", "page", "--", "a"]).refused(2, &["--request"]);
    copc(at, &["run", "page", "--request", "GET"]).refused(2, &["POST /entries"]);
    copc(at, &["run", "page", "--header", "x"]).refused(2, &["accept: text/html"]);
    copc(at, &["run", "tell.cop", "--request", "GET /"]).refused(2, &["--"]);
    copc(at, &["run", "page", "--body", "@nothing"]).refused(1, &["nothing"]);
}

#[test]
fn tests_are_run_and_only_failures_are_long() {
    let folder = folder_with(&[(
        "sums.cop",
        "import { Kv } from \"host/kv\"\n\n\
         pub fn sum(a: Int, b: Int) -> Int { a + b }\n\n\
         test \"adds\" {\n    print(\"quiet\")\n    assert_eq(sum(1, 2), 3)\n}\n\n\
         test \"is wrong\" {\n    print(\"loud\")\n    assert_eq(sum(1, 2), 4)\n}\n\n\
         test \"keeps\" (mut kv: Kv) {\n    let none: Int? = kv.get(\"a\").expect(\"a store\")\n    assert_eq(none, None)\n    \
         kv.set(\"a\", 1).expect(\"a store\")\n    let one: Int? = kv.get(\"a\").expect(\"a store\")\n    assert_eq(one, Some(1))\n}\n",
    )]);
    let at = folder.path();
    let told = copc(at, &["test", "sums.cop"]);
    assert_eq!(told.status, Some(1), "{told:?}");
    for part in [
        "adds",
        "FAILED  is wrong",
        "loud",
        "AssertionFailed",
        "sums.cop:12:",
        "1 failed, 2 passed",
    ] {
        assert!(
            told.output.contains(part),
            "no `{part}` in:\n{}",
            told.output
        );
    }
    assert!(!told.output.contains("quiet"), "{}", told.output);
    let json = copc(at, &["test", "sums.cop", "--json"]).json();
    assert_eq!(
        (&json["ok"], &json["passed"], &json["failed"]),
        (&false.into(), &2.into(), &1.into())
    );
    assert_eq!(json["tests"][1]["trap"]["line"], 12);
    let told = copc(at, &["test", "sums.cop", "--filter", "a"]);
    assert!(
        told.output.contains("adds") && !told.output.contains("quiet"),
        "{told:?}"
    );
    assert!(
        copc(at, &["test", "sums.cop", "--filter", "adds"])
            .well()
            .contains("1 passed, 2 left out")
    );
    copc(at, &["test", "sums.cop", "--filter", "zzz"]).refused(1, &["zzz"]);
    std::fs::write(at.join("none.cop"), "fn main() {}\n").expect("written");
    assert!(
        copc(at, &["test", "none.cop"])
            .well()
            .contains("has no tests")
    );
}

#[test]
fn copc_tests_in_parallel_and_tells_in_the_order_of_the_source() {
    // The first ones take longest; every seventh fails.
    let mut source = String::from("fn main() {}\n");
    for number in 0..40 {
        let (rounds, most) = ((40 - number) * 200, if number % 7 == 3 { 0 } else { 40 });
        source += &format!(
            "\ntest \"number {number}\" {{\n    let mut sum = 0\n    for i in 0..{rounds} {{ sum += i % 2 }}\n    \
             print(\"sum ${{sum}}\")\n    assert({number} <= {most})\n}}\n"
        );
    }
    let folder = folder_with(&[("many.cop", &source)]);
    let at = folder.path();
    let told = copc(at, &["test", "many.cop", "--stats"]);
    assert_eq!((told.status, told.errors.as_str()), (Some(1), ""));
    let named: Vec<&str> = told
        .output
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ok      ")
                .or(line.strip_prefix("FAILED  "))
        })
        .collect();
    let expected: Vec<String> = (0..40).map(|number| format!("number {number}")).collect();
    assert_eq!(named, expected);
    let lines = |start: &str| told.output.lines().filter(|l| l.starts_with(start)).count();
    assert_eq!((lines("        fuel "), lines("        sum ")), (40, 6));
    assert!(told.output.ends_with("failed: 6 failed, 34 passed\n"));
    let json = copc(at, &["test", "many.cop", "--json"]);
    for _ in 0..3 {
        assert_eq!(
            copc(at, &["test", "many.cop", "--stats"]).output,
            told.output
        );
        assert_eq!(
            copc(at, &["test", "many.cop", "--json"]).output,
            json.output
        );
    }
    let fuel = |number: usize| json.json()["tests"][number]["fuel"].as_u64();
    assert!(fuel(0) > fuel(39) && fuel(39) > Some(0), "{json:?}");
    let few = copc(at, &["test", "many.cop", "--filter", "number 3"]);
    assert!(
        few.output.ends_with("3 failed, 8 passed, 29 left out\n"),
        "{few:?}"
    );
}
