//! `log`: lines that a run leaves behind, up to a limit.

use cop_bytecode::limits::LOG_BYTES;

/// The log of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    lines: Vec<String>,
    /// Bytes of all lines, each with its line break.
    bytes: usize,
}

impl Log {
    /// Adds a line; `false` if the log would pass its limit, and then the line is not in it.
    #[must_use]
    pub fn append(&mut self, line: &str) -> bool {
        let bytes = self.bytes.saturating_add(line.len()).saturating_add(1);
        if bytes > LOG_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.lines.push(line.to_owned());
        true
    }

    /// The lines, in order.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Bytes of all lines, each with its line break.
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let mut log = Log::default();
        assert!(log.append(&"x".repeat(LOG_BYTES - 2)));
        assert!(!log.append("x"));
        assert!(log.append(""));
        assert!(!log.append(""));
        assert_eq!(log.lines().len(), 2);
    }
}
