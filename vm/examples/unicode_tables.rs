//! Writes `vm/src/unicode/tables.rs` from the toolchain's tables. Run once per edition, by hand:
//!
//! ```text
//! cargo run -p cop-vm --example unicode_tables > vm/src/unicode/tables.rs
//! ```
//!
//! The output is data of the edition: a newer toolchain has newer tables, and a program must not notice.

#![expect(
    clippy::disallowed_methods,
    reason = "the tables are made from what the toolchain knows"
)]

fn main() {
    let (major, minor, micro) = char::UNICODE_VERSION;
    println!("//! Unicode tables of the edition: Unicode {major}.{minor}.{micro}.");
    println!("//!");
    println!(
        "//! Written by `vm/examples/unicode_tables.rs` and never again within an edition. Properties are sorted"
    );
    println!(
        "//! ranges, both ends included; mappings are sorted by character and list only those that change."
    );
    println!();
    println!("/// The version of Unicode.");
    println!("pub const VERSION: (u8, u8, u8) = ({major}, {minor}, {micro});");
    property("WHITE_SPACE", "White_Space", char::is_whitespace);
    property("ALPHABETIC", "Alphabetic", char::is_alphabetic);
    property("UPPERCASE", "Uppercase", char::is_uppercase);
    property("LOWERCASE", "Lowercase", char::is_lowercase);
    property(
        "CASE_IGNORABLE",
        "Case_Ignorable, for final sigma",
        case_ignorable,
    );
    property(
        "CASED",
        "Cased and not Case_Ignorable, for final sigma",
        cased,
    );
    mapping("TO_UPPER", "Full upper-case mapping", |c| {
        c.to_uppercase().collect()
    });
    mapping(
        "TO_LOWER",
        "Full lower-case mapping, without final sigma",
        |c| c.to_lowercase().collect(),
    );
}

/// Whether a sigma after this text is final: the standard library skips what is Case_Ignorable, backwards, and
/// asks whether what stands there is Cased.
fn final_after(text: &str) -> bool {
    format!("{text}Σ").to_lowercase().ends_with('ς')
}

fn case_ignorable(c: char) -> bool {
    final_after(&format!("a{c}")) && !final_after(&format!("1{c}"))
}

fn cased(c: char) -> bool {
    final_after(&format!("1{c}"))
}

fn property(name: &str, title: &str, holds: impl Fn(char) -> bool) {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for c in '\0'..=char::MAX {
        if holds(c) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == c as u32 => *last = c as u32,
                _ => ranges.push((c as u32, c as u32)),
            }
        }
    }
    println!("\n/// {title}.\n#[rustfmt::skip]\npub const {name}: &[(u32, u32)] = &[");
    for row in ranges.chunks(7) {
        let row: Vec<String> = row
            .iter()
            .map(|(a, b)| format!("({a:#x}, {b:#x}),"))
            .collect();
        println!("    {}", row.join(" "));
    }
    println!("];");
}

fn mapping(name: &str, title: &str, map: impl Fn(char) -> String) {
    let changed = ('\0'..=char::MAX)
        .map(|c| (c, map(c)))
        .filter(|(c, to)| *to != c.to_string());
    let changed: Vec<(char, String)> = changed.collect();
    println!("\n/// {title}.\n#[rustfmt::skip]\npub const {name}: &[(u32, &str)] = &[");
    for row in changed.chunks(6) {
        let row: Vec<String> = row
            .iter()
            .map(|(c, to)| format!("({:#x}, \"{}\"),", *c as u32, to.escape_unicode()))
            .collect();
        println!("    {}", row.join(" "));
    }
    println!("];");
}
