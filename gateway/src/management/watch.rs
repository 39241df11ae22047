//! What the management interface writes down: publications, and what goes wrong with the node without anybody asking.

use std::sync::{Arc, Weak};
use std::time::Duration;

use cop_runtime::{Failure, FailureCode, Health, Published};

use super::Management;
use crate::journal::{Journal, Kind, Record};

/// How often the node's figures are looked at.
const LOOKED_AT: Duration = Duration::from_secs(5);
/// Earlier releases among which a rolled back one is looked for.
const EARLIER: u64 = 50;

/// Writes down what came of a publication.
pub(super) fn published(management: &Management, published: &Result<Published, Failure>) {
    let journal = &management.observer.journal;
    match published {
        Ok(published) if published.already => {}
        Ok(published) => {
            let Published {
                address,
                name,
                number,
                bundle_hash,
                ..
            } = published;
            let had_it = |earlier: &u64| {
                let release = management.executor.release(address, name, Some(*earlier));
                release
                    .is_ok_and(|found| found.is_some_and(|found| found.bundle_hash == *bundle_hash))
            };
            let earlier = (1..*number).rev().take(EARLIER as usize).find(had_it);
            let record = match earlier {
                Some(earlier) => {
                    let text = format!("{name} to release {earlier}, as release {number}");
                    Record::new(Kind::RolledBack, text).field("earlier", earlier)
                }
                None => Record::new(Kind::Published, format!("{name}, release {number}")),
            };
            let record = record
                .program(format!("{address}/{name}"))
                .field("release", *number);
            journal.record(record.field("bundle", bundle_hash.to_string()));
        }
        Err(failure) => {
            let text = format!("{}: {}", failure.title, failure.detail);
            let record = Record::new(Kind::PublishRefused, text);
            journal.record(record.field("code", failure.code.code()));
            if failure.code == FailureCode::Internal {
                journal.record(Record::new(Kind::Failed, "a publication failed"));
            }
        }
    }
}

/// Begins to look at the node's figures, until it is gone.
pub(super) fn begin(management: &Arc<Management>) {
    let node = Arc::downgrade(management);
    let before = management.executor.health();
    tokio::spawn(look(node, before));
}

async fn look(node: Weak<Management>, mut before: Health) {
    loop {
        tokio::time::sleep(LOOKED_AT).await;
        let Some(management) = node.upgrade() else {
            return;
        };
        let now = management.executor.health();
        compare(&management.observer.journal, &before, &now);
        before = now;
    }
}

fn compare(journal: &Journal, before: &Health, now: &Health) {
    if before.writable && !now.writable {
        let text = "make the disk right and start the node again; programs that only read go on where that is safe";
        journal.record(Record::new(Kind::StoreFailed, text));
    }
    let differences = |health: &Health| health.disagreements + health.self_check.differences;
    let more = differences(now).saturating_sub(differences(before));
    if more > 0 {
        let text = "an engine or the memory of this machine is wrong: look into the folder `evidence`, and report it";
        journal.record(Record::new(Kind::Differed, text).field("runs", more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Filter;

    #[test]
    fn what_goes_wrong_is_written_down_once() {
        let journal = Journal::default();
        let well = Health {
            writable: true,
            ..Health::default()
        };
        let badly = Health {
            disagreements: 2,
            ..Health::default()
        };
        for (before, now) in [(&well, &well), (&well, &badly), (&badly, &badly)] {
            compare(&journal, before, now);
        }
        let kinds = journal.after(None, &Filter::default()).records;
        let kinds: Vec<_> = kinds.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [Kind::StoreFailed, Kind::Differed]);
    }
}
