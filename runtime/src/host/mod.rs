//! What a program can ask of its host: one table of all host calls, and one module per interface.
//!
//! Everything a program learns comes through a *question*, whose answer is recorded once per run. Questions differ by where
//! their answers come from ([`Source`]): the input of the run, the program's state, or the outside world. The other calls write
//! to a buffer, append to the log, or end the run; they tell the program nothing that it does not know.
//!
//! Limits that are constants of the edition are enforced here and trap: number of host calls (the log has its own limit and does
//! not count), log, writes, response. The questions and answers of a run together are bounded too, by [`TRANSCRIPT_BYTES`].

pub mod clock;
pub mod files;
pub mod http;
pub mod kv;
pub mod log;
pub mod messages;
pub mod program;
pub mod random;
pub mod reply;
pub mod request;
pub mod response;
pub mod world;

/// Most bytes of all questions and answers of a run; beyond it the run traps `HostCallLimit`, since what it has is too many
/// calls. Everything of a run that a node keeps in memory is thereby bounded.
pub const TRANSCRIPT_BYTES: usize = 64 << 20;

/// Where the effect of a host call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A question about the input: arguments of a command, parts of a request. One answer per run.
    Input,
    /// A question about the program's state, at the run's snapshot.
    State,
    /// A question about the outside world. A run that is begun again keeps the answers.
    Outside,
    /// A question about the outside world that has another answer each time it is asked.
    OutsideEachTime,
    /// A question to somebody who has to be waited for. Its answer is got while no worker is taken; then the run begins again,
    /// and keeps it.
    Elsewhere,
    /// The same, done anew each time it is asked: it may change something there.
    ElsewhereEachTime,
    /// A write to the program's state, buffered until the run ends well.
    Write,
    /// A change of what stands for the world in a test. Nothing else may make one.
    Double,
    /// Said to those who watch the run: a line of the log, or what a property is tried with.
    Log,
    /// The end of the run, with an answer and without writes.
    Stop,
}

impl Source {
    /// Whether the answer comes from the outside world: a run that is begun again keeps it.
    pub fn is_outside(self) -> bool {
        matches!(
            self,
            Source::Outside
                | Source::OutsideEachTime
                | Source::Elsewhere
                | Source::ElsewhereEachTime
        )
    }

    /// Whether each time it is asked is a question of its own.
    pub fn is_each_time(self) -> bool {
        matches!(self, Source::OutsideEachTime | Source::ElsewhereEachTime)
    }
}

macro_rules! host_calls {
    ($( $name:ident, $interface:literal, $function:literal, $capability:literal, $source:ident; )*) => {
        /// Every function of every host interface, version 1 each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HostCall { $(
            #[doc = concat!("`", $interface, ".", $function, "`")]
            $name,
        )* }

        impl HostCall {
            /// All of them.
            pub const ALL: &'static [HostCall] = &[ $( HostCall::$name, )* ];

            /// The call with these names.
            pub fn find(interface: &str, function: &str) -> Option<HostCall> {
                match (interface, function) {
                    $( ($interface, $function) => Some(HostCall::$name), )*
                    _ => None,
                }
            }

            /// Interface and function.
            pub fn names(self) -> (&'static str, &'static str) {
                match self { $( HostCall::$name => ($interface, $function), )* }
            }

            /// Whether its first operand is a capability of the interface.
            pub fn needs_capability(self) -> bool {
                match self { $( HostCall::$name => $capability, )* }
            }

            /// Where its effect is.
            pub fn source(self) -> Source {
                match self { $( HostCall::$name => Source::$source, )* }
            }
        }
    };
}

host_calls! {
    CommandArgs,     "command", "args",      false, Input;
    RequestStart,    "request", "start",     false, Input;
    RequestHeader,   "request", "header",    false, Input;
    RequestCookie,   "request", "cookie",    false, Input;
    RequestQuery,    "request", "query",     false, Input;
    RequestQueryAll, "request", "query_all", false, Input;
    RequestText,     "request", "text",      false, Input;
    RequestBody,     "request", "body",      false, Input;
    LogAppend,       "log",     "append",    false, Log;
    RunAbort,        "run",     "abort",     false, Stop;
    KvGet,           "kv",      "get",       true,  State;
    KvShape,         "kv",      "shape",     true,  State;
    KvSet,           "kv",      "set",       true,  Write;
    KvRemove,        "kv",      "remove",    true,  Write;
    KvKeys,          "kv",      "keys",      true,  State;
    KvRange,         "kv",      "range",     true,  State;
    KvAdd,           "kv",      "add",       true,  Write;
    KvAppend,        "kv",      "append",    true,  Write;
    KvSetFor,        "kv",      "set_for",   true,  Write;
    KvRefuse,        "kv",      "refuse",    true,  Double;
    FilesInfo,       "files",   "info",      true,  State;
    FilesPart,       "files",   "part",      true,  State;
    FilesList,       "files",   "list",      true,  State;
    FilesWrite,      "files",   "write",     true,  Write;
    FilesAppend,     "files",   "append",    true,  Write;
    FilesRemove,     "files",   "remove",    true,  Write;
    FilesRefuse,     "files",   "refuse",    true,  Double;
    ClockNow,        "clock",   "now",       true,  Outside;
    ClockMinute,     "clock",   "minute",    true,  Outside;
    ClockToday,      "clock",   "today",     true,  Outside;
    ClockSet,        "clock",   "set",       true,  Double;
    RandomBytes,     "random",  "bytes",     true,  OutsideEachTime;
    RandomGive,      "random",  "give",      true,  Double;
    ProgramAsk,      "program", "ask",       true,  Elsewhere;
    ProgramAnswer,   "program", "answer",    true,  Double;
    HttpGet,         "http",    "get",       true,  Elsewhere;
    HttpSend,        "http",    "send",      true,  ElsewhereEachTime;
    HttpAnswer,      "http",    "answer",    true,  Double;
    MessagesSend,    "messages", "send",     true,  Write;
    MessagesPost,    "messages", "post",     true,  Write;
    MessagesSent,    "messages", "sent",     true,  Double;
    TestSnapshot,    "test",    "snapshot",  false, Double;
    TestProperty,    "test",    "property",  false, Log;
    TestTrying,      "test",    "trying",    false, Log;
}

impl HostCall {
    /// Whether a run that asked this can be answered from its record for another request.
    pub fn is_repeatable(self) -> bool {
        !matches!(
            self,
            HostCall::ClockNow | HostCall::RandomBytes | HostCall::HttpSend
        )
    }

    /// Whether it asks for what one key of the store holds, so that the identity of its answer is known without the answer.
    pub fn is_of_one_key(self) -> bool {
        matches!(
            self,
            HostCall::KvGet | HostCall::FilesInfo | HostCall::FilesPart
        )
    }
}

/// The capabilities that this node can grant.
pub const CAPABILITIES: [&str; 7] = [
    "clock", "files", "http", "kv", "messages", "program", "random",
];

/// Those of them whose programs keep something.
pub const WITH_STATE: [&str; 3] = ["files", "kv", "messages"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_capabilities_agree() {
        for &call in HostCall::ALL {
            let (interface, function) = call.names();
            assert_eq!(HostCall::find(interface, function), Some(call));
            assert_eq!(call.needs_capability(), CAPABILITIES.contains(&interface));
        }
        assert_eq!(HostCall::find("kv", "swap"), None);
        assert!(CAPABILITIES.is_sorted());
    }
}
