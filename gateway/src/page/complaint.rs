//! The page of a program that is being written and was never built yet.

use super::{Escaped, layout};

/// The page with what the compiler says.
pub(crate) fn complaint(text: &str) -> String {
    layout(
        "The program cannot be built",
        &format!(
            "<p class=\"kicker\"><b>copc dev</b></p>\n<h1>The program cannot be built</h1>\n\
             <pre class=\"card\">{}</pre>\n<p class=\"lead\">This page is loaded again as soon as it can.</p>\n",
            Escaped(text)
        ),
    )
}
