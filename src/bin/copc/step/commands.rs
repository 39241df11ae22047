//! What can be said to the debugger.

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// To the next line, into functions that it calls.
    Step(u32),
    /// To the next line of this function, or of one that called it.
    Next(u32),
    /// Out of this function.
    Out,
    /// To a breakpoint, or to the end.
    Continue,
    /// To this line.
    Until(String),
    /// To the trap or the end, past breakpoints.
    End,
    /// To the line before.
    Back(u32),
    /// To the line of this function before.
    BackNext(u32),
    /// To where this function was called.
    BackOut,
    /// To the breakpoint before, or to the beginning.
    BackContinue,
    /// To the beginning.
    Restart,
    /// Stop at a line.
    Break(String),
    /// Stop there no more; at none, without one.
    Delete(Option<u32>),
    /// The breakpoints.
    Breaks,
    /// All variables.
    Vars,
    /// One variable.
    Print(String),
    /// The open calls.
    Stack,
    /// Look at another call.
    Frame(u32),
    /// The source around this line.
    List,
    /// The lines of the log so far.
    Log,
    /// What there is.
    Help,
    /// Nothing.
    Nothing,
    /// Goodbye.
    Quit,
}

/// What `help` prints.
pub const HELP: &str = "\
  s, step [N]          to the next line, into what it calls
  n, next [N]          to the next line here, over what it calls
  o, out               out of this function
  c, continue          to the next breakpoint, a trap, or the end
  u, until [FILE:]LINE to that line
  e, end               to the trap or the end, past breakpoints
  b, back [N]          back to the line before, also out of what is called
  bn, back-next [N]    back to the line before, here
  bo, back-out         back to where this function was called
  bc, back-continue    back to the breakpoint before, or to the beginning
  r, restart           to the beginning
  break [FILE:]LINE    stop at a line; alone: lists where
  delete [N]           forget breakpoint N, or all of them
  v, vars              the variables here, with what they hold
  p, print NAME        one of them
  bt, stack            the calls that led here
  f, frame N           look at call N of them
  l, list              the source around this line
  log                  what the program has logged so far
  q, quit              leave; so does the end of the input
";

/// Reads a command; why it is none otherwise.
pub fn read(line: &str) -> Result<Command, String> {
    let mut words = line.split_ascii_whitespace();
    let Some(word) = words.next() else {
        return Ok(Command::Nothing);
    };
    let argument = words.next();
    if words.next().is_some() {
        return Err(format!(
            "`{word}` takes one word at most; `help` lists the commands"
        ));
    }
    let times = || match argument {
        None => Ok(1),
        Some(text) => match text.parse() {
            Ok(times @ 1..=1_000_000) => Ok(times),
            _ => Err(format!("`{word} {text}`: how often can be 1 to 1,000,000")),
        },
    };
    let number = || match argument.map(str::parse) {
        Some(Ok(number)) => Ok(Some(number)),
        None => Ok(None),
        Some(Err(_)) => Err(format!("`{word}` takes a number")),
    };
    let needed = |what: &str| {
        let argument = argument.map(str::to_owned);
        argument.ok_or_else(|| format!("`{word}` needs {what}"))
    };
    let none = |command: Command| match argument {
        None => Ok(command),
        Some(_) => Err(format!("`{word}` takes nothing behind it")),
    };
    match word {
        "s" | "step" => times().map(Command::Step),
        "n" | "next" => times().map(Command::Next),
        "o" | "out" | "finish" => none(Command::Out),
        "c" | "continue" => none(Command::Continue),
        "u" | "until" => needed("a line").map(Command::Until),
        "e" | "end" => none(Command::End),
        "b" | "back" => times().map(Command::Back),
        "bn" | "back-next" => times().map(Command::BackNext),
        "bo" | "back-out" => none(Command::BackOut),
        "bc" | "back-continue" => none(Command::BackContinue),
        "r" | "restart" => none(Command::Restart),
        "break" => Ok(argument.map_or(Command::Breaks, |line| Command::Break(line.to_owned()))),
        "delete" => number().map(Command::Delete),
        "v" | "vars" => none(Command::Vars),
        "p" | "print" => needed("the name of a variable").map(Command::Print),
        "bt" | "stack" => none(Command::Stack),
        "f" | "frame" => number().map(|number| Command::Frame(number.unwrap_or(0))),
        "l" | "list" | "where" => none(Command::List),
        "log" => none(Command::Log),
        "h" | "help" | "?" => none(Command::Help),
        "q" | "quit" => none(Command::Quit),
        _ => Err(format!("there is no command `{word}`; `help` lists them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_short_and_long_names() {
        for (line, command) in [
            ("s", Command::Step(1)),
            ("step 3", Command::Step(3)),
            ("  b 2 ", Command::Back(2)),
            ("break", Command::Breaks),
            ("break main.cop:7", Command::Break("main.cop:7".to_owned())),
            ("p x", Command::Print("x".to_owned())),
            ("delete 2", Command::Delete(Some(2))),
            ("", Command::Nothing),
        ] {
            assert_eq!(read(line), Ok(command), "{line}");
        }
        for line in ["x", "s 0", "s x", "print", "c 1", "until", "p a b", "f -1"] {
            assert!(read(line).is_err(), "{line}");
        }
        for line in HELP.lines() {
            let word = line.trim().split([',', ' ']).next().unwrap();
            let known = read(word).is_ok() || read(&format!("{word} 1")).is_ok();
            assert!(known, "{line}");
        }
    }
}
