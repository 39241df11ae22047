//! The page that a browser shows when a request has no answer.

use std::fmt::Write;

use cop_runtime::{Failure, TrapReport};

use super::{Escaped, layout};
use crate::target::RESERVED;

/// Gives the lines of source around a place, where they are known: file, line, column.
type Excerpt<'a> = &'a dyn Fn(&str, u32, u32) -> Option<String>;

/// The page for a failure. Where in a program it trapped is shown on this machine only.
pub(crate) fn problem(failure: &Failure, local: bool, excerpt: Excerpt<'_>) -> String {
    let status = failure.code.http_status();
    let mut main = format!(
        "<p class=\"kicker\"><b>{status}</b> · <a href=\"{RESERVED}failures#{code}\"><code>{code}</code></a></p>\n\
         <h1>{title}</h1>\n<p class=\"lead\">{detail}</p>\n",
        code = failure.code,
        title = Escaped(capital(&failure.title)),
        detail = sentence(&failure.detail),
    );
    if let Some(hint) = &failure.hint {
        add(
            &mut main,
            format_args!(
                "<div class=\"card advice\"><h3>What you can do</h3><p>{}</p></div>\n",
                sentence(hint)
            ),
        );
    }
    if let Some(seconds) = failure.retry_after_s {
        add(
            &mut main,
            format_args!("<p>Trying again makes sense in {seconds} s.</p>\n"),
        );
    }
    if let Some(trap) = &failure.trap {
        add_trap(&mut main, trap, local, excerpt);
    }
    if !failure.tried.is_empty() {
        main.push_str("<h2>What was tried</h2>\n<ul>\n");
        for tried in &failure.tried {
            add(
                &mut main,
                format_args!("<li>{}</li>\n", Escaped(who(tried))),
            );
        }
        main.push_str("</ul>\n");
    }
    if let Some(run) = failure.run {
        add(
            &mut main,
            format_args!(
                "<h2>For whoever looks into it</h2>\n<dl><dt>Run</dt><dd><code>{run}</code></dd></dl>\n"
            ),
        );
    }
    layout(&failure.title, &main)
}

fn add_trap(main: &mut String, trap: &TrapReport, local: bool, excerpt: Excerpt<'_>) {
    add(
        main,
        format_args!(
            "<h2>The trap</h2>\n<dl>\n<dt>Name</dt><dd><code>{}</code></dd>\n",
            Escaped(&trap.name)
        ),
    );
    if local {
        add(
            main,
            format_args!("<dt>Message</dt><dd>{}</dd>\n", Escaped(&trap.message)),
        );
        if let (Some(file), Some(line), Some(column)) = (&trap.file, trap.line, trap.column) {
            add(
                main,
                format_args!(
                    "<dt>Place</dt><dd><code>{}:{line}:{column}</code></dd>\n",
                    Escaped(file)
                ),
            );
        }
        for call in &trap.backtrace {
            add(
                main,
                format_args!(
                    "<dt>Called from</dt><dd><code>{}</code></dd>\n",
                    Escaped(call)
                ),
            );
        }
    }
    main.push_str("</dl>\n");
    if let (true, Some(file), Some(line), Some(column)) =
        (local, &trap.file, trap.line, trap.column)
        && let Some(lines) = excerpt(file, line, column)
    {
        add(
            main,
            format_args!("<pre class=\"card\">{}</pre>\n", Escaped(lines)),
        );
    }
}

fn add(main: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = main.write_fmt(text);
}

/// Who was asked, in words.
fn who(tried: &str) -> &str {
    match tried {
        "local" => "this node itself",
        other => other,
    }
}

/// The text with a capital first letter: failures begin in lower case, headings do not. An address stays as it is.
fn capital(text: &str) -> String {
    if text.starts_with("cop1") {
        return text.to_owned();
    }
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        std::iter::once(first.to_ascii_uppercase())
            .chain(characters)
            .collect()
    })
}

/// A text of a failure as a sentence in HTML: capital, full stop, and what stands in backticks as code.
fn sentence(text: &str) -> String {
    let mut html = String::new();
    let text = capital(text);
    for (place, part) in text.split('`').enumerate() {
        let code = place % 2 == 1;
        let _ = match code {
            true => write!(html, "<code>{}</code>", Escaped(part)),
            false => write!(html, "{}", Escaped(part)),
        };
    }
    if !text.ends_with(['.', '!', '?', '…']) {
        html.push('.');
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_sentences_with_code() {
        for (text, html) in [
            ("a `b` <c>", "A <code>b</code> &lt;c&gt;."),
            ("done!", "Done!"),
            ("cop1xyz has nothing", "cop1xyz has nothing."),
            ("odd ` tick", "Odd <code> tick</code>."),
            ("`<b>`: wrong", "<code>&lt;b&gt;</code>: wrong."),
        ] {
            assert_eq!(sentence(text), html);
        }
    }
}
