//! Lines for the person at the terminal.

/// Prints a line. A reader that went away, as in `copd demo | head`, is no reason to stop the node.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(anstream::stdout(), $($text)*);
    }};
}

pub(crate) use say;

/// Prints what is doubtful, beside what is said.
pub fn warn(doubt: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "warning: {doubt}");
}
