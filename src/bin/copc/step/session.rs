//! Where a debugger stands: what the run at hand is heading for, and what is said at each stop.

use std::io::{BufRead, IsTerminal, Write};

use cop_runtime::Failure;
use cop_runtime::stepping::{Moment, Watched};

use super::commands::{Command, HELP, read};
use super::source::{Line, Source};
use crate::say;

/// Lines before and after the one at hand that `list` shows.
const AROUND: u32 = 5;
/// Most calls that are listed.
const CALLS: usize = 50;
/// Most lines of the log that are shown.
const LOG_LINES: usize = 200;

/// What comes after a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// Another one, from the beginning.
    Again,
    /// Nothing.
    Quit,
}

/// A line that the run has come to: the number of the instruction since the beginning, and how many calls were open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Event {
    step: u64,
    depth: usize,
    line: Line,
}

/// What a run is heading for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Goal {
    /// So many lines further.
    Lines(u32),
    /// So many lines further, with no more calls open than this.
    Within(usize, u32),
    /// The author's source with fewer calls open than this.
    Outside(usize),
    /// A breakpoint.
    Break,
    /// A line.
    At(Line),
    /// This very instruction.
    Instruction(u64),
    /// The end.
    End,
    /// The last so many lines of a kind before this instruction; then it begins again, to go there.
    Before(u64, Kind, u32),
}

/// Which lines count on the way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Any,
    Within(usize),
    Outside(usize),
    Break,
}

/// A debugger.
pub struct Session {
    source: Source,
    /// Lines of the log of the run at hand.
    pub log: Vec<String>,
    breaks: Vec<(u32, Line)>,
    breaks_made: u32,
    goal: Goal,
    /// What the next run is to head for: the one at hand is ended, to go back.
    pending: Option<Goal>,
    /// Instructions of the run at hand so far, the next one included.
    step: u64,
    /// By open call of the run at hand, the line that it has come to.
    lines: Vec<Option<Line>>,
    /// The last lines of the kind that is looked for on the way back.
    passed: Vec<u64>,
    /// Told at the next stop.
    banner: Option<String>,
    /// The run at hand trapped in the last run, at this instruction.
    trapped_at: Option<u64>,
    is_quit: bool,
    last: Command,
    input: Box<dyn BufRead + Send>,
    is_terminal: bool,
}

impl Session {
    /// Begins before the first line; commands come from standard input.
    pub fn new(source: Source) -> Session {
        let stdin = std::io::stdin();
        Session {
            source,
            log: Vec::new(),
            breaks: Vec::new(),
            breaks_made: 0,
            goal: Goal::Lines(1),
            pending: None,
            step: 0,
            lines: Vec::new(),
            passed: Vec::new(),
            banner: None,
            trapped_at: None,
            is_quit: false,
            last: Command::Nothing,
            is_terminal: stdin.is_terminal(),
            input: Box::new(std::io::BufReader::new(stdin)),
        }
    }

    /// A run begins.
    pub fn begin(&mut self) {
        self.step = 0;
        self.lines.clear();
        self.passed.clear();
        self.log.clear();
    }

    /// An instruction is about to be run.
    pub fn at(&mut self, moment: &Moment<'_>) -> Watched {
        self.step += 1;
        let event = self.event(moment);
        if let Goal::Before(step, kind, times) = self.goal {
            if self.step >= step {
                return Watched::End;
            }
            if let Some(event) = event
                && self.counts(kind, &event)
            {
                if self.passed.len() >= times as usize {
                    self.passed.remove(0);
                }
                self.passed.push(event.step);
            }
            return Watched::GoOn;
        }
        if !self.has_come(event, moment) {
            return Watched::GoOn;
        }
        self.stop(moment)
    }

    /// The line that the run comes to with this instruction, if it is another one than before in the same call.
    fn event(&mut self, moment: &Moment<'_>) -> Option<Event> {
        let depth = moment.depth();
        self.lines.resize(depth, None);
        let at = moment.here();
        let line = self.source.line_begun(at.function, at.instruction)?;
        let last = self.lines.last_mut()?;
        if *last == Some(line) {
            return None;
        }
        *last = Some(line);
        Some(Event {
            step: self.step,
            depth,
            line,
        })
    }

    fn counts(&self, kind: Kind, event: &Event) -> bool {
        match kind {
            Kind::Any => true,
            Kind::Within(depth) => event.depth <= depth,
            Kind::Outside(depth) => event.depth < depth,
            Kind::Break => self.is_break(event.line),
        }
    }

    fn is_break(&self, line: Line) -> bool {
        self.breaks.iter().any(|(_, known)| *known == line)
    }

    /// Whether the run is where it is heading for.
    fn has_come(&mut self, event: Option<Event>, moment: &Moment<'_>) -> bool {
        let goal = self.goal;
        match (goal, event) {
            (Goal::Instruction(step), _) => self.step == step,
            (Goal::Outside(depth), _) => {
                let at = moment.here();
                moment.depth() < depth && self.source.place(at.function, at.instruction).is_some()
            }
            (Goal::End | Goal::Before(..), _) | (_, None) => false,
            // A breakpoint holds whatever one is heading for.
            (Goal::Lines(left), Some(_)) => self.once_more(left, Goal::Lines(left - 1)),
            (Goal::Within(depth, left), Some(event)) => {
                if event.depth <= depth {
                    self.once_more(left, Goal::Within(depth, left - 1))
                } else {
                    self.is_break(event.line)
                }
            }
            (Goal::Break, Some(event)) => self.is_break(event.line),
            (Goal::At(line), Some(event)) => event.line == line || self.is_break(event.line),
        }
    }

    /// Whether this was the last of so many lines; else it goes on like that.
    fn once_more(&mut self, left: u32, goal: Goal) -> bool {
        if left > 1 {
            self.goal = goal;
        }
        left <= 1
    }

    /// The run stops here: asks what to do until it is to go on.
    fn stop(&mut self, moment: &Moment<'_>) -> Watched {
        if let Some(banner) = self.banner.take() {
            say::out(&format!("{banner}\n"));
        }
        let calls = moment.calls();
        let own: Vec<usize> = (0..calls.len())
            .filter(|call| {
                let at = calls[*call];
                self.source.place(at.function, at.instruction).is_some()
            })
            .collect();
        let mut frame = 0;
        let line_of = |source: &Source, frame: usize| {
            let at = calls[*own.get(frame)?];
            let place = source.place(at.function, at.instruction)?;
            Some((at, (place.file, place.line)))
        };
        let depth = moment.depth();
        self.tell(line_of(&self.source, 0));
        loop {
            let line = line_of(&self.source, frame);
            let Some(command) = self.ask() else {
                self.is_quit = true;
                return Watched::End;
            };
            let is_forward = matches!(
                command,
                Command::Step(_)
                    | Command::Next(_)
                    | Command::Out
                    | Command::Continue
                    | Command::Until(_)
                    | Command::End
            );
            if is_forward && self.trapped_at == Some(self.step) {
                say::out("the run ends here with the trap; back, restart or quit\n");
                continue;
            }
            let go_back = |kind: Kind, times: u32| Goal::Before(self.step, kind, times);
            let goal = match command {
                Command::Step(times) => Goal::Lines(times),
                Command::Next(times) => Goal::Within(depth, times),
                Command::Out => Goal::Outside(depth),
                Command::Continue => Goal::Break,
                Command::End => Goal::End,
                Command::Until(text) => {
                    match self.source.line(&text, line.map(|(_, (file, _))| file)) {
                        Ok(line) => Goal::At(line),
                        Err(why) => {
                            say::out(&format!("{why}\n"));
                            continue;
                        }
                    }
                }
                Command::Back(times) => go_back(Kind::Any, times),
                Command::BackNext(times) => go_back(Kind::Within(depth), times),
                Command::BackOut => go_back(Kind::Outside(depth), 1),
                Command::BackContinue => go_back(Kind::Break, 1),
                Command::Restart => {
                    self.pending = Some(Goal::Lines(1));
                    return Watched::End;
                }
                Command::Quit => {
                    self.is_quit = true;
                    return Watched::End;
                }
                Command::Vars => {
                    let call = own.get(frame).copied().unwrap_or(0);
                    self.tell_variables(&self.source.variables(moment, call));
                    continue;
                }
                Command::Print(name) => {
                    let call = own.get(frame).copied().unwrap_or(0);
                    let all = self.source.variables(moment, call);
                    match all.iter().find(|(known, _)| *known == name) {
                        Some((_, value)) => say::out(&format!("{name} = {value}\n")),
                        None => say::out(&format!(
                            "`{name}` is no variable here, or its value was moved away; `vars` lists them\n"
                        )),
                    }
                    continue;
                }
                Command::Stack => {
                    for number in 0..own.len().min(CALLS) {
                        if let Some((at, line)) = line_of(&self.source, number) {
                            let mark = if number == frame { "▸" } else { " " };
                            let name = self.source.name(at.function);
                            let at = self.source.shown(line);
                            say::out(&format!("{mark} {number}  {name} at {at}\n"));
                        }
                    }
                    if own.len() > CALLS {
                        say::out(&format!("  … and {} more calls\n", own.len() - CALLS));
                    }
                    continue;
                }
                Command::Frame(number) => {
                    match line_of(&self.source, number as usize) {
                        Some(there) => {
                            frame = number as usize;
                            self.tell(Some(there));
                        }
                        None => {
                            say::out(&format!("there is no call {number}; `stack` lists them\n"))
                        }
                    }
                    continue;
                }
                Command::List => {
                    if let Some((_, line)) = line {
                        self.list(line);
                    }
                    continue;
                }
                other => {
                    self.anywhere(other, line.map(|(_, line)| line));
                    continue;
                }
            };
            if let Goal::Before(..) = goal {
                self.pending = Some(goal);
                return Watched::End;
            }
            self.goal = goal;
            return Watched::GoOn;
        }
    }

    /// A run has come to its end.
    pub fn over(&mut self, end: &str, is_trap: bool) -> After {
        if let Some(after) = self.next_run() {
            return after;
        }
        if is_trap && self.trapped_at != Some(self.step) {
            // Where it trapped its variables are still to be seen.
            self.trapped_at = Some(self.step);
            self.banner = Some(say::bold_red(&format!("the run {end}")));
            self.goal = Goal::Instruction(self.step);
            return After::Again;
        }
        say::out(&format!("{}\n", say::bold(&format!("the run {end}"))));
        self.at_end()
    }

    /// A run was refused: mostly because the debugger has ended it.
    pub fn refused(&mut self, failure: &Failure) -> After {
        if let Some(after) = self.next_run() {
            return after;
        }
        say::out(&format!("{}: {}\n", failure.title, failure.detail));
        if let Some(hint) = &failure.hint {
            say::out(&format!("{hint}\n"));
        }
        self.at_end()
    }

    /// The next run, if the one at hand was for nothing but the way back.
    fn next_run(&mut self) -> Option<After> {
        if self.is_quit {
            return Some(After::Quit);
        }
        if let Some(goal) = self.pending.take() {
            self.goal = goal;
            return Some(After::Again);
        }
        let Goal::Before(..) = self.goal else {
            return None;
        };
        self.goal = match self.passed.first() {
            Some(step) => Goal::Instruction(*step),
            None => {
                self.banner = Some("this is the beginning".to_owned());
                Goal::Lines(1)
            }
        };
        Some(After::Again)
    }

    /// Behind the end of a run there are no variables, but one can go back.
    fn at_end(&mut self) -> After {
        loop {
            let Some(command) = self.ask() else {
                return After::Quit;
            };
            let beyond = self.step + 1;
            self.goal = match command {
                Command::Back(times) | Command::BackNext(times) => {
                    Goal::Before(beyond, Kind::Any, times)
                }
                Command::BackContinue => Goal::Before(beyond, Kind::Break, 1),
                Command::Restart => Goal::Lines(1),
                Command::Quit => return After::Quit,
                Command::Step(_)
                | Command::Next(_)
                | Command::Out
                | Command::Continue
                | Command::Until(_)
                | Command::End
                | Command::BackOut
                | Command::Vars
                | Command::Print(_)
                | Command::Stack
                | Command::Frame(_)
                | Command::List => {
                    say::out("the run is over; back, back-continue, restart or quit\n");
                    continue;
                }
                other => {
                    self.anywhere(other, None);
                    continue;
                }
            };
            return After::Again;
        }
    }

    /// Reads a command; none at the end of the input.
    fn ask(&mut self) -> Option<Command> {
        loop {
            if self.is_terminal {
                say::out("› ");
                let _ = std::io::stdout().flush();
            }
            let mut line = String::new();
            match self.input.read_line(&mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            match read(&line) {
                // An empty line says the same again, as one expects of a debugger.
                Ok(Command::Nothing) if self.is_terminal && self.last != Command::Nothing => {
                    return Some(self.last.clone());
                }
                Ok(Command::Nothing) => {}
                Ok(command) => {
                    self.last = command.clone();
                    return Some(command);
                }
                Err(why) => say::out(&format!("{why}\n")),
            }
        }
    }

    /// What can be done wherever the run stands.
    fn anywhere(&mut self, command: Command, here: Option<Line>) {
        match command {
            Command::Break(text) => match self.source.line(&text, here.map(|(file, _)| file)) {
                Ok(line) if self.is_break(line) => {
                    say::out(&format!(
                        "{} is a breakpoint already\n",
                        self.source.shown(line)
                    ));
                }
                Ok(line) => {
                    self.breaks_made += 1;
                    self.breaks.push((self.breaks_made, line));
                    let shown = self.source.shown(line);
                    say::out(&format!("breakpoint {} at {shown}\n", self.breaks_made));
                }
                Err(why) => say::out(&format!("{why}\n")),
            },
            Command::Breaks => {
                if self.breaks.is_empty() {
                    say::out("there are no breakpoints; `break LINE` makes one\n");
                }
                for (number, line) in &self.breaks {
                    let text = self.source.text(*line).unwrap_or_default().trim();
                    say::out(&format!(
                        "  {number}  {}  {text}\n",
                        self.source.shown(*line)
                    ));
                }
            }
            Command::Delete(None) => self.breaks.clear(),
            Command::Delete(Some(number)) => {
                let before = self.breaks.len();
                self.breaks.retain(|(known, _)| *known != number);
                if self.breaks.len() == before {
                    say::out(&format!(
                        "there is no breakpoint {number}; `break` lists them\n"
                    ));
                }
            }
            Command::Log => {
                let left_out = self.log.len().saturating_sub(LOG_LINES);
                if left_out > 0 {
                    say::out(&format!("… {left_out} lines\n"));
                }
                for line in &self.log[left_out..] {
                    say::line(line);
                }
            }
            Command::Help => say::out(HELP),
            _ => {}
        }
    }

    /// Says where a call stands.
    fn tell(&self, at: Option<(cop_runtime::engine::Position, Line)>) {
        let Some((at, line)) = at else {
            return say::out("in the library\n");
        };
        let place = say::bold(&self.source.shown(line));
        let text = self.source.text(line).unwrap_or_default();
        say::out(&format!(
            "{place} in {}\n{:>5} │ {text}\n",
            self.source.name(at.function),
            line.1
        ));
    }

    fn tell_variables(&self, variables: &[(String, String)]) {
        if variables.is_empty() {
            say::out("there are no variables here\n");
        }
        for (name, value) in variables {
            say::out(&format!("  {name} = {value}\n"));
        }
    }

    fn list(&self, (file, line): Line) {
        for number in line.saturating_sub(AROUND).max(1)..=line + AROUND {
            let Some(text) = self.source.text((file, number)) else {
                break;
            };
            let mark = if number == line { "▸" } else { " " };
            let stop = if self.is_break((file, number)) {
                "●"
            } else {
                " "
            };
            let row = format!("{mark}{stop}{number:>4} │ {text}");
            let row = if number == line { say::bold(&row) } else { row };
            say::out(&format!("{row}\n"));
        }
    }
}
