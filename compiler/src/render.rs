//! Diagnostics as text for people and as JSON for tools.

use crate::diagnostic::{Diagnostic, Diagnostics, Edit, Label, Severity};
use crate::source::{FileId, SourceFile, SourceMap, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use indexmap::IndexMap;
use serde::Serialize;
use std::ops::Range;

/// How messages look. Of a `bool`: whether they have colours, for nobody's terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Whether there are colours, as ANSI escapes.
    pub colours: bool,
    /// The width of the terminal that they are for, if there is one: words are wrapped and long lines of source cut to it.
    pub columns: Option<u16>,
}

impl From<bool> for Look {
    fn from(colours: bool) -> Look {
        Look {
            colours,
            columns: None,
        }
    }
}

/// All diagnostics, each with its source, and how many there are. At most [`Diagnostics::SHOWN`] errors, and as many
/// warnings, are shown.
pub fn text(diagnostics: &Diagnostics, files: &SourceMap, look: impl Into<Look>) -> String {
    let look = look.into();
    let sorted = diagnostics.sorted();
    let mut out = String::new();
    for severity in [Severity::Error, Severity::Warning] {
        for diagnostic in sorted
            .iter()
            .filter(|one| one.severity == severity)
            .take(Diagnostics::SHOWN)
        {
            out.push_str(&one(diagnostic, files, look));
            out.push_str("\n\n");
        }
    }
    if !sorted.is_empty() {
        out.push_str(&summary(&sorted));
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`, and what was not shown.
fn summary(sorted: &[&Diagnostic]) -> String {
    let mut parts = Vec::new();
    for (severity, word) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
        let count = sorted
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count();
        let plural = if count == 1 { "" } else { "s" };
        match count.checked_sub(Diagnostics::SHOWN) {
            Some(hidden) if hidden > 0 => {
                parts.push(format!("{count} {word}{plural} ({hidden} not shown)"))
            }
            _ if count > 0 => parts.push(format!("{count} {word}{plural}")),
            _ => {}
        }
    }
    parts.join(", ")
}

/// One diagnostic with its source, without a line break at the end.
pub fn one(diagnostic: &Diagnostic, files: &SourceMap, look: impl Into<Look>) -> String {
    let look = look.into();
    if let Some(columns) = look.columns {
        return wide(&wrapped(diagnostic, columns), files, look);
    }
    wide(diagnostic, files, look)
}

/// Narrower terminals are not written for.
const COLUMNS_MIN: u16 = 40;
/// Columns before the text of a note: `  = help: `, and a line number.
const COLUMNS_BEFORE: usize = 14;

/// With words that do not fit into the terminal's width on further lines.
fn wrapped(diagnostic: &Diagnostic, columns: u16) -> Diagnostic {
    let width = usize::from(columns.max(COLUMNS_MIN)) - COLUMNS_BEFORE;
    let mut narrow = diagnostic.clone();
    narrow.title = wrap(&narrow.title, width);
    narrow.notes = narrow.notes.iter().map(|note| wrap(note, width)).collect();
    narrow.help = narrow.help.map(|help| wrap(&help, width));
    narrow
}

/// Breaks lines at blanks, so that none has more than `width` characters if that can be.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut used = 0;
    for (index, word) in text.split(' ').enumerate() {
        let size = word.chars().count();
        if index > 0 && used + 1 + size > width {
            out.push('\n');
            used = 0;
        } else if index > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used = match word.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => used + size,
        };
    }
    out
}

fn wide(diagnostic: &Diagnostic, files: &SourceMap, look: Look) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&diagnostic.title)
        .id(diagnostic.code)
        .elements(places(diagnostic, files));
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    let mut groups = vec![group];
    match (&diagnostic.help, patched(&diagnostic.edits, files)) {
        (help, Some(snippet)) => {
            let title = help.as_deref().unwrap_or("write it like this");
            groups.push(Level::HELP.secondary_title(title).element(snippet));
        }
        (Some(help), None) => groups.push(Group::with_title(Level::HELP.secondary_title(help))),
        (None, None) => {}
    }
    let renderer = match look.colours {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let renderer = match look.columns {
        Some(columns) => renderer.term_width(usize::from(columns.max(COLUMNS_MIN))),
        None => renderer,
    };
    renderer.render(&groups)
}

type Annotated<'a> = Snippet<'a, annotate_snippets::Annotation<'a>>;

/// The labelled source, file by file, that of the primary label first.
fn places<'a>(diagnostic: &'a Diagnostic, files: &'a SourceMap) -> Vec<Annotated<'a>> {
    let primary = diagnostic
        .primary
        .iter()
        .map(|label| (AnnotationKind::Primary, label));
    let secondary = diagnostic
        .secondary
        .iter()
        .map(|label| (AnnotationKind::Context, label));
    let mut by_file: IndexMap<FileId, Vec<(AnnotationKind, &Label)>> = IndexMap::new();
    for (kind, label) in primary.chain(secondary) {
        by_file
            .entry(label.span.file)
            .or_default()
            .push((kind, label));
    }
    let annotated = by_file.into_iter().map(|(file, labels)| {
        let window = Window::around(files.file(file), labels.iter().map(|(_, label)| label.span));
        let annotations = labels.into_iter().map(|(kind, label)| {
            let text = Some(label.text.as_str()).filter(|text| !text.is_empty());
            kind.span(window.range(label.span)).label(text)
        });
        window.snippet().annotations(annotations)
    });
    annotated.collect()
}

/// The source as it would look with the edits, which lie in one file; `None` if there is none that can be shown.
fn patched<'a>(edits: &'a [Edit], files: &'a SourceMap) -> Option<Snippet<'a, Patch<'a>>> {
    let file = edits.first()?.span.file;
    let edits = edits.iter().filter(|edit| edit.span.file == file);
    let window = Window::around(files.file(file), edits.clone().map(|edit| edit.span));
    // The renderer cuts long lines at labels, but not at patches.
    let long = |text: &str| text.lines().any(|line| line.len() > LONG_LINE);
    if long(window.text) || edits.clone().any(|edit| long(&edit.text)) {
        return None;
    }
    let patches = edits.map(|edit| Patch::new(window.range(edit.span), edit.text.as_str()));
    Some(window.snippet().patches(patches))
}

/// Lines longer than this, in bytes, are not shown twice.
const LONG_LINE: usize = 400;
/// Lines to show above and below what is pointed at.
const CONTEXT_LINES: u32 = 2;

/// The lines of a file around some places; the renderer reads all it is given, so it is not given whole files.
struct Window<'a> {
    path: &'a str,
    text: &'a str,
    first_line: u32,
    start: usize,
}

impl<'a> Window<'a> {
    fn around(file: &'a SourceFile, spans: impl Iterator<Item = Span> + Clone) -> Self {
        let first = spans
            .clone()
            .map(|span| file.line_column(span.start).line)
            .min()
            .unwrap_or(1);
        let reach = spans.map(|span| span.end).max().unwrap_or(0);
        let last = file.line_column(reach).line;
        let mut first_line = first.saturating_sub(CONTEXT_LINES).max(1);
        if file.line_start(first) - file.line_start(first_line) > LONG_LINE {
            first_line = first;
        }
        let start = file.line_start(first_line);
        // What follows in a line of megabytes is not read; what comes before decides the columns.
        let most = file.text.floor_char_boundary(reach as usize + LONG_LINE);
        let end = file.line_start(last + CONTEXT_LINES + 1).min(most);
        Window {
            path: &file.path,
            text: &file.text[start..end],
            first_line,
            start,
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        span.start as usize - self.start..span.end as usize - self.start
    }

    fn snippet<T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text)
            .line_start(self.first_line as usize)
            .path(self.path)
    }
}

/// All diagnostics as a JSON array, in order of their places, none left out.
pub fn json(diagnostics: &Diagnostics, files: &SourceMap) -> String {
    let list: Vec<JsonDiagnostic<'_>> = diagnostics
        .sorted()
        .iter()
        .map(|one| JsonDiagnostic::new(one, files))
        .collect();
    serde_json::to_string(&list).expect("texts and numbers are always JSON")
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'a str,
    severity: &'a str,
    title: &'a str,
    /// Where it is about; `null` for the whole package.
    place: Option<JsonPlace<'a>>,
    labels: Vec<JsonPlace<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    edits: Vec<JsonPlace<'a>>,
}

/// A stretch of a file, with its label or with what should replace it. Lines and columns count from 1, columns in
/// characters; bytes from 0.
#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    start_byte: u32,
    end_byte: u32,
    text: &'a str,
}

impl<'a> JsonDiagnostic<'a> {
    fn new(diagnostic: &'a Diagnostic, files: &'a SourceMap) -> Self {
        let label = |label: &'a Label| JsonPlace::new(label.span, &label.text, files);
        JsonDiagnostic {
            code: diagnostic.code,
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            title: &diagnostic.title,
            place: diagnostic.primary.as_ref().map(label),
            labels: diagnostic.secondary.iter().map(label).collect(),
            notes: &diagnostic.notes,
            help: diagnostic.help.as_deref(),
            edits: diagnostic
                .edits
                .iter()
                .map(|edit| JsonPlace::new(edit.span, &edit.text, files))
                .collect(),
        }
    }
}

impl<'a> JsonPlace<'a> {
    fn new(span: Span, text: &'a str, files: &'a SourceMap) -> Self {
        let file = files.file(span.file);
        let (start, end) = (file.line_column(span.start), file.line_column(span.end));
        JsonPlace {
            file: &file.path,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            start_byte: span.start,
            end_byte: span.end,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Diagnostics, SourceMap) {
        let mut files = SourceMap::new();
        let file = files.add("main.cop", "fn main() {\n    let x = 1;\n}\n");
        let mut all = Diagnostics::new();
        let semicolon = Span::new(file, 25, 26);
        all.push(
            Diagnostic::error("E0101", "`;` ends nothing in cop")
                .at(semicolon, "here")
                .also(Span::new(file, 20, 21), "`x` is named here")
                .note("a note")
                .help("leave it out")
                .edit(semicolon, ""),
        );
        (all, files)
    }

    #[test]
    fn text_shows_place_labels_and_edit() {
        let (all, files) = sample();
        let shown = text(&all, &files, false);
        for part in [
            "error[E0101]: `;` ends nothing in cop",
            "main.cop:2:14",
            "here",
            "a note",
            "help: leave it out",
            "1 error\n",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
        assert!(!shown.contains('\u{1b}'));
        assert!(text(&all, &files, true).contains('\u{1b}'));
    }

    #[test]
    fn messages_are_as_wide_as_the_terminal() {
        let mut files = SourceMap::new();
        let line = format!("    let x = {}1;\n", "1 + ".repeat(60));
        let file = files.add("main.cop", &line);
        let end = line.len();
        let message = Diagnostic::error("E0101", "`;` ends nothing in cop")
            .at(Span::new(file, end - 2, end - 1), "")
            .help("a line break ends a statement; leave the `;` out, and all others of this file as well");
        let look = |columns| Look {
            colours: false,
            columns: Some(columns),
        };
        let widest = |shown: String| shown.lines().map(|line| line.chars().count()).max();
        assert!(widest(one(&message, &files, look(60))) <= Some(60));
        assert!(widest(one(&message, &files, false)) > Some(60));
        // Narrower ones get no narrower text.
        assert_eq!(
            one(&message, &files, look(1)),
            one(&message, &files, look(COLUMNS_MIN))
        );
        assert_eq!(wrap("a  b ccc dd", 4), "a  b\nccc\ndd");
        assert_eq!(wrap("longest\nb c", 3), "longest\nb c");
    }

    #[test]
    fn json_has_places_both_ways() {
        let (all, files) = sample();
        let list: serde_json::Value = serde_json::from_str(&json(&all, &files)).expect("JSON");
        assert_eq!(list[0]["place"]["line"], 2);
        assert_eq!(list[0]["place"]["column"], 14);
        assert_eq!(list[0]["edits"][0]["start_byte"], 25);
        assert_eq!(list[0]["help"], "leave it out");
    }
}
