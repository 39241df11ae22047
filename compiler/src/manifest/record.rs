//! `[record]` in `cop.toml`: whether a node may write runs of the program to its disk.

use super::Reader;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

const HELP: &str = "write `[record]`, and below it `runs = false`, or leave it out";

impl Reader<'_> {
    /// Whether runs that trapped or wrote may be kept on disk, to be done again. They are if nothing is said.
    pub(super) fn records_runs(&mut self, table: &DeTable<'_>) -> bool {
        let Some(value) = table.get("record") else {
            return true;
        };
        let DeValue::Table(named) = value.get_ref() else {
            self.refuse_record("`record` is a table", value.span());
            return true;
        };
        let mut records = true;
        for (name, value) in named {
            match (&**name.get_ref(), value.get_ref()) {
                ("runs", DeValue::Boolean(runs)) => records = *runs,
                ("runs", _) => self.refuse_record("`runs` is `true` or `false`", value.span()),
                (other, _) => {
                    let title = format!("`{other}` is nothing that is recorded");
                    self.refuse_record(&title, name.span());
                }
            }
        }
        records
    }

    fn refuse_record(&mut self, title: &str, place: Range<usize>) {
        self.report("E0803", title, place, "", Some(HELP));
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Diagnostics;
    use crate::manifest::parse;
    use crate::source::SourceMap;

    fn read(record: &str) -> (bool, usize) {
        let text = format!("name = \"a\"\n{record}\n");
        let mut files = SourceMap::new();
        let file = files.add("cop.toml", &text);
        let mut diagnostics = Diagnostics::new();
        let manifest = parse(file, &text, &mut diagnostics).expect("a manifest");
        (manifest.records_runs, diagnostics.sorted().len())
    }

    #[test]
    fn a_program_says_that_its_runs_are_not_kept() {
        assert_eq!(read(""), (true, 0));
        assert_eq!(read("[record]"), (true, 0));
        assert_eq!(read("[record]\nruns = true"), (true, 0));
        assert_eq!(read("[record]\nruns = false"), (false, 0));
        for wrong in [
            "record = false",
            "[record]\nruns = \"no\"",
            "[record]\nrun = false",
        ] {
            assert_eq!(read(wrong), (true, 1), "{wrong}");
        }
    }
}
