//! The standard library's sources, embedded: the compiler does no IO.

/// The source of a module of the library, by its import string (`std/web`, `host/kv`) or by its path among the core
/// (`core/list`); `None` if there is no such module.
pub fn source(path: &str) -> Option<&'static str> {
    SOURCES
        .iter()
        .find(|(known, _)| *known == path)
        .map(|(_, text)| *text)
}

/// Path and text of the modules of the core, which every module sees without an import, in order of their paths.
pub fn core() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES
        .iter()
        .copied()
        .filter(|(path, _)| path.starts_with("core/"))
}

macro_rules! sources {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../stdlib/", $path, ".cop"))),)*]
    };
}

/// Path and text of every module, in order of their paths.
pub(crate) const SOURCES: &[(&str, &str)] = sources! {
    "core/bytes"
    "core/char"
    "core/data"
    "core/eq"
    "core/float"
    "core/int"
    "core/json"
    "core/list"
    "core/map"
    "core/option"
    "core/ord"
    "core/program"
    "core/range"
    "core/result"
    "core/set"
    "core/shape"
    "core/show"
    "core/string"
    "core/traits"
    "core/values"
    "host/clock"
    "host/files"
    "host/http"
    "host/kv"
    "host/messages"
    "host/program"
    "host/random"
    "std/answer"
    "std/args"
    "std/base32"
    "std/base64"
    "std/big"
    "std/binary"
    "std/bits"
    "std/collections"
    "std/compress"
    "std/csv"
    "std/decimal"
    "std/diff"
    "std/form"
    "std/graph"
    "std/hash"
    "std/hex"
    "std/html"
    "std/iter"
    "std/json"
    "std/lists"
    "std/maps"
    "std/markdown"
    "std/math"
    "std/options"
    "std/path"
    "std/random"
    "std/regex"
    "std/router"
    "std/semver"
    "std/sets"
    "std/template"
    "std/test"
    "std/text"
    "std/time"
    "std/token"
    "std/unicode"
    "std/url"
    "std/uuid"
    "std/web"
    "std/xml"
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ast, diagnostic::Diagnostics, parser, source::SourceMap};

    #[test]
    fn paths_are_sorted_and_unique() {
        assert!(SOURCES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn every_module_parses() {
        for (path, text) in SOURCES {
            let mut files = SourceMap::new();
            let file = files.add(path, text);
            let mut found = Diagnostics::default();
            let tree = parser::parse(file, text, &mut found);
            assert!(tree.complete, "{path}: {found:#?}");
            assert!(found.is_empty(), "{path}: {found:#?}");
        }
    }

    #[test]
    fn bodies_that_are_left_out_are_what_they_are_in_the_whole() {
        let bodies = |file: &ast::File| -> Vec<ast::Block> {
            let of = |methods: &[ast::Method]| -> Vec<ast::Block> {
                let bodies = methods.iter().map(|method| method.function.body.clone());
                bodies.collect()
            };
            let items = file.items.iter().flat_map(|item| match &item.kind {
                ast::ItemKind::Function(function) => vec![function.body.clone()],
                ast::ItemKind::Struct(one) => of(&one.methods),
                ast::ItemKind::Enum(one) => of(&one.methods),
                ast::ItemKind::Impl(one) => of(&one.functions),
                ast::ItemKind::Trait(one) => {
                    let defaults = one.functions.iter();
                    defaults.filter_map(|one| one.default.clone()).collect()
                }
                _ => Vec::new(),
            });
            items.collect()
        };
        let mut count = 0;
        for (path, text) in SOURCES {
            let file = SourceMap::new().add(path, text);
            let mut found = Diagnostics::default();
            let whole = bodies(&parser::parse(file, text, &mut found));
            let (outline, left_out) = parser::outline(file, text, &mut found);
            let outline = bodies(&outline);
            assert_eq!(whole.len(), outline.len(), "{path}");
            count += left_out.len();
            for (whole, outline) in whole.iter().zip(&outline) {
                assert_eq!(whole.span, outline.span, "{path}");
                if left_out.contains(&whole.span) {
                    let body = parser::body(text, whole.span, &mut parser::Names::default());
                    assert_eq!(format!("{:?}", Some(whole)), format!("{body:?}"), "{path}");
                } else {
                    assert_eq!(format!("{whole:?}"), format!("{outline:?}"), "{path}");
                }
            }
        }
        assert!(count > 1000);
    }

    #[test]
    fn a_module_is_found_by_its_path() {
        assert!(source("core/list").is_some_and(|text| text.contains("struct List[T]")));
        assert_eq!(source("core/lists"), None);
    }
}
