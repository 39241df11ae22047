//! Finding the fenced blocks of a page.

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// What stands behind the fence.
    pub info: String,
    /// Its lines.
    pub text: String,
    /// The line of its opening fence, from 1.
    pub line: usize,
    /// Whether only blank lines stand between it and the block before.
    pub follows: bool,
}

/// The fenced blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut only_blank = false;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.trim().to_owned(),
                    text: String::new(),
                    line: number + 1,
                    follows: only_blank,
                });
            }
            (None, None) => only_blank &= line.trim().is_empty(),
            (Some(_), Some("")) => {
                found.extend(open.take());
                only_blank = true;
            }
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    found
}

#[test]
fn blocks_are_found_with_what_follows_them() {
    let found = blocks("a\n```cop\nx\n```\n\n```text\ny\n```\nb\n```text\nz\n```\n");
    let parts: Vec<_> = found
        .iter()
        .map(|b| (b.info.as_str(), b.text.as_str(), b.line, b.follows))
        .collect();
    assert_eq!(
        parts,
        [
            ("cop", "x\n", 2, false),
            ("text", "y\n", 6, true),
            ("text", "z\n", 10, false)
        ]
    );
}
