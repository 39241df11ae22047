//! The files of a program, as one run sees them: what it has written lies over its snapshot.

use cop_bytecode::TrapKind;

use super::{Ended, MALFORMED, Recorder};
use crate::codec::{Reader, Writer};
use crate::host::files::{self, Change, Head};
use crate::host::{HostCall, kv};
use crate::store::state::get_answer;
use crate::store::writes::Write;

impl Recorder<'_> {
    /// What is stored of a file.
    pub(super) fn file_info(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let path = files::path_argument(argument).map_err(|_| MALFORMED)?;
        self.file_question(HostCall::FilesInfo, path, files::head_key(path), argument)
    }

    /// What is stored of a part of a file.
    pub(super) fn file_part(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let (path, number) = files::part_argument(argument).map_err(|_| MALFORMED)?;
        let most = (files::FILE_BYTES / files::PART_BYTES) as i64;
        if !(0..most).contains(&number) {
            return Err(Ended::Trap(TrapKind::InvalidArgument, number));
        }
        let key = files::part_key(path, number as usize);
        self.file_question(HostCall::FilesPart, path, key, argument)
    }

    fn file_question(
        &mut self,
        call: HostCall,
        path: &str,
        key: String,
        argument: &[u8],
    ) -> Result<Vec<u8>, Ended> {
        match self.overlay.get(&key) {
            Some(Write::Put { value, .. }) => Ok(get_answer(Some(value))),
            Some(_) => Ok(get_answer(None)),
            // A program cannot write there, so the answer depends on nothing and is no question.
            None if files::bad_path(path).is_some() => Ok(get_answer(None)),
            None => self.ask(call, argument.to_vec()),
        }
    }

    /// Makes a file what is given, whatever it was.
    pub(super) fn write_file(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let (path, content) = files::write_argument(argument).map_err(|_| MALFORMED)?;
        if let Some(refusal) = self.file_refusal(path, content.len()) {
            return Ok(kv::write_answer(Some(&refusal)));
        }
        let before = self.known_file(path)?.map_or(0, |head| head.parts());
        let change = Head::default().extended(&[], content);
        for number in change.head.parts()..before {
            self.put_own(&files::part_key(path, number), Write::Remove)?;
        }
        self.change_file(path, change)
    }

    /// Puts something behind what a file holds; nothing counts as empty.
    pub(super) fn append_to_file(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let (path, added) = files::write_argument(argument).map_err(|_| MALFORMED)?;
        if let Some(refusal) = self.file_refusal(path, added.len()) {
            return Ok(kv::write_answer(Some(&refusal)));
        }
        let head = self.known_file(path)?.unwrap_or_default();
        if let Some(refusal) = files::too_large(path, head.size + added.len()) {
            return Ok(kv::write_answer(Some(&refusal)));
        }
        let open = match head.open_part() {
            None => Vec::new(),
            Some(number) => {
                let mut writer = Writer::new();
                writer.text(path).int(number as i64);
                let stored = stored_of(&self.file_part(&writer.finish())?)?;
                let stored = stored.ok_or(MALFORMED)?;
                let part = files::part_of_stored(&stored).map_err(|_| MALFORMED)?;
                part.to_vec()
            }
        };
        self.change_file(path, head.extended(&open, added))
    }

    /// Takes a file away, if there is one.
    pub(super) fn remove_file(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let path = files::path_argument(argument).map_err(|_| MALFORMED)?;
        if let Some(refusal) = self.file_refusal(path, 0) {
            return Ok(kv::write_answer(Some(&refusal)));
        }
        if let Some(head) = self.known_file(path)? {
            for number in 0..head.parts() {
                self.put_own(&files::part_key(path, number), Write::Remove)?;
            }
            self.put_own(&files::head_key(path), Write::Remove)?;
        }
        Ok(kv::write_answer(None))
    }

    /// Why a file is not written.
    fn file_refusal(&self, path: &str, size: usize) -> Option<String> {
        let double = self.double.as_ref();
        double
            .and_then(|double| double.files_refusal.clone())
            .or_else(|| files::bad_path(path))
            .or_else(|| files::too_large(path, size))
    }

    /// What a file is before a change, which thereby rests on it.
    fn known_file(&mut self, path: &str) -> Result<Option<Head>, Ended> {
        let mut writer = Writer::new();
        writer.text(path);
        let stored = stored_of(&self.file_info(&writer.finish())?)?;
        let head = stored.map(|stored| Head::of_stored(&stored));
        head.transpose().map_err(|_| MALFORMED)
    }

    fn change_file(&mut self, path: &str, change: Change) -> Result<Vec<u8>, Ended> {
        for (number, part) in &change.parts {
            self.put_own(&files::part_key(path, *number), files::part_write(part))?;
        }
        self.put_own(&files::head_key(path), change.head.write())?;
        for (fingerprint, shape) in files::shapes() {
            self.overlay.describe(fingerprint, shape);
        }
        Ok(kv::write_answer(None))
    }

    /// Buffers a write under a key of the node's own.
    fn put_own(&mut self, key: &str, write: Write) -> Result<(), Ended> {
        let put = self.overlay.put(key, write);
        // What a run puts there is never a blind change, so it fits whatever was there.
        put.map(|_| ())
            .map_err(|limit| Ended::Trap(TrapKind::WriteLimit, limit.0))
    }
}

/// The stored value that an answer holds.
fn stored_of(answer: &[u8]) -> Result<Option<Vec<u8>>, Ended> {
    let mut reader = Reader::new(answer);
    let is_there = reader.flag().map_err(|_| MALFORMED)?;
    let stored = is_there.then(|| reader.bytes().map(<[u8]>::to_vec));
    stored.transpose().map_err(|_| MALFORMED)
}
