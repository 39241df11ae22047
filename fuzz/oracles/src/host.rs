//! A host whose answers follow from what it is asked, and which keeps all of it.

use cop_bytecode::TrapKind;
use cop_vm::{Answer, Host, Program};

/// What is done while a run waits for an answer.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Before which call which functions get machine code: those whose number, turned by this one, is even in its bits.
    pub compile_at: Option<(usize, u64)>,
    /// Which call ends the run, and how.
    pub end_at: Option<(usize, End)>,
}

/// How a host ends a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With a trap of the host.
    Trap,
    /// Well: it keeps the response.
    Stop,
    /// For a reason of the node.
    Refuse,
}

/// Whether a function is among those that a mask stands for.
pub fn is_wanted(mask: u64, function: u32) -> bool {
    let turned = (u64::from(function) + 1).wrapping_mul(mask | 1);
    (turned ^ (turned >> 17) ^ (turned >> 41)) & 1 == 0
}

/// Answers by what it is asked, and how often it was.
pub struct Recorder<'p> {
    /// Everything that was asked: interface, function and argument.
    pub asked: Vec<(String, Vec<u8>)>,
    plan: Plan,
    program: &'p Program,
}

impl<'p> Recorder<'p> {
    /// A host for a run of a program.
    pub fn new(program: &'p Program, plan: Plan) -> Recorder<'p> {
        Recorder {
            asked: Vec::new(),
            plan,
            program,
        }
    }
}

impl Host for Recorder<'_> {
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer {
        let number = self.asked.len();
        self.asked
            .push((format!("{interface}.{function}"), argument.to_vec()));
        if let Some((at, mask)) = self.plan.compile_at
            && at == number
        {
            // What cannot be compiled is interpreted.
            let _ = self.program.compile_some(&|f| is_wanted(mask, f));
        }
        match self.plan.end_at {
            Some((at, end)) if at == number => match end {
                End::Trap => Answer::Trap(TrapKind::LogLimit, [number as i64, 7]),
                End::Stop => Answer::Stop,
                End::Refuse => Answer::Refuse("the host has had enough".into()),
            },
            _ => {
                let mut answer = argument.to_vec();
                answer.truncate(40);
                answer.push(number as u8);
                Answer::Bytes(answer)
            }
        }
    }
}
