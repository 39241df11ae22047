//! `[capabilities]` in `cop.toml`: how far what the entry point takes reaches.

use super::Reader;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

const HELP: &str = "write `[capabilities]`, and below it `http = [\"https://api.example.org\"]`";

impl Reader<'_> {
    /// The origins that the program may ask. What stands behind the scheme is looked at by who builds the bundle.
    pub(super) fn http_origins(&mut self, table: &DeTable<'_>) -> Vec<String> {
        let Some(value) = table.get("capabilities") else {
            return Vec::new();
        };
        let DeValue::Table(named) = value.get_ref() else {
            self.refuse("`capabilities` is a table", value.span());
            return Vec::new();
        };
        let mut origins = Vec::new();
        for (name, value) in named {
            if name.get_ref() != "http" {
                let title = format!("`{}` is no capability with settings", name.get_ref());
                self.refuse(&title, name.span());
                continue;
            }
            let DeValue::Array(items) = value.get_ref() else {
                self.refuse("`http` is a list of origins", value.span());
                continue;
            };
            for item in items.iter() {
                let text = match item.get_ref() {
                    DeValue::String(text) => text.to_string(),
                    _ => String::new(),
                };
                let rest = text
                    .strip_prefix("https://")
                    .or(text.strip_prefix("http://"));
                let is_origin = rest.is_some_and(|rest| {
                    let allowed = |byte: u8| {
                        byte.is_ascii_lowercase()
                            || byte.is_ascii_digit()
                            || b".-_:[]".contains(&byte)
                    };
                    !rest.is_empty() && rest.bytes().all(allowed)
                });
                match is_origin {
                    true if origins.contains(&text) => {
                        self.refuse(&format!("`{text}` is listed twice"), item.span());
                    }
                    true => origins.push(text),
                    false => self.refuse(
                        "an origin is `https://` or `http://` and a host in small letters, without a path",
                        item.span(),
                    ),
                }
            }
        }
        origins
    }

    fn refuse(&mut self, title: &str, place: Range<usize>) {
        self.report("E0803", title, place, "", Some(HELP));
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Diagnostics;
    use crate::manifest::parse;
    use crate::source::SourceMap;

    fn read(capabilities: &str) -> (Vec<String>, usize) {
        let text = format!("name = \"a\"\n{capabilities}\n");
        let mut files = SourceMap::new();
        let file = files.add("cop.toml", &text);
        let mut diagnostics = Diagnostics::new();
        let manifest = parse(file, &text, &mut diagnostics).expect("a manifest");
        (manifest.http_origins, diagnostics.sorted().len())
    }

    #[test]
    fn origins_are_listed() {
        let (origins, faults) =
            read("[capabilities]\nhttp = [\"https://a.org\", \"http://[::1]:8080\"]");
        assert_eq!((origins.len(), faults), (2, 0));
        assert_eq!(read("").0, [""; 0]);
        for wrong in [
            "capabilities = 1",
            "[capabilities]\nkv = 1",
            "[capabilities]\nhttp = \"https://a.org\"",
            "[capabilities]\nhttp = [1]",
            "[capabilities]\nhttp = [\"a.org\"]",
            "[capabilities]\nhttp = [\"https://\"]",
            "[capabilities]\nhttp = [\"https://a.org/x\"]",
            "[capabilities]\nhttp = [\"https://A.org\"]",
            "[capabilities]\nhttp = [\"https://a.org\", \"https://a.org\"]",
        ] {
            assert_eq!(read(wrong).1, 1, "{wrong}");
        }
    }
}
