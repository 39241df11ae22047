//! The name of what came of a run: a hash over the hashes of its parts.
//!
//! Who has one part only can check it: the client who holds the answer needs the hashes of log and writes, and learns nothing
//! else of them.

use cop_bytecode::Hash;

use super::{RunEnd, RunRecord};
use crate::codec::Writer;
use crate::host::response::Response;

/// The hashes of the parts of an outcome, with what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeParts {
    /// Of how it ended: the answer, or the trap.
    pub end: Hash,
    /// Of its log.
    pub log: Hash,
    /// Of its writes.
    pub writes: Hash,
    /// Fuel used.
    pub fuel_used: u64,
    /// Greatest memory, in bytes.
    pub peak_memory_bytes: u64,
}

impl OutcomeParts {
    /// Those of a run.
    pub fn of(record: &RunRecord) -> OutcomeParts {
        let mut log = Writer::new();
        log.texts(record.log.lines());
        let mut writes = Writer::new();
        writes.count(record.writes.len() as u64);
        for (key, write) in &record.writes {
            writes.text(key);
            write.write_into(&mut writes);
        }
        OutcomeParts {
            end: end_hash(&record.end),
            log: Hash::tagged("cop log 1", &[&log.finish()]),
            writes: Hash::tagged("cop writes 1", &[&writes.finish()]),
            fuel_used: record.fuel_used,
            peak_memory_bytes: record.peak_memory_bytes,
        }
    }

    /// The outcome hash.
    pub fn hash(&self) -> Hash {
        let mut used = Writer::new();
        used.count(self.fuel_used).count(self.peak_memory_bytes);
        let parts = [&self.end.0[..], &self.log.0, &self.writes.0, &used.finish()];
        Hash::tagged("cop outcome 1", &parts)
    }
}

/// The hash of how a run ended.
pub fn end_hash(end: &RunEnd) -> Hash {
    let mut writer = Writer::new();
    match end {
        RunEnd::Done => {
            writer.byte(0);
        }
        RunEnd::Failed(message) => {
            writer.byte(1).text(message);
        }
        RunEnd::Answered(response) => {
            writer.byte(2);
            write_response(&mut writer, response);
        }
        RunEnd::Aborted(response) => {
            writer.byte(3);
            write_response(&mut writer, response);
        }
        RunEnd::Trapped(trap) => {
            writer
                .byte(4)
                .byte(trap.kind as u8)
                .count(u64::from(trap.position.function))
                .count(u64::from(trap.position.instruction))
                .int(trap.operands[0])
                .int(trap.operands[1])
                .optional_text(trap.message.as_deref());
        }
    }
    Hash::tagged("cop end 1", &[&writer.finish()])
}

fn write_response(writer: &mut Writer, response: &Response) {
    writer
        .int(i64::from(response.status))
        .count(response.headers.len() as u64);
    for (name, value) in &response.headers {
        writer.text(name).text(value);
    }
    writer.texts(&response.cookies).bytes(&response.body);
}
