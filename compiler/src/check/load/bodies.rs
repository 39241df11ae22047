//! The bodies of functions: when they are read, and where they are until they are checked.

use super::{Loaded, Loader, PackageId};
use crate::ast;
use crate::diagnostic::{Diagnostics, Severity};
use crate::parser::{self, Names};
use crate::source::{FileId, Span};
use rustc_hash::FxHashMap;

/// Bodies that were read, by their first byte.
pub(super) type Bodies = FxHashMap<u32, ast::Block>;

/// A file without its bodies, those that were read, and the names that were met.
type Parsed = (ast::File, Bodies, Names);

/// When the bodies of functions are read. Those of the library always wait until somebody needs them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Read {
    /// With their files.
    Now,
    /// When somebody needs them, where that can say nothing that the whole file would not.
    Later,
}

impl Loaded {
    /// A body of the module, whose `text` this is. It can be had once. `None` if it was to be read later, and is not in
    /// order; those of the library are, its tests see to that.
    pub(in crate::check) fn body(&self, text: &str, span: Span) -> Option<ast::Block> {
        let known = self.bodies.borrow_mut().remove(&span.start);
        known.or_else(|| crate::parser::body(text, span, &mut self.names.borrow_mut()))
    }
}

impl Loader<'_> {
    /// Parses a file, bodies too if they are read now.
    pub(super) fn parse(&mut self, package: PackageId, file: FileId, text: &str) -> Parsed {
        if package == PackageId::LIBRARY {
            let (mut ast, left_out) = parser::outline(file, text, self.diagnostics);
            let bodies = match left_out.is_empty() {
                true => taken(&mut ast),
                false => Bodies::default(),
            };
            return (ast, bodies, Names::default());
        }
        if self.bodies == Read::Later
            && let Some(outline) = outlined(file, text)
        {
            return outline;
        }
        let mut found = Diagnostics::new();
        let mut ast = parser::parse(file, text, &mut found);
        // What others should mend is not told to those who use it.
        let told = |severity| package == PackageId::OWN || severity == Severity::Error;
        let found = found.iter().filter(|one| told(one.severity));
        self.diagnostics.extend(found.cloned());
        let bodies = taken(&mut ast);
        (ast, bodies, Names::default())
    }
}

/// The bodies of functions and tests in a tree, by their first byte; empty ones stand there in their place.
fn taken(ast: &mut ast::File) -> Bodies {
    let mut bodies = Bodies::default();
    ast.each_body(&mut |body| {
        let empty = ast::Block::empty(body.span);
        bodies.insert(body.span.start, std::mem::replace(body, empty));
    });
    bodies
}

/// A file without the bodies of its functions, with those that were read all the same. `None` if that is not all there is to
/// know of it: something is to be said of the file, or what was left out is not the bodies of functions.
fn outlined(file: FileId, text: &str) -> Option<Parsed> {
    let (mut ast, left_out, names) = parser::outline_in_order(file, text)?;
    let (mut bodies, mut known) = (Bodies::default(), 0);
    ast.each_body(&mut |body| {
        let at = left_out.binary_search_by_key(&body.span.start, |span| span.start);
        if at.is_ok() {
            known += 1;
            return;
        }
        let empty = ast::Block::empty(body.span);
        bodies.insert(body.span.start, std::mem::replace(body, empty));
    });
    (known == left_out.len()).then_some((ast, bodies, names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The tree of a file whose bodies are read later, or nothing if that says that something is wrong with it.
    fn later(file: FileId, text: &str) -> Option<ast::File> {
        let (mut ast, mut bodies, mut names) = outlined(file, text)?;
        let mut whole = true;
        ast.each_body(&mut |body| {
            let read = bodies
                .remove(&body.span.start)
                .or_else(|| parser::body(text, body.span, &mut names));
            match read {
                Some(read) => *body = read,
                None => whole = false,
            }
        });
        whole.then_some(ast)
    }

    fn both_ways(text: &str) -> bool {
        let mut found = Diagnostics::new();
        let now = parser::parse(FileId(0), text, &mut found);
        let Some(later) = later(FileId(0), text) else {
            return false;
        };
        assert!(found.is_empty(), "{found:#?} in\n{text}");
        assert_eq!(format!("{now:?}"), format!("{later:?}"), "{text}");
        true
    }

    fn samples() -> Vec<String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let examples = std::fs::read_dir(here.join("../examples")).expect("there are examples");
        let mut paths: Vec<_> = examples.filter_map(|e| e.ok().map(|e| e.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "cop"));
        paths.push(here.join("tests/edges.cop"));
        paths.push(here.join("tests/everything.cop"));
        paths.sort();
        let texts = paths.iter().map(std::fs::read_to_string);
        texts.map(|text| text.expect("it can be read")).collect()
    }

    #[test]
    fn a_file_in_order_is_the_same_when_its_bodies_are_read_later() {
        let samples = samples();
        assert!(samples.iter().filter(|text| both_ways(text)).count() > samples.len() / 2);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_not_missed_when_its_bodies_are_read_later() {
        const SIGNS: [&str; 14] = [
            "{", "}", "\"", "'", "${", "\\", "(", ")", "//", "/// ", "\n", "-", "fn ", "\u{202e}",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % below
        };
        for text in samples() {
            for _ in 0..40 {
                let at = text.floor_char_boundary(random(text.len()));
                let rest = text[at..].chars().next().map_or(0, char::len_utf8) * random(2);
                let sign = SIGNS[random(SIGNS.len())];
                both_ways(&format!("{}{sign}{}", &text[..at], &text[at + rest..]));
            }
        }
    }

    #[test]
    fn braces_of_functions_in_fields_are_no_bodies() {
        for text in [
            "struct A {\n    f: fn(Int) -> Int = |x| { x + 1 }\n}\n\nfn main() {\n    print(\"a\")\n}\n",
            "struct A {\n    test: Int = if true { 1 } else { 2 }\n}\n",
            "fn f(test: Int) {\n    print(\"${test}\")\n}\n\ntest \"f\" {\n    f(1)\n}\n",
        ] {
            let _ = both_ways(text);
        }
    }
}
