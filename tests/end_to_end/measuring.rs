//! `copc cost` and `copc profile`: what runs cost, and where it goes; `copc disasm`: what becomes of a function.

use std::fs;

use serde_json::Value;

use crate::copc::{copc, folder_with};

const WORDS: &str = "fn fib(n: Int) -> Int {\n    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }\n}\n\n\
    fn main(args: List[String]) -> Result[(), Error] {\n    let mut kept = [1]\n    let old = kept\n    kept.push(2)\n    \
    if args.is_empty() { return Err(Error(message: \"no words\")) }\n    print(\"${fib(12)} ${old.len()}\")\n    Ok(())\n}\n\n\
    test \"fib\" {\n    assert_eq(fib(10), 55)\n}\n\ntest \"len\" {\n    assert_eq(\"ab\".len(), 2)\n}\n";

const PAGE: &str = "import { Request, Response } from \"std/web\"\n\nfn handle(req: Request) -> Response {\n    \
    Response.text(\"asked for ${req.path}\")\n}\n";

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn what_runs_cost_is_what_they_are_charged() {
    let folder = folder_with(&[("words.cop", WORDS), ("page.cop", PAGE)]);
    let at = folder.path();
    let told = copc(at, &["cost", "words.cop", "--", "to", "be or"]);
    let again = copc(at, &["cost", "words.cop", "--", "to", "be or"]);
    assert_eq!(told.well(), again.well());
    let lines: Vec<&str> = told.output.lines().collect();
    assert!(
        lines[0].ends_with("questions  run") && lines.len() == 2,
        "{told:?}"
    );
    assert!(lines[1].ends_with("  main to \"be or\""), "{told:?}");
    let json = copc(at, &["cost", "--json", "words.cop", "--", "to", "be or"]).json();
    let run = &json["runs"][0];
    let ran = copc(at, &["run", "--json", "words.cop", "--", "to", "be or"]).json();
    assert_eq!(run["fuel"], ran["stats"]["fuel"]);
    assert_eq!(run["peak_memory_bytes"], ran["stats"]["peak_memory_bytes"]);
    assert_eq!(
        (number(&run["copied_bytes"]) > 0, number(&run["questions"])),
        (true, 1)
    );
    assert!(number(&run["stack_bytes"]) > 0, "{json}");

    let tests = copc(at, &["cost", "--json", "--tests", "words.cop"]).json();
    let tested = copc(at, &["test", "--json", "words.cop"]).json();
    for nth in 0..2 {
        assert_eq!(tests["runs"][nth]["fuel"], tested["tests"][nth]["fuel"]);
    }
    assert_eq!(tests["runs"][0]["name"], "test \"fib\"");
    let one = copc(at, &["cost", "--json", "--test", "len", "words.cop"]).json();
    assert_eq!(one["runs"].as_array().map(Vec::len), Some(1));

    let page = copc(
        at,
        &[
            "cost",
            "page.cop",
            "--request",
            "GET /a",
            "--request",
            "GET /bb",
        ],
    );
    let names: Vec<&str> = page
        .well()
        .lines()
        .skip(1)
        .filter_map(|l| l.rsplit("  ").next())
        .collect();
    assert_eq!(names, ["GET /a", "GET /bb"]);

    // A run that ends badly is told, and is no success.
    let failed = copc(at, &["cost", "words.cop"]);
    assert_eq!(failed.status, Some(1));
    assert!(
        failed.errors.contains("main ended badly:\nerror: no words"),
        "{failed:?}"
    );
}

#[test]
fn what_costs_too_much_fails() {
    let folder = folder_with(&[("words.cop", WORDS)]);
    let at = folder.path();
    let cost = |more: &[&str]| {
        let mut arguments = vec!["cost", "--tests", "words.cop"];
        arguments.extend(more);
        copc(at, &arguments)
    };
    cost(&["--max", "1_000_000,16"]).well();
    let above = cost(&["--max", "500"]);
    assert_eq!(above.status, Some(1));
    assert!(
        above.errors.starts_with("error: test \"fib\" takes ")
            && above.errors.contains("more than --max allows"),
        "{above:?}"
    );
    assert_eq!(above.errors.lines().count(), 1, "{above:?}");

    let absent = cost(&["--baseline", "cost.txt"]);
    absent.refused(1, &["cannot use cost.txt", "--accept writes it"]);
    cost(&["--baseline", "cost.txt", "--accept"]).well();
    let written = fs::read_to_string(at.join("cost.txt")).unwrap();
    assert!(
        written.starts_with("# Made by copc cost") && written.lines().count() == 3,
        "{written}"
    );
    assert_eq!(cost(&["--baseline", "cost.txt"]).errors, "");
    // As if it had been cheaper.
    let cheaper: String = written
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((_, rest)) if line.ends_with("\"fib\"") => format!("7 {rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(at.join("cost.txt"), cheaper).unwrap();
    let grown = cost(&["--baseline", "cost.txt"]);
    assert_eq!(grown.status, Some(1));
    assert!(
        grown.errors.starts_with("error: test \"fib\" takes ")
            && grown.errors.contains(" more than the 7 in cost.txt (+"),
        "{grown:?}"
    );
    let json = cost(&["--baseline", "cost.txt", "--json"]);
    assert_eq!(json.status, Some(1));
    assert_eq!(json.json()["too_much"].as_array().map(Vec::len), Some(1));
    // A test that is gone from the run is no silence.
    let fewer = copc(
        at,
        &[
            "cost",
            "--test",
            "len",
            "--baseline",
            "cost.txt",
            "words.cop",
        ],
    );
    assert!(
        fewer
            .errors
            .contains("test \"fib\" is in cost.txt, but is not run"),
        "{fewer:?}"
    );
    fs::write(at.join("cost.txt"), "12 main\n").unwrap();
    cost(&["--baseline", "cost.txt"]).refused(1, &["cost.txt: line 1: "]);

    let wrong = copc(at, &["cost", "words.cop", "--accept"]);
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    let wrong = copc(at, &["cost", "--max", "0", "words.cop"]);
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    copc(at, &["cost", "--tests", "words.cop", "--", "a"])
        .refused(2, &["neither arguments nor requests"]);
}

#[test]
fn each_unit_of_fuel_has_its_function_and_line() {
    let folder = folder_with(&[("words.cop", WORDS)]);
    let at = folder.path();
    let arguments = ["profile", "--json", "words.cop", "--", "x"];
    let told = copc(at, &arguments);
    assert_eq!(told.output, copc(at, &arguments).output);
    let json = told.json();
    let fuel = number(&json["runs"][0]["fuel"]);
    assert_eq!(number(&json["fuel"]), fuel);
    for table in ["functions", "lines"] {
        let rows = json[table].as_array().unwrap();
        let own: u64 = rows.iter().map(|row| number(&row["self_fuel"])).sum();
        assert_eq!(own, fuel, "{table}");
        assert!(rows.iter().all(|row| number(&row["total_fuel"]) <= fuel
            && number(&row["self_fuel"]) <= number(&row["total_fuel"])));
    }
    let stacks = json["stacks"].as_array().unwrap();
    assert_eq!(
        stacks.iter().map(|row| number(&row["fuel"])).sum::<u64>(),
        fuel
    );
    // The greatest is first, and a function that calls itself counts once.
    let first = &json["functions"][0];
    assert_eq!(
        (&first["name"], &first["file"]),
        (&"fib".into(), &"words.cop".into())
    );
    assert_eq!(first["self_fuel"], first["total_fuel"]);
    let line = |number: u64| {
        let rows = json["lines"].as_array().unwrap().iter();
        rows.clone()
            .find(|row| row["line"] == number && row["file"] == "words.cop")
            .cloned()
            .unwrap()
    };
    // fib(12) makes 465 calls.
    assert_eq!(number(&line(2)["times"]), 465);
    assert!(number(&line(8)["self_copied_bytes"]) > 0);
    assert_eq!(
        number(&json["copied_bytes"]),
        number(&line(8)["self_copied_bytes"])
    );

    let text = copc(at, &["profile", "--top", "1", "words.cop", "--", "x"]);
    let lines: Vec<&str> = text.well().lines().collect();
    assert!(lines[0].starts_with("main x of words: "), "{text:?}");
    assert!(
        lines[3].ends_with("  fib  words.cop") && lines[4].contains("more functions"),
        "{text:?}"
    );
    let source = copc(
        at,
        &["profile", "--lines", "words.cop", "words.cop", "--", "x"],
    );
    let lines: Vec<&str> = source.well().lines().collect();
    assert!(
        lines[4].contains("   2 |     if n < 2") && lines[4].contains(" 465 "),
        "{source:?}"
    );
    copc(
        at,
        &["profile", "--lines", "other.cop", "words.cop", "--", "x"],
    )
    .refused(1, &["`other.cop`", "words.cop"]);
}

#[test]
fn the_flame_graph_is_the_same_each_time() {
    let folder = folder_with(&[("words.cop", WORDS)]);
    let at = folder.path();
    for name in ["a.svg", "b.svg"] {
        let told = copc(at, &["profile", "--tests", "--svg", name, "words.cop"]);
        assert!(told.well().starts_with("2 runs of words: "), "{told:?}");
    }
    let [a, b] = ["a.svg", "b.svg"].map(|name| fs::read_to_string(at.join(name)).unwrap());
    assert_eq!(a, b);
    assert!(
        a.starts_with("<svg xmlns=")
            && a.ends_with("</svg>\n")
            && a.contains("<title>fib (words.cop)\n"),
        "{a}"
    );
    // Names of tests are quoted, which XML must not see.
    assert!(!a.contains("\"fib\"</"), "{a}");
}

#[test]
fn a_function_is_shown_on_its_way_to_the_machine() {
    let folder = folder_with(&[("words.cop", WORDS)]);
    let at = folder.path();
    let shown = |more: &[&str]| {
        let mut arguments = vec!["disasm", "--function", "fib", "words.cop"];
        arguments.extend(more);
        copc(at, &arguments)
    };
    let bytecode = shown(&["--fuel"]);
    assert!(
        bytecode.well().starts_with("fn ") && bytecode.output.matches("\nfn ").count() == 0,
        "{bytecode:?}"
    );
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let clif = shown(&["--clif"]);
        assert!(clif.well().contains("\n; main.cop:2\n"), "{clif:?}");
        assert!(
            clif.output.contains("iadd") && clif.output.contains(" fib\n"),
            "{clif:?}"
        );
        let assembly = shown(&["--asm"]);
        assert_eq!(assembly.well(), shown(&["--asm"]).well());
        let first = assembly.output.lines().next().unwrap_or_default();
        assert!(
            first.contains(" fib, ") && first.ends_with(" bytes of machine code"),
            "{assembly:?}"
        );
        assert!(
            assembly.output.contains("..0x") && assembly.output.contains("  main.cop:2\n"),
            "{assembly:?}"
        );
    } else {
        shown(&["--asm"]).refused(1, &["there is no machine code for this machine"]);
    }
    assert_eq!(shown(&["--clif", "--asm"]).status, Some(2));
    copc(at, &["disasm", "--function", "nowhere", "words.cop"]).refused(1, &["`nowhere`"]);
}
