//! The standard library's sources, embedded: the compiler does no IO.

/// The source of a module of the library, by its import string (`std/web`, `host/kv`) or by its path among the core
/// (`core/list`); `None` if there is no such module.
pub fn source(path: &str) -> Option<&'static str> {
    SOURCES
        .iter()
        .find(|(known, _)| *known == path)
        .map(|(_, text)| *text)
}

/// Path and text of every module, in order of their paths.
const SOURCES: &[(&str, &str)] = &[];
