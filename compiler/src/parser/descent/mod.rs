//! The short way through files that are in order: by hand, each rule of the grammar a function.
//!
//! The grammar (`grammar.lalrpop`) says what the language is, and explains what is wrong with a file. But its tables take
//! some fourteen steps for one name, one for each level of operators. So a file is read this way first, and whatever is
//! not plainly right, be it an error or something that this reader does not know, makes it give up without a word; then
//! the grammar reads the file. Both build the tree by the same actions ([`Context`]), and the tests read every sample and
//! every fuzzed text both ways and compare the trees.
//!
//! A new piece of syntax therefore works when the grammar has it, and is fast when it is here too.

mod exprs;
mod items;
mod patterns;
mod stmts;
mod types;

use super::actions::Context;
use crate::ast::{Block, Item, Name};
use crate::lexer::{Spanned, Token};
use crate::source::Span;
use std::rc::Rc;

/// Deepest nesting of rules in one another; the grammar, which needs no stack for that, reads what is deeper.
const MAX_NESTING: usize = 100;

/// The items of a file, or nothing if it is for the grammar.
pub(super) fn file(tokens: Vec<Spanned>, context: &mut Context) -> Option<Vec<Item>> {
    let mut reader = Reader::new(tokens, context);
    let mut items = Vec::new();
    if reader.tokens.is_empty() {
        return Some(items);
    }
    loop {
        items.push(*reader.item()?);
        if reader.at == reader.tokens.len() {
            return Some(items);
        }
        reader.expect(Token::Newline)?;
    }
}

/// A block, if that is all there is and it is in order.
pub(super) fn block(tokens: Vec<Spanned>, context: &mut Context) -> Option<Block> {
    let mut reader = Reader::new(tokens, context);
    let block = reader.block()?;
    (reader.at == reader.tokens.len()).then_some(block)
}

struct Reader<'c> {
    tokens: Vec<Spanned>,
    /// The next token.
    at: usize,
    /// Where the last one ended.
    end: usize,
    nesting: usize,
    cx: &'c mut Context,
}

/// What stands behind the last token.
const NOTHING: &Token = &Token::Broken;

impl<'c> Reader<'c> {
    fn new(tokens: Vec<Spanned>, cx: &'c mut Context) -> Self {
        Reader {
            tokens,
            at: 0,
            end: 0,
            nesting: 0,
            cx,
        }
    }

    fn peek(&self) -> &Token {
        self.peek_behind(0)
    }

    /// The token that many behind the next one.
    fn peek_behind(&self, count: usize) -> &Token {
        self.tokens
            .get(self.at + count)
            .map_or(NOTHING, |(_, token, _)| token)
    }

    /// Where the next token starts.
    fn start(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.0)
    }

    /// Steps over the next token.
    fn skip(&mut self) {
        if let Some(token) = self.tokens.get(self.at) {
            self.end = token.2;
            self.at += 1;
        }
    }

    /// Takes the next token, with what it holds.
    fn take(&mut self) -> Token {
        let Some(token) = self.tokens.get_mut(self.at) else {
            return Token::Broken;
        };
        self.end = token.2;
        self.at += 1;
        std::mem::replace(&mut token.1, Token::Broken)
    }

    fn is(&self, token: &Token) -> bool {
        self.peek() == token
    }

    /// Steps over this token, if it is the next one.
    fn eat(&mut self, token: Token) -> bool {
        let found = self.is(&token);
        if found {
            self.skip();
        }
        found
    }

    fn expect(&mut self, token: Token) -> Option<()> {
        self.eat(token).then_some(())
    }

    /// Where this token stands, if it is the next one, which it then steps over.
    fn place_of(&mut self, token: Token) -> Option<Span> {
        let start = self.start();
        self.eat(token).then(|| self.cx.span(start, self.end))
    }

    /// Reads by a rule that may contain itself.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.nesting == MAX_NESTING {
            return None;
        }
        self.nesting += 1;
        let read = rule(self);
        self.nesting -= 1;
        read
    }

    // ---- names

    /// Whether the token is a name, words that are special elsewhere included.
    fn is_name(token: &Token) -> bool {
        matches!(
            token,
            Token::Ident(_) | Token::From | Token::Test | Token::Type | Token::Opaque
        )
    }

    fn name(&mut self) -> Option<Name> {
        let start = self.start();
        let text: Rc<str> = match self.take() {
            Token::Ident(text) => text,
            Token::From => "from".into(),
            Token::Test => "test".into(),
            Token::Type => "type".into(),
            Token::Opaque => "opaque".into(),
            _ => return None,
        };
        Some(self.cx.name(start, text, self.end))
    }

    fn upper(&mut self) -> Option<Name> {
        let start = self.start();
        match self.take() {
            Token::Upper(text) => Some(self.cx.name(start, text, self.end)),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<(Rc<str>, Span)> {
        let start = self.start();
        match self.take() {
            Token::Str(text) => Some((text, self.cx.span(start, self.end))),
            _ => None,
        }
    }

    // ---- lists

    /// What `rule` reads, separated by commas, up to the closing token, which is stepped over. A comma may follow the last.
    fn commas<T>(
        &mut self,
        close: Token,
        mut rule: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        if self.eat(close.clone()) {
            return Some(Vec::new());
        }
        let mut list = Vec::new();
        loop {
            if self.is(&close) {
                self.skip();
                return Some(list);
            }
            add(&mut list, rule(self)?);
            if !self.eat(Token::Comma) {
                self.expect(close)?;
                return Some(list);
            }
        }
    }

    /// The same with at least one.
    fn commas1<T>(
        &mut self,
        close: Token,
        rule: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.commas(close, rule)?;
        (!list.is_empty()).then_some(list)
    }

    /// What `rule` reads, in braces, separated by line breaks or commas. A comma may follow the last.
    fn lines<T>(&mut self, mut rule: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.expect(Token::LBrace)?;
        let mut list = Vec::new();
        if self.eat(Token::RBrace) {
            return Some(list);
        }
        loop {
            add(&mut list, rule(self)?);
            match self.take() {
                Token::Newline => {}
                Token::Comma if self.is(&Token::RBrace) => {
                    self.skip();
                    return Some(list);
                }
                Token::Comma => {}
                Token::RBrace => return Some(list),
                _ => return None,
            }
        }
    }
}

/// Adds to a list. Most are short, and a vector that grows by itself starts with room for four.
fn add<T>(list: &mut Vec<T>, one: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().max(1));
    }
    list.push(one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lexer, source::FileId, stdlib::SOURCES};

    #[test]
    fn the_library_needs_no_grammar() {
        for (path, text) in SOURCES {
            let file_id = FileId(0);
            let lexed = lexer::lex(file_id, text);
            let mut context = Context::new(file_id, lexed.docs);
            assert!(file(lexed.tokens, &mut context).is_some(), "{path}");
        }
    }
}
