//! The tables of `docs/bytecode.md`: instructions, traps and prices as the code has them.

use std::fmt::Write as _;

use cop_bytecode::TrapKind;
use cop_bytecode::cost::{self, Cost};
use cop_bytecode::table::{Kind, OPCODES, OPS, UPDATES};

use crate::generated::check;
use crate::root;

/// A type as the text form writes it.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::I64 => "i64",
        Kind::F64 => "f64",
        Kind::Bool => "bool",
        Kind::Char => "char",
        Kind::Unit => "()",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::List => "list T",
        Kind::Map => "map K V",
        Kind::Set => "set T",
        Kind::T => "T",
        Kind::K => "K",
        Kind::V => "V",
        Kind::OptionI64 => "i64?",
        Kind::OptionF64 => "f64?",
        Kind::OptionChar => "char?",
        Kind::OptionString => "string?",
        Kind::OptionT => "T?",
        Kind::OptionV => "V?",
        Kind::Named => "the type it names",
    }
}

fn kinds(list: &[Kind]) -> String {
    let names: Vec<&str> = list.iter().map(|k| kind(*k)).collect();
    names.join(", ")
}

fn cost(cost: Cost) -> String {
    let plus = if cost.varies() { "+" } else { "" };
    format!("{}{plus}", cost.base())
}

fn traps(list: &[TrapKind]) -> String {
    let names: Vec<String> = list.iter().map(|t| format!("`{}`", t.name())).collect();
    names.join(", ")
}

/// The meaning, fit for a cell of a table.
fn meaning(doc: &str) -> String {
    doc.replace('|', "\\|")
}

fn structural() -> String {
    let mut out = String::from("| byte | name | fuel | meaning |\n|---|---|---|---|\n");
    for (code, name, price, doc) in OPCODES {
        let _ = writeln!(
            out,
            "| `{code:02x}` | `{name}` | {} | {} |",
            cost(*price),
            meaning(doc)
        );
    }
    out
}

fn operations() -> String {
    let mut out = String::from(
        "| byte | name | arguments | result | fuel | traps | meaning |\n|---|---|---|---|---|---|---|\n",
    );
    for row in OPS {
        let _ = writeln!(
            out,
            "| `{:02x}` | `{}` | {} | {} | {} | {} | {} |",
            row.code,
            row.name,
            kinds(row.args),
            kind(row.result),
            cost(row.cost),
            traps(row.traps),
            meaning(row.doc)
        );
    }
    out
}

fn updates() -> String {
    let mut out = String::from(
        "| byte | name | target | arguments | result | fuel | traps | meaning |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in UPDATES {
        let arguments: Vec<String> = row
            .args
            .iter()
            .enumerate()
            .map(|(i, k)| {
                let owned = if row.op.consumes(i) { "own " } else { "" };
                format!("{owned}{}", kind(*k))
            })
            .collect();
        let _ = writeln!(
            out,
            "| `2a {:02x}` | `{}` | {} | {} | {} | {} | {} | {} |",
            row.code,
            row.name,
            kind(row.target),
            arguments.join(", "),
            kind(row.result),
            cost(row.cost),
            traps(row.traps),
            meaning(row.doc)
        );
    }
    out
}

/// Every class of prices with the instructions that are in it.
fn prices() -> String {
    let mut out = String::from("| class | base | by size | instructions |\n|---|---|---|---|\n");
    for class in Cost::ALL {
        let structural = OPCODES
            .iter()
            .filter(|row| row.2 == *class)
            .map(|row| row.1);
        let plain = OPS.iter().filter(|row| row.cost == *class);
        let plain = plain.map(|row| row.name);
        let updates = UPDATES.iter().filter(|row| row.cost == *class);
        let mut names: Vec<String> = structural.chain(plain).map(|n| format!("`{n}`")).collect();
        names.extend(updates.map(|row| format!("`{}` in place", row.name)));
        let (name, by_size) = class.described();
        let _ = writeln!(
            out,
            "| {name} | {} | {by_size} | {} |",
            class.base(),
            names.join(", ")
        );
    }
    out
}

/// What is charged besides the classes.
fn rates() -> String {
    let rows = [
        ("each step of a path that is no inline field", cost::STEP),
        ("a step by key", Cost::Map.base() + Cost::Copy.base()),
        ("the start of a loop", cost::LOOP_START),
        (
            "constants, and words moved by calls, returns and jumps: so many together cost 1",
            cost::FREE_RUN,
        ),
        (
            "an entry, when a map or set grows or compacts",
            cost::PER_ENTRY,
        ),
        ("a byte of text that is walked or quoted", cost::PER_BYTE),
        (
            "a byte of text whose letters get the other case",
            cost::CASE_PER_BYTE,
        ),
    ];
    let mut out = format!(
        "Version {} of the prices.\n\n| what | fuel |\n|---|---|\n",
        cost::VERSION
    );
    for (what, fuel) in rows {
        let _ = writeln!(out, "| {what} | {fuel} |");
    }
    out
}

#[test]
fn the_prices_are_those_of_the_code() {
    let make = |name: &str| match name {
        "prices" => prices(),
        "rates" => rates(),
        other => panic!("nothing makes {other:?}"),
    };
    let page = root().join("docs/fuel.md");
    let counts = |line: &str| line.starts_with("| ") || line.starts_with("Version ");
    check(&page, &make, &counts, false);
}

fn trap_kinds() -> String {
    let mut out = String::from("| number | name | operands |\n|---|---|---|\n");
    for trap in TrapKind::ALL {
        let _ = writeln!(
            out,
            "| {} | `{}` | {} |",
            *trap as u8,
            trap.name(),
            trap.operands()
        );
    }
    out
}

#[test]
fn the_tables_of_the_bytecode_are_those_of_the_code() {
    let make = |name: &str| match name {
        "instructions" => structural(),
        "operations" => operations(),
        "operations in place" => updates(),
        "traps" => trap_kinds(),
        other => panic!("nothing makes {other:?}"),
    };
    let page = root().join("docs/bytecode.md");
    check(&page, &make, &|line| line.starts_with('|'), false);
}
