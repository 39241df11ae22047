//! The library chapters of the book: what `stdlib/` declares as `pub`, with its doc comments.
//!
//! A part is named by a module (`std/web`), or by a type of a module (`core/list List`); `the others` are the modules of `std`
//! that no other part is about. A chapter is stale if it shows what the library does not have. What is new in the library is
//! not missed before the next update.

use std::fmt::Write as _;

use crate::generated::{check, names};
use crate::{pages, root};

/// Something that a module offers.
struct Entry {
    /// How it is written, without its body.
    signature: String,
    /// Its doc comment.
    doc: String,
    /// Whether it stands inside the type before it.
    member: bool,
}

/// What the source of a module offers, and what it says of itself.
fn entries(source: &str) -> (String, Vec<Entry>) {
    let (mut module, mut doc) = (String::new(), String::new());
    let mut found: Vec<Entry> = Vec::new();
    let mut marks = String::new();
    // What kind of body the lines are in: none, that of a type, that of a trait, or one that shows nothing.
    let mut body = ' ';
    for line in source.lines() {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if let Some(rest) = text.strip_prefix("//!") {
            let _ = writeln!(module, "{}", rest.trim_start());
        } else if let Some(rest) = text.strip_prefix("///") {
            let _ = writeln!(doc, "{}", rest.strip_prefix(' ').unwrap_or(rest));
        } else if text.starts_with('@') {
            marks.push_str(text);
        } else {
            let shown = match (depth, body) {
                (0, _) => text.starts_with("pub ") && !text.starts_with("pub import"),
                (4, 's') => text.starts_with("pub fn ") || is_field(text),
                (4, 'e') => text.starts_with("pub fn ") || is_variant(text),
                (4, 't') => text.starts_with("fn "),
                _ => false,
            };
            if depth == 0 && text.ends_with('{') {
                body = match text {
                    _ if text.starts_with("pub struct ") => 's',
                    _ if text.starts_with("pub opaque ") => 'o',
                    _ if text.starts_with("pub enum ") => 'e',
                    _ if text.starts_with("pub trait ") => 't',
                    _ => ' ',
                };
                // The functions of an opaque type are seen, its fields are not.
                if body == 'o' {
                    body = 'f';
                }
            }
            let shown = shown || depth == 4 && body == 'f' && text.starts_with("pub fn ");
            if shown {
                found.push(Entry {
                    signature: signature(text, &marks),
                    doc: std::mem::take(&mut doc),
                    member: depth > 0,
                });
            }
            doc.clear();
            marks.clear();
        }
    }
    (module, found)
}

fn is_field(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split_once(':')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

fn is_variant(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
}

/// How it is declared, without `pub` and without its body; with the condition of a `@where`.
fn signature(text: &str, marks: &str) -> String {
    let text = text.strip_prefix("pub ").unwrap_or(text);
    let declared = if text.starts_with("fn ") || text.ends_with('{') {
        text.split(" {").next().unwrap_or(text)
    } else if text.starts_with("const ") {
        text.split(" =").next().unwrap_or(text)
    } else {
        text
    };
    let constant = marks.contains("@constant");
    let mut out = if constant {
        let name = declared.trim_start_matches("fn ");
        let (name, ty) = name.split_once("() -> ").unwrap_or((name, ""));
        format!("{name}: {ty}")
    } else {
        declared.trim_start_matches("fn ").to_owned()
    };
    let condition = marks
        .split_once("@where(\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    if let Some((condition, _)) = condition {
        let _ = write!(out, "  where {condition}");
    }
    out
}

/// The part of a page about a module, or about one type of it.
fn part(name: &str) -> String {
    let (module, only) = match name.split_once(' ') {
        Some((module, ty)) => (module, Some(ty)),
        None => (name, None),
    };
    let path = root().join("stdlib").join(format!("{module}.cop"));
    let source =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (about, found) = entries(&source);
    let mut out = String::new();
    if only.is_none() && !module.starts_with("core/") {
        let _ = write!(out, "\n{}", foreign(&about));
    }
    let mut inside = only.is_none();
    let mut listing = false;
    let mut in_type = false;
    for entry in found {
        if let (Some(only), false) = (only, entry.member) {
            inside = named(&entry.signature) == only;
        }
        if !inside {
            continue;
        }
        let is_function = is_function(&entry.signature);
        if entry.member || is_function {
            // Functions of the module do not belong to the type above them.
            if !entry.member && in_type {
                out.push_str("\n#### Functions\n");
                listing = false;
            }
            in_type = entry.member;
            if !listing {
                out.push('\n');
            }
            listing = true;
            let doc = entry.doc.trim_end().replace('\n', "\n  ");
            let doc = doc.replace("\n  \n", "\n\n");
            let _ = writeln!(out, "- `{}`  \n  {doc}", entry.signature);
        } else {
            listing = false;
            in_type = true;
            let _ = write!(
                out,
                "\n#### `{}`\n\n{}",
                entry.signature,
                foreign(&entry.doc)
            );
        }
    }
    assert!(!out.is_empty(), "there is no {name}");
    out.push('\n');
    out
}

/// Examples in doc comments are run by the library's own tests, which know what they import.
fn foreign(doc: &str) -> String {
    doc.replace("```cop\n", "```cop,std\n")
}

/// The name that `struct List[T]` declares.
fn named(signature: &str) -> &str {
    let name = signature
        .split(' ')
        .find(|word| word.starts_with(|c: char| c.is_ascii_uppercase()) || word.contains('('));
    name.unwrap_or("")
        .split(['[', ':', '('])
        .next()
        .unwrap_or("")
}

fn is_function(signature: &str) -> bool {
    signature.starts_with(|c: char| c.is_ascii_lowercase()) && {
        let word = signature.split(' ').next().unwrap_or("");
        !matches!(
            word,
            "struct" | "enum" | "trait" | "opaque" | "type" | "const"
        )
    }
}

/// The modules of `std` and `host` that none of `named` is about.
fn others(named: &[String]) -> String {
    let mut modules: Vec<String> = Vec::new();
    for folder in ["host", "std"] {
        for entry in std::fs::read_dir(root().join("stdlib").join(folder)).expect("it is there") {
            let path = entry.expect("it can be read").path();
            let stem = path.file_stem().expect("a name").to_string_lossy();
            modules.push(format!("{folder}/{stem}"));
        }
    }
    modules.sort();
    modules.retain(|module| !named.contains(module));
    let parts = modules.iter().map(|m| format!("\n## {m}\n{}", part(m)));
    Some(parts.collect::<String>())
        .filter(|parts| !parts.is_empty())
        .unwrap_or_else(|| "\nThere is none.\n\n".to_owned())
}

#[test]
fn the_library_chapters_show_what_there_is() {
    let chapters: Vec<_> = pages()
        .into_iter()
        .filter(|path| path.parent().is_some_and(|p| p.ends_with("library")))
        .collect();
    let mut named: Vec<String> = Vec::new();
    for path in &chapters {
        let page = std::fs::read_to_string(path).expect("the page can be read");
        named.extend(names(&page).iter().map(|n| n.to_string()));
    }
    let make = |name: &str| match name {
        "the others" => others(&named),
        _ => part(name),
    };
    // Signatures, not the words about them: those may be polished without a thought for this page.
    let counts = |line: &str| line.starts_with("- `") || line.starts_with("#### ");
    for path in &chapters {
        check(path, &make, &counts, true);
    }
}
