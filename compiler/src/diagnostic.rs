//! What the compiler has to say about a program, as data.
//!
//! A [`Diagnostic`] knows nothing of how it is printed; [`crate::render`] turns it into text or JSON. The style is that
//! of the language's messages: the title is lower case, without a full stop, code in backticks; the label says what is
//! so *here*, the help what to do, and the edit is what could be typed in.

use crate::source::Span;
use std::borrow::Cow;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The program is not compiled.
    Error,
    /// The program is compiled all the same.
    Warning,
}

/// A remark at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is so here; may be empty.
    pub text: String,
}

/// A change that would mend the program: what the span covers becomes the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What to replace; empty to insert.
    pub span: Span,
    /// By what; empty to remove.
    pub text: String,
}

/// One message about a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its number in the table of [`crate::codes`]: `E0201`, `W0101`.
    pub code: &'static str,
    /// Whether it keeps the program from being compiled.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// The place it is about; only messages about the whole package have none.
    pub primary: Option<Label>,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// Reasons and rules.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// How the source would look when done; several edits belong together.
    pub edits: Vec<Edit>,
}

impl Diagnostic {
    /// An error. The title is lower case, without a full stop.
    pub fn error(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, title.into())
    }

    /// A warning. The title is lower case, without a full stop.
    pub fn warning(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, title.into())
    }

    fn new(code: &'static str, severity: Severity, title: String) -> Self {
        Diagnostic {
            code,
            severity,
            title: shortened(title),
            primary: None,
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
            edits: Vec::new(),
        }
    }

    /// Says where: the place the message is about, with a label that may be empty.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some(Label {
            span,
            text: shortened(label.into()),
        });
        self
    }

    /// Points at another place that explains the message.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: shortened(label.into()),
        });
        self
    }

    /// Adds a reason or a rule.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(shortened(text.into()));
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(shortened(text.into()));
        self
    }

    /// Offers a change that mends it. Edits of one diagnostic are applied together and do not overlap.
    pub fn edit(mut self, span: Span, text: impl Into<String>) -> Self {
        self.edits.push(Edit {
            span,
            text: text.into(),
        });
        self
    }
}

/// Names longer than this are shown without their middle, in bytes.
const LONG_NAME: usize = 160;

/// Texts longer than this are shown likewise, such as the signature of a function with thousands of parameters.
const LONG_TEXT: usize = 2000;

/// A text without the middle of names that no line can hold.
fn shortened(text: String) -> String {
    if text.len() <= LONG_NAME {
        return text;
    }
    let words: Vec<_> = text
        .split(' ')
        .map(|word| without_middle(word, LONG_NAME))
        .collect();
    without_middle(&words.join(" "), LONG_TEXT).into_owned()
}

fn without_middle(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let start = text.floor_char_boundary(most / 2);
    let end = text.ceil_char_boundary(text.len() - most / 4);
    format!("{}…{}", &text[..start], &text[end..]).into()
}

/// The messages of a compilation, in any order until they are [sorted](Diagnostics::sorted).
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// At most this many errors, and as many warnings, are shown; the rest is only counted.
    pub const SHOWN: usize = 20;
    /// At most this many errors, and as many warnings, are kept; nobody reads the rest.
    pub const KEPT: usize = 1000;

    /// No messages yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message, unless there are [`Diagnostics::KEPT`] of its severity.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if *count < Self::KEPT {
            *count += 1;
            self.list.push(diagnostic);
        }
    }

    /// Adds many messages.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        more.into_iter()
            .for_each(|diagnostic| self.push(diagnostic));
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All messages by place, those about the whole package first; of messages of one code at one place only the first.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let place = |diagnostic: &Diagnostic| diagnostic.primary.as_ref().map(|label| label.span);
        let mut sorted: Vec<&Diagnostic> = self.list.iter().collect();
        sorted.sort_by_key(|diagnostic| place(diagnostic));
        let mut seen = std::collections::BTreeSet::new();
        sorted.retain(|diagnostic| {
            let without_place = diagnostic
                .primary
                .is_none()
                .then_some(diagnostic.title.as_str());
            seen.insert((place(diagnostic), diagnostic.code, without_place))
        });
        sorted
    }

    /// All messages as they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn long_names_lose_their_middle() {
        let name = "é".repeat(1000);
        let error = Diagnostic::error("E0301", format!("nothing is called `{name}` here"));
        assert!(error.title.len() < 200);
        assert!(error.title.starts_with("nothing is called `é"));
        assert!(error.title.contains('…') && error.title.ends_with("é` here"));
        assert_eq!(shortened("of few letters".into()), "of few letters");
    }

    #[test]
    fn sorted_goes_by_place_and_drops_repetitions() {
        let span = |start| Span::new(FileId(0), start, start + 1);
        let mut all = Diagnostics::new();
        all.push(Diagnostic::error("E0201", "second").at(span(9), ""));
        all.push(Diagnostic::warning("W0101", "first").at(span(3), ""));
        all.push(Diagnostic::error("E0201", "second again").at(span(9), ""));
        all.push(Diagnostic::error("E0216", "whole"));
        let titles: Vec<&str> = all
            .sorted()
            .iter()
            .map(|diagnostic| diagnostic.title.as_str())
            .collect();
        assert_eq!(titles, ["whole", "first", "second"]);
    }
}
