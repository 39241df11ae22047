//! `copc explain`: what a code of the compiler means.

use cop_bytecode::TrapKind;
use cop_compiler::codes::{self, CODES};

use crate::arguments::ExplainOptions;
use crate::ended::{Complaint, Ended};
use crate::say;

/// Explains a code, or lists all there are.
pub fn explain(options: &ExplainOptions) -> Result<Ended, Complaint> {
    let Some(asked) = &options.code else {
        for (code, title) in CODES {
            say::out(&format!("{}  {title}\n", say::bold(code)));
        }
        return Ok(Ended::Well);
    };
    let code = asked.to_ascii_uppercase();
    let Some(title) = codes::title(&code) else {
        return Err(unknown(asked, &code));
    };
    say::out(&format!("{}\n\n", say::bold(&format!("{code}: {title}"))));
    say::out(&codes::explain::page(&code).map_or_else(String::new, for_terminal));
    Ok(Ended::Well)
}

fn unknown(asked: &str, code: &str) -> Complaint {
    if TrapKind::ALL.iter().any(|kind| kind.name() == asked) {
        return Complaint::Usage(format!(
            "`{asked}` is a trap, with which a run ends, and no code of the compiler; its message says what happened, and where"
        ));
    }
    let near: Vec<String> = codes::nearest(code, 3)
        .into_iter()
        .map(|code| format!("  {code}  {}", codes::title(code).unwrap_or_default()))
        .collect();
    Complaint::Usage(match &near[..] {
        [] => format!("there is no code `{asked}`; `copc explain` lists all of them"),
        some => format!(
            "there is no code `{asked}`; near it are\n{}",
            some.join("\n")
        ),
    })
}

/// A page of Markdown as plain text: programs stand indented instead of between fences.
fn for_terminal(page: &str) -> String {
    let mut text = String::new();
    let mut is_program = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_program = !is_program;
            continue;
        }
        if is_program && !line.is_empty() {
            text.push_str("    ");
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_indented() {
        assert_eq!(
            for_terminal("Why.\n\n```cop\nfn main() {\n\n    f()\n}\n```\nMore.\n"),
            "Why.\n\n    fn main() {\n\n        f()\n    }\nMore.\n"
        );
    }
}
