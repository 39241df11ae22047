//! Signs that other languages have, `;` first of all. Each is reported and then read as what stands for it here.

use super::{Integer, MAX_LOOK, Scanner, Spanned, Token};
use crate::diagnostic::Diagnostic;
use std::ops::Range;

/// A sign: what to say about it, and what to write instead.
struct Sign {
    sign: &'static str,
    title: &'static str,
    help: &'static str,
    /// What can be typed in its place, if that needs no look at its surroundings.
    instead: Option<&'static str>,
    read_as: &'static [Token],
}

const SIGNS: &[Sign] = &[
    Sign {
        sign: "++",
        title: "there is no `++`",
        help: "add one by an assignment",
        instead: Some(" += 1"),
        read_as: &[Token::AddEq, Token::Int(Integer::Decimal(1))],
    },
    Sign {
        sign: "**",
        title: "there is no operator `**`",
        help: "powers are a method: `x.pow(2)`",
        instead: None,
        read_as: &[Token::Star],
    },
    Sign {
        sign: "**=",
        title: "there is no operator `**`",
        help: "powers are a method: `x = x.pow(2)`",
        instead: None,
        read_as: &[Token::MulEq],
    },
    Sign {
        sign: "===",
        title: "there is no `===`",
        help: "`==` compares values, and both sides have one type",
        instead: Some("=="),
        read_as: &[Token::EqEq],
    },
    Sign {
        sign: "!==",
        title: "there is no `!==`",
        help: "`!=` compares values, and both sides have one type",
        instead: Some("!="),
        read_as: &[Token::Ne],
    },
    Sign {
        sign: "<>",
        title: "there is no `<>`",
        help: "not equal is `!=`",
        instead: Some("!="),
        read_as: &[Token::Ne],
    },
    Sign {
        sign: "=<",
        title: "there is no `=<`",
        help: "less or equal is `<=`",
        instead: Some("<="),
        read_as: &[Token::Le],
    },
    Sign {
        sign: "&&=",
        title: "there is no `&&=`",
        help: "write the variable twice: `ok = ok && more`",
        instead: None,
        read_as: &[Token::Eq],
    },
    Sign {
        sign: "||=",
        title: "there is no `||=`",
        help: "write the variable twice: `ok = ok || more`",
        instead: None,
        read_as: &[Token::Eq],
    },
    Sign {
        sign: "??=",
        title: "there is no `??=`",
        help: "write the variable twice: `name = Some(name ?? other)`",
        instead: None,
        read_as: &[Token::Eq],
    },
    Sign {
        sign: "::",
        title: "there is no `::`",
        help: "names in modules and types follow a point",
        instead: Some("."),
        read_as: &[Token::Dot],
    },
    Sign {
        sign: ":=",
        title: "there is no `:=`",
        help: "`let name = value` binds, `name = value` assigns",
        instead: Some("="),
        read_as: &[Token::Eq],
    },
    Sign {
        sign: "...",
        title: "there is no `...`",
        help: "ranges, the rest of a pattern and the other fields of a struct are all written `..`",
        instead: Some(".."),
        read_as: &[Token::DotDot],
    },
    Sign {
        sign: "..<",
        title: "there is no `..<`",
        help: "`a..b` is without `b` already; `a..=b` is with it",
        instead: Some(".."),
        read_as: &[Token::DotDot],
    },
    Sign {
        sign: "|>",
        title: "there is no `|>`",
        help: "calls are chained by methods: `text.trim().words()`",
        instead: None,
        read_as: &[Token::Bar],
    },
];

impl Scanner<'_> {
    /// `;` is reported and then taken for the line break that it stands for elsewhere.
    pub(super) fn semicolon(&mut self, span: Range<usize>) {
        let rest = self.logos.remainder().trim_start_matches([' ', '\t', '\r']);
        let at_end =
            rest.is_empty() || rest.starts_with(['\n', '}', ';']) || rest.starts_with("//");
        if let Some(open) = self.open.last().filter(|open| open.of_for) {
            return self.semicolon_in_for(open.at.start, span);
        }
        let found =
            Diagnostic::error("E0101", "`;` ends nothing in cop").at(self.span(span.clone()), "");
        let found = if at_end {
            found
                .help("a line break ends a statement; leave the `;` out")
                .edit(self.span(span.clone()), "")
        } else {
            found
                .help("a line break ends a statement; write the next one on a line of its own")
                .edit(
                    self.span(span.start..self.text.len() - rest.len()),
                    format!("\n{}", self.indentation(span.start)),
                )
        };
        self.out.found.push(found);
        if !self.breaks_count() {
            self.out.mended.push(span.clone());
        }
        self.newline(span);
    }

    /// `for (i = 0; i < n; i += 1)`, reported at its first `;`.
    fn semicolon_in_for(&mut self, opened: usize, span: Range<usize>) {
        if !matches!(self.out.mended.last(), Some(place) if place.start >= opened) {
            let error = Diagnostic::error("E0101", "a `for` walks a collection or a range")
                .at(self.span(span.clone()), "it has no parts between `;`")
                .help("`for i in 0..n { ... }`; for all else there is `while`");
            self.out.found.push(error);
        }
        self.out.mended.push(span);
    }

    pub(super) fn foreign(&mut self, span: Range<usize>) {
        let sign = &self.text[span.clone()];
        let Some(known) = SIGNS.iter().find(|known| known.sign == sign) else {
            return self.two_minus(span);
        };
        let place = self.span(span.clone());
        let mut found = Diagnostic::error("E0202", known.title)
            .at(place, "")
            .help(known.help);
        if sign == ":=" && self.begins_with_a_name() {
            return self.bind(&span, found);
        }
        if sign == ":=" && self.head_of_go_loop(&span) {
            return;
        }
        let in_for = self.open.last().is_some_and(|open| open.of_for);
        let alone = in_for || !self.place_before(span.start).is_empty();
        if sign == "++" && self.follows_operand() && !alone {
            // Inside an expression: the value is what it would be then.
            let found = Diagnostic::error("E0202", known.title)
                .at(place, "")
                .help("assignments have no value: change the variable on a line of its own")
                .edit(place, " + 1");
            self.out.found.push(found);
            self.push(Token::Plus, span.clone());
            self.push(Token::Int(Integer::Decimal(1)), span.end..span.end);
            return;
        }
        if sign == "++" && !self.follows_operand() {
            return self.increment_first(span, found);
        }
        if sign == "..." {
            return self.three_points(span, found);
        }
        let place_before = self.place_before(span.start);
        if let Some(instead) = known.instead {
            found = found.edit(place, instead);
        } else if let (Some(op @ ("&&" | "||")), false) =
            (sign.strip_suffix('='), place_before.is_empty())
        {
            found = found.edit(place, format!("= {place_before} {op}"));
        }
        if known.read_as == [Token::Bar] {
            self.out.mended.push(span.clone());
        }
        self.out.found.push(found);
        let mut start = span.start;
        for token in known.read_as {
            self.push(token.clone(), start..span.end);
            start = span.end;
        }
    }

    /// `...` is `..` in a pattern, a range and where a struct is built; elsewhere there is nothing like it.
    fn three_points(&mut self, span: Range<usize>, found: Diagnostic) {
        let mut last = self.out.tokens.iter().rev().map(|(_, token, _)| token);
        let (before, further) = (last.next(), last.next());
        let rest = self.logos.remainder();
        let typed = rest.starts_with(|letter: char| letter.is_ascii_uppercase());
        let named = rest.starts_with(|letter: char| letter.is_ascii_lowercase());
        let help = match (before, further) {
            (Some(Token::Colon), _) if typed => {
                "a function takes as many arguments as it says; for any number, a list: `xs: List[Int]`"
            }
            (Some(Token::LParen), Some(Token::Ident(_))) if named => {
                "a function takes as many arguments as it says; for any number, a list: `xs: List[Int]`"
            }
            (Some(Token::LBracket), _) if named && !further.is_some_and(Token::ends) => {
                "a longer list is made from a copy: `let mut all = xs`, `all.push(4)`, `all.extend(ys)`"
            }
            _ => {
                let place = self.span(span.clone());
                self.out.found.push(found.edit(place, ".."));
                return self.push(Token::DotDot, span);
            }
        };
        self.out.found.push(found.help(help));
        self.out.mended.push(span);
    }

    /// Whether what comes next stands behind something that can end, in its line.
    fn follows_operand(&self) -> bool {
        let ends = |(_, token, _): &Spanned| token.ends();
        self.line_break.is_none() && self.out.tokens.last().is_some_and(ends)
    }

    /// Whether the line so far is one name.
    fn begins_with_a_name(&self) -> bool {
        let mut last = self.out.tokens.iter().rev();
        let name = matches!(last.next(), Some((_, Token::Ident(_), _))) && self.follows_operand();
        name && matches!(last.next(), Some((_, Token::Newline | Token::LBrace, _)))
    }

    /// `x := 1` binds a name.
    fn bind(&mut self, span: &Range<usize>, found: Diagnostic) {
        let at = self.out.tokens.len() - 1;
        let start = self.out.tokens[at].0;
        let edited = found
            .edit(self.span(start..start), "let ")
            .edit(self.span(span.clone()), "=");
        self.out.found.push(edited);
        self.out.tokens.insert(at, (start, Token::Let, start));
        self.push(Token::Eq, span.clone());
    }

    /// `for i := 0; i < n; i++ {` and `for i, x := range xs {`, stepped over up to the brace.
    fn head_of_go_loop(&mut self, span: &Range<usize>) -> bool {
        let start = self.line_start(span.start);
        let look = self.logos.remainder();
        let look = &look[..look.floor_char_boundary(MAX_LOOK)];
        let Some(size) = look.find(['{', '\n']) else {
            return false;
        };
        let Some(names) = self.text[start..span.start].trim().strip_prefix("for ") else {
            return false;
        };
        let (names, rest) = (names.trim(), look[..size].trim());
        let names_at = self.text[..span.start].trim_end().len() - names.len();
        let walked = rest.strip_prefix("range ").map(str::trim);
        let (title, help) = match walked {
            Some(_) => (
                "a `for` binds its names by itself, and walks what follows `in`",
                "`for x in xs`, `for (i, x) in xs.enumerate()`, `for (key, value) in map`",
            ),
            None if rest.contains(';') => (
                "a `for` walks a collection or a range",
                "`for i in 0..n { ... }`; for all else there is `while`",
            ),
            None => return false,
        };
        let header = names_at..span.end + size;
        let found = Diagnostic::error("E0202", title).help(help);
        let counted = rest.split_once(';').and_then(|(from, rest)| {
            let (condition, step) = rest.split_once(';')?;
            let end = condition.trim().strip_prefix(names)?.trim();
            let range = match end.strip_prefix("<=") {
                Some(end) => format!("{}..={}", from.trim(), end.trim()),
                None => format!("{}..{}", from.trim(), end.strip_prefix('<')?.trim()),
            };
            (step.trim().strip_prefix(names)? == "++").then(|| format!("{names} in {range} "))
        });
        let instead = match (walked, names.split_once(',')) {
            (Some(walked), Some(("_", name))) => Some(format!("{} in {walked} ", name.trim())),
            (Some(walked), None) => Some(format!("{names} in 0..{walked}.len() ")),
            (Some(_), Some(_)) => None,
            (None, _) => counted,
        };
        let place = self.span(names_at..names_at + self.text[header.clone()].trim_end().len());
        let found = found.at(place, "");
        self.out.found.push(match instead {
            Some(instead) => found.edit(self.span(header.clone()), instead),
            None => found,
        });
        self.logos.bump(size);
        self.out.mended.push(header);
        true
    }

    /// `++x`, read as `x += 1`.
    fn increment_first(&mut self, span: Range<usize>, found: Diagnostic) {
        let rest = self.logos.remainder();
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let size = rest.bytes().take_while(letter).count();
        let name = &rest[..size];
        let simple = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && !rest[size..].starts_with(['.', '[', '(']);
        if !simple {
            self.out.found.push(found);
            self.out.mended.push(span);
            return;
        }
        let end = span.end + size;
        let whole = self.span(span.start..end);
        self.out
            .found
            .push(found.edit(whole, format!("{name} += 1")));
        self.logos.bump(size);
        self.push(Token::Ident(name.into()), span.end..end);
        self.push(Token::AddEq, end..end);
        self.push(Token::Int(Integer::Decimal(1)), end..end);
    }

    /// The text of the line before `at`, if it looks like a place that is assigned to.
    fn place_before(&self, at: usize) -> &str {
        let start = self.line_start(at);
        if at - start > MAX_LOOK {
            return "";
        }
        let text = self.text[start..at].rsplit(['{', '}']).next();
        let text = text.unwrap_or_default().trim();
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
        if text.chars().all(name) { text } else { "" }
    }

    /// `--` is `-` twice, which is right between a minus and a negative operand.
    fn two_minus(&mut self, span: Range<usize>) {
        let rest = self.logos.remainder().trim_start_matches([' ', '\t', '\r']);
        if rest.is_empty() || rest.starts_with('\n') || rest.starts_with("//") {
            let place = self.span(span.clone());
            let touches = self
                .out
                .tokens
                .last()
                .is_some_and(|token| token.2 == span.start);
            if touches && self.follows_operand() {
                let error = Diagnostic::error("E0202", "there is no `--`")
                    .at(place, "")
                    .help("subtract one by an assignment")
                    .edit(place, " -= 1");
                self.out.found.push(error);
                self.push(Token::SubEq, span.start..span.end);
                self.push(Token::Int(Integer::Decimal(1)), span.end..span.end);
                return;
            }
            let warning = Diagnostic::warning(
                "W0102",
                "there is no `--`: these are two operators, and the line goes on",
            )
            .at(place, "")
            .help("subtract one by an assignment")
            .edit(place, " -= 1");
            self.out.found.push(warning);
        }
        self.push(Token::Minus, span.start..span.start + 1);
        self.push(Token::Minus, span.start + 1..span.end);
    }
}
