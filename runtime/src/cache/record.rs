//! A remembered outcome on disk: the run that made it, with what it was told.
//!
//! A record says which format and which semantics of the engines it is of, and carries a hash of itself: one that is of others or
//! damaged is as if it were not there. What is nobody's but the asker's never goes to disk: runs that read a cookie, the `authorization` header or a body are not written, nor are runs that trapped.

use bytes::Bytes;
use cop_bytecode::Hash;

use crate::codec::{CodecError, Problem, Reader, Writer};
use crate::engine::Limits;
use crate::host::HostCall;
use crate::host::log::Log;
use crate::host::response::Response;
use crate::receipt::REVISION;
use crate::recorded::is_private;
use crate::run::{RunEnd, RunRecord};
use crate::store::state::Shapes;
use crate::store::writes::{Write, Writes};
use crate::transcript::{Question, Transcript};

const MAGIC: &[u8; 4] = b"copw";
const VERSION: u8 = 1;
const TAG: &str = "cop outcome record 1";

/// The record of an outcome under these limits; `None` for one that does not go to disk.
pub fn encode(limits: Limits, record: &RunRecord) -> Option<Vec<u8>> {
    let exchanges = || record.transcript.exchanges();
    let has_private = exchanges().any(|(question, _)| is_private(question));
    let (is_aborted, response) = match &record.end {
        RunEnd::Answered(response) => (false, response),
        RunEnd::Aborted(response) => (true, response),
        RunEnd::Done | RunEnd::Failed(_) | RunEnd::Trapped(_) => return None,
    };
    if has_private {
        return None;
    }
    let mut writer = Writer::format(MAGIC, VERSION);
    writer
        .count(REVISION)
        .count(limits.fuel)
        .count(limits.memory_bytes)
        .flag(is_aborted)
        .int(i64::from(response.status))
        .count(response.headers.len() as u64);
    for (name, value) in &response.headers {
        writer.text(name).text(value);
    }
    writer
        .texts(&response.cookies)
        .bytes(&response.body)
        .texts(record.log.lines())
        .count(record.writes.len() as u64);
    for (key, write) in &record.writes {
        writer.text(key);
        write.write_into(&mut writer);
    }
    writer.count(record.shapes.len() as u64);
    for (fingerprint, shape) in &record.shapes {
        writer.raw(fingerprint).text(shape);
    }
    writer
        .count(record.fuel_used)
        .count(record.peak_memory_bytes)
        .count(exchanges().len() as u64);
    for (question, answered) in exchanges() {
        let (interface, function) = question.kind.names();
        writer
            .text(interface)
            .text(function)
            .count(u64::from(question.occurrence))
            .bytes(&question.argument)
            .bytes(&answered.bytes);
    }
    let mut bytes = writer.finish();
    let hash = Hash::tagged(TAG, &[&bytes]);
    bytes.extend_from_slice(&hash.0);
    Some(bytes)
}

/// The outcome in a record, and the limits that it is of; `None` for one of other formats or semantics, or a damaged one.
pub fn decode(bytes: &[u8]) -> Option<(Limits, RunRecord)> {
    let (content, hash) = bytes.split_last_chunk::<32>()?;
    if Hash::tagged(TAG, &[content]).0 != *hash {
        return None;
    }
    let mut reader = Reader::format(content, MAGIC, VERSION).ok()?;
    if reader.count().ok()? != REVISION {
        return None;
    }
    read(&mut reader).ok()
}

fn refused(reader: &Reader<'_>) -> CodecError {
    CodecError {
        offset: reader.offset(),
        problem: Problem::Value,
    }
}

fn read(reader: &mut Reader<'_>) -> Result<(Limits, RunRecord), CodecError> {
    let limits = Limits {
        fuel: reader.count()?,
        memory_bytes: reader.count()?,
    };
    let is_aborted = reader.flag()?;
    let response = Response {
        status: u16::try_from(reader.int()?).map_err(|_| refused(reader))?,
        headers: (0..reader.count()?)
            .map(|_| Ok((reader.text()?.to_owned(), reader.text()?.to_owned())))
            .collect::<Result<_, CodecError>>()?,
        cookies: reader.texts()?,
        body: Bytes::copy_from_slice(reader.bytes()?),
    };
    let mut log = Log::default();
    for line in reader.texts()? {
        if !log.append(&line) {
            return Err(refused(reader));
        }
    }
    let mut writes = Writes::new();
    for _ in 0..reader.count()? {
        let key = reader.text()?.to_owned();
        writes.insert(key, Write::read_from(reader)?);
    }
    let mut shapes = Shapes::new();
    for _ in 0..reader.count()? {
        shapes.insert(reader.array()?, reader.text()?.to_owned());
    }
    let (fuel_used, peak_memory_bytes) = (reader.count()?, reader.count()?);
    let mut transcript = Transcript::default();
    for _ in 0..reader.count()? {
        let (interface, function) = (reader.text()?, reader.text()?);
        let kind = HostCall::find(interface, function).ok_or_else(|| refused(reader))?;
        let occurrence = u32::try_from(reader.count()?).map_err(|_| refused(reader))?;
        let question = Question {
            kind,
            occurrence,
            argument: reader.bytes()?.to_vec(),
        };
        transcript.record(question, reader.bytes()?.to_vec());
    }
    reader.end()?;
    let record = RunRecord {
        end: match is_aborted {
            true => RunEnd::Aborted(response),
            false => RunEnd::Answered(response),
        },
        log,
        writes,
        shapes,
        transcript,
        fuel_used,
        peak_memory_bytes,
        trap_detail: None,
        trying: None,
    };
    Ok((limits, record))
}
