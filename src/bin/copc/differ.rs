//! Two texts or values side by side: the lines that differ.

/// Most pairs of lines of which it is looked which belong together.
const MAX_PAIRS: usize = 4_000_000;
/// Lines around a difference that both sides have.
const CONTEXT: usize = 3;
/// A value that is written in more characters than this has a line for each of its parts.
const WIDTH: usize = 72;

/// The lines that differ: `- ` before those of `old`, `+ ` before those of `new`, two blanks before those around them that both
/// have, and `…` where such lines are left out. Empty if nothing differs.
pub fn lines(old: &str, new: &str) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    // Where the last line break is all that differs, or one of the things, it is told.
    let is_told = !old.is_empty() && !new.is_empty() && old.ends_with('\n') != new.ends_with('\n');
    let (old, new) = (marked(old, is_told), marked(new, is_told));
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let behind = old[start..].iter().rev();
    let behind = behind.zip(new[start..].iter().rev());
    let behind = behind.take_while(|(a, b)| a == b).count();
    let mut all: Vec<String> = old[..start].iter().map(|l| format!("  {l}")).collect();
    let (a, b) = (
        &old[start..old.len() - behind],
        &new[start..new.len() - behind],
    );
    all.extend(middle(a, b));
    all.extend(old[old.len() - behind..].iter().map(|l| format!("  {l}")));
    in_context(all)
}

/// What differs, by the longest common sequence of lines unless that would take too long; removals come first.
fn middle(old: &[String], new: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    if old.len().saturating_mul(new.len()) <= MAX_PAIRS {
        let width = new.len() + 1;
        let mut common = vec![0u32; (old.len() + 1) * width];
        for a in (0..old.len()).rev() {
            for b in (0..new.len()).rev() {
                common[a * width + b] = if old[a] == new[b] {
                    common[(a + 1) * width + b + 1] + 1
                } else {
                    common[(a + 1) * width + b].max(common[a * width + b + 1])
                };
            }
        }
        while i < old.len() && j < new.len() {
            if old[i] == new[j] {
                out.push(format!("  {}", old[i]));
                (i, j) = (i + 1, j + 1);
            } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
                out.push(format!("- {}", old[i]));
                i += 1;
            } else {
                out.push(format!("+ {}", new[j]));
                j += 1;
            }
        }
    }
    out.extend(old[i..].iter().map(|line| format!("- {line}")));
    out.extend(new[j..].iter().map(|line| format!("+ {line}")));
    out
}

/// Leaves out what is far from any difference.
fn in_context(all: Vec<String>) -> Vec<String> {
    let changed: Vec<usize> = (0..all.len())
        .filter(|&at| !all[at].starts_with(' '))
        .collect();
    let mut next = 0;
    let mut out = Vec::new();
    let mut is_left_out = false;
    for (at, line) in all.into_iter().enumerate() {
        while next < changed.len() && changed[next] + CONTEXT < at {
            next += 1;
        }
        if changed.get(next).is_some_and(|&near| at + CONTEXT >= near) {
            out.push(line);
            is_left_out = false;
        } else if !is_left_out {
            out.push("  …".to_owned());
            is_left_out = true;
        }
    }
    out
}

/// The lines of a text, with what tells apart those that look the same: `\r`, other control characters, and, if it is to be
/// told, a missing break at the end.
fn marked(text: &str, is_told: bool) -> Vec<String> {
    let mut lines: Vec<String> = text
        .split('\n')
        .map(|line| line.chars().map(visible).collect())
        .collect();
    match lines.last_mut() {
        Some(last) if last.is_empty() => {
            lines.pop();
        }
        Some(last) if is_told => last.push_str(" (no line break)"),
        _ => {}
    }
    lines
}

/// A character as a terminal may get it.
fn visible(letter: char) -> String {
    match letter {
        '\r' => "\\r".to_owned(),
        '\t' => "\t".to_owned(),
        _ if letter.is_control() => format!("\\u{{{:x}}}", u32::from(letter)),
        _ => letter.to_string(),
    }
}

/// A value, as `Show` quotes it, for comparing: of a string its text, of what is long a line for each part.
pub fn spread(shown: &str) -> String {
    match unquoted(shown) {
        Some(text) => text,
        None => in_parts(shown).unwrap_or_else(|| shown.to_owned()),
    }
}

/// The text of a string literal; `None` if it is none.
fn unquoted(shown: &str) -> Option<String> {
    let inner = shown.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '"' => return None,
            '\\' => match letters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let rest = letters.as_str().strip_prefix('{')?;
                    let (digits, behind) = rest.split_once('}')?;
                    letters = behind.chars();
                    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                }
                other => other,
            },
            _ => letter,
        });
    }
    Some(out)
}

/// A value with a line for each part of what is longer than a line; `None` if its brackets do not match, which a type's own
/// `Show` may bring about.
fn in_parts(shown: &str) -> Option<String> {
    let ends = brackets(shown)?;
    let mut out = String::new();
    let mut indent = 0;
    let mut at = 0;
    // For each open bracket, whether its parts stand on lines of their own.
    let mut open: Vec<bool> = Vec::new();
    while let Some(letter) = shown[at..].chars().next() {
        let break_to = |out: &mut String, indent: usize| {
            out.push('\n');
            out.push_str(&"  ".repeat(indent));
        };
        match letter {
            '"' | '\'' => {
                let end = at + quoted_length(&shown[at..])?;
                out.push_str(&shown[at..end]);
                at = end;
                continue;
            }
            '(' | '[' => {
                let length = ends.get(&at)? - at;
                let is_spread = length > WIDTH.saturating_sub(2 * indent) && length > 2;
                out.push(letter);
                open.push(is_spread);
                if is_spread {
                    indent += 1;
                    break_to(&mut out, indent);
                }
            }
            ')' | ']' => {
                if open.pop()? {
                    indent -= 1;
                    break_to(&mut out, indent);
                }
                out.push(letter);
            }
            ',' if open.last() == Some(&true) => {
                out.push(',');
                break_to(&mut out, indent);
                at += usize::from(shown[at + 1..].starts_with(' '));
            }
            _ => out.push(letter),
        }
        at += letter.len_utf8();
    }
    Some(out)
}

/// Where each bracket that opens is closed.
fn brackets(shown: &str) -> Option<std::collections::BTreeMap<usize, usize>> {
    let mut ends = std::collections::BTreeMap::new();
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(letter) = shown[at..].chars().next() {
        match letter {
            '"' | '\'' => {
                at += quoted_length(&shown[at..])?;
                continue;
            }
            '(' | '[' => open.push((letter, at)),
            ')' | ']' => {
                let (opening, start) = open.pop()?;
                if (opening == '(') != (letter == ')') {
                    return None;
                }
                ends.insert(start, at);
            }
            _ => {}
        }
        at += letter.len_utf8();
    }
    open.is_empty().then_some(ends)
}

/// Bytes of the quoted literal that a text begins with.
fn quoted_length(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next()?;
        } else if letter == quote {
            return Some(at + 1);
        }
    }
    None
}

/// What an assertion says of its two sides, for people: a title, and the lines below it. `None` if it says nothing of sides.
pub fn sides(message: &str) -> Option<(String, Vec<String>)> {
    let (title, rest) = message.split_once("\n  left:  ")?;
    let (left, right) = rest.split_once("\n  right: ")?;
    if right.contains("\n  right: ") {
        return None;
    }
    let (spread_left, spread_right) = (spread(left), spread(right));
    let is_long = |text: &str| text.trim_end_matches('\n').contains('\n');
    if is_long(&spread_left) || is_long(&spread_right) {
        let below = lines(&spread_left, &spread_right);
        if !below.is_empty() {
            return Some((format!("{title} (- left, + right)"), below));
        }
    }
    let mut below = vec![format!("  left:  {left}"), format!("  right: {right}")];
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .count();
    if same >= 10 && !left.contains('\n') && !right.contains('\n') {
        below.push(format!("         {}^ from here on", " ".repeat(same)));
    }
    Some((title.to_owned(), below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_with_those_around_them() {
        assert_eq!(lines("a\n", "a\n"), [""; 0]);
        assert_eq!(
            lines("a\nb\nc\n", "a\nx\nc"),
            ["  a", "- b", "- c", "+ x", "+ c (no line break)"]
        );
        let old: String = (0..20).map(|n| format!("{n}\n")).collect();
        let new = old.replace("10\n", "ten\n");
        let told = lines(&old, &new);
        assert_eq!(told.first().map(String::as_str), Some("  …"));
        assert_eq!(told.last().map(String::as_str), Some("  …"));
        assert_eq!(told.len(), 10);
        assert_eq!(lines("", "a\n"), ["+ a"]);
        assert_eq!(lines("a\r\n", "a\n"), ["- a\\r", "+ a"]);
    }

    #[test]
    fn values_are_spread_by_their_brackets() {
        assert_eq!(spread("\"a\\n\\u{e9}\\\"\""), "a\né\"");
        assert_eq!(spread("\"a\", \"b\""), "\"a\", \"b\"");
        assert_eq!(spread("[1, 2]"), "[1, 2]");
        let long = format!("Point(x: [{}], name: \"a, (b\")", "1, ".repeat(20) + "1");
        assert_eq!(
            spread(&long),
            format!(
                "Point(\n  x: [{}],\n  name: \"a, (b\"\n)",
                "1, ".repeat(20) + "1"
            )
        );
        let broken = "(".repeat(100);
        assert_eq!(spread(&broken), broken);
    }

    #[test]
    fn sides_are_compared_by_lines_if_they_have_several() {
        let (title, below) = sides("the sides differ\n  left:  1\n  right: 2").expect("sides");
        assert_eq!(
            (title.as_str(), &below[..]),
            (
                "the sides differ",
                &["  left:  1".to_owned(), "  right: 2".to_owned()][..]
            )
        );
        let (title, below) =
            sides("the sides differ\n  left:  \"a\\nb\\n\"\n  right: \"a\\nc\\n\"").expect("sides");
        assert_eq!(title, "the sides differ (- left, + right)");
        assert_eq!(below, ["  a", "- b", "+ c"]);
        assert!(sides("the condition is false").is_none());
        let (_, below) =
            sides("the sides differ\n  left:  \"0123456789a\"\n  right: \"0123456789b\"")
                .expect("sides");
        assert!(below[2].ends_with("           ^ from here on"), "{below:?}");
    }
}
