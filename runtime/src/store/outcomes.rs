//! Remembered outcomes on disk, so that a node that is started again need not run everything once more.
//!
//! They are written in batches by a thread that nobody waits for, and never synced for their own sake: what is gone is run again.
//! Of each program and entry point the newest are kept, up to a share; when all together are too many, the programs of which
//! nothing was written for the longest time go.

use cop_bytecode::Hash;
use redb::{ReadableTable, WriteTransaction};

use super::{OUTCOME_SIZES, OUTCOMES, Store, StoreError};

/// A record that is to be kept: program, entry point, bytes.
pub type NewOutcome = (Hash, &'static str, Vec<u8>);

/// What is kept of one entry point of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomesKept {
    /// How many records.
    pub records: u64,
    /// Their size, in bytes.
    pub bytes: u64,
}

impl Store {
    /// The records that are kept of an entry point of a program, oldest first.
    pub fn outcomes(&self, program: &Hash, entry: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let outcomes = self.begin_read()?.open_table(OUTCOMES)?;
        let (first, last) = ((&program.0, entry, 0), (&program.0, entry, u64::MAX));
        let rows = outcomes.range(first..=last)?;
        rows.map(|row| Ok(row?.1.value().to_vec())).collect()
    }

    /// How much is kept of an entry point of a program.
    pub fn outcomes_kept(&self, program: &Hash, entry: &str) -> Result<OutcomesKept, StoreError> {
        let sizes = self.begin_read()?.open_table(OUTCOME_SIZES)?;
        let found = sizes.get((&program.0, entry))?;
        Ok(found.map_or_else(OutcomesKept::default, |found| {
            let (records, bytes, _) = found.value();
            OutcomesKept { records, bytes }
        }))
    }

    /// Keeps records, and lets go of older ones where an entry point has more than `share_bytes` or all have more than
    /// `budget_bytes`. They may be gone after a crash.
    pub fn keep_outcomes(
        &self,
        new: &[NewOutcome],
        share_bytes: u64,
        budget_bytes: u64,
    ) -> Result<(), StoreError> {
        let bytes: usize = new.iter().map(|(.., record)| record.len()).sum();
        self.check_room(bytes as u64)?;
        self.write_soon(|write| {
            let mut sizes = write.open_table(OUTCOME_SIZES)?;
            let mut outcomes = write.open_table(OUTCOMES)?;
            let (mut total, mut newest) = (0, 0);
            for row in sizes.iter()? {
                let (_, bytes, last) = row?.1.value();
                total += bytes;
                newest = newest.max(last);
            }
            for (program, entry, record) in new {
                let at = (&program.0, *entry);
                let known = sizes.get(at)?.map(|known| known.value());
                let (mut records, mut bytes, _) = known.unwrap_or_default();
                newest += 1;
                outcomes.insert((&program.0, *entry, newest), record.as_slice())?;
                records += 1;
                bytes += record.len() as u64;
                total += record.len() as u64;
                while bytes > share_bytes {
                    let (first, last) = ((&program.0, *entry, 0), (&program.0, *entry, u64::MAX));
                    let Some(oldest) = outcomes.range(first..=last)?.next() else {
                        break;
                    };
                    let (number, length) = {
                        let (key, record) = oldest?;
                        (key.value().2, record.value().len() as u64)
                    };
                    outcomes.remove((&program.0, *entry, number))?;
                    records -= 1;
                    bytes -= length;
                    total -= length;
                }
                sizes.insert(at, (records, bytes, newest))?;
            }
            drop((sizes, outcomes));
            if total > budget_bytes {
                shrink(write, total, budget_bytes / 4 * 3)?;
            }
            Ok(())
        })
    }

    /// Forgets what is kept of an entry point of a program.
    pub fn forget_outcomes(&self, program: &Hash, entry: &str) -> Result<(), StoreError> {
        self.write_soon(|write| forget(write, &program.0, entry).map(drop))
    }
}

/// Forgets whole programs, those first of which nothing was written for the longest time.
fn shrink(write: &WriteTransaction, total: u64, budget_bytes: u64) -> Result<(), StoreError> {
    let mut by_age = Vec::new();
    for row in write.open_table(OUTCOME_SIZES)?.iter()? {
        let (key, size) = row?;
        let (program, entry) = key.value();
        by_age.push((size.value().2, *program, entry.to_owned()));
    }
    by_age.sort_unstable();
    let mut total = total;
    for (_, program, entry) in by_age {
        if total <= budget_bytes {
            break;
        }
        total = total.saturating_sub(forget(write, &program, &entry)?);
    }
    Ok(())
}

/// Forgets an entry point of a program; how many bytes that were.
fn forget(write: &WriteTransaction, program: &[u8; 32], entry: &str) -> Result<u64, StoreError> {
    let mut outcomes = write.open_table(OUTCOMES)?;
    let range = (program, entry, 0)..=(program, entry, u64::MAX);
    outcomes.retain_in(range, |_, _| false)?;
    let mut sizes = write.open_table(OUTCOME_SIZES)?;
    let size = sizes.remove((program, entry))?;
    Ok(size.map_or(0, |size| size.value().1))
}
