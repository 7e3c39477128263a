//! The tags of a template, cut into tokens.
//!
//! Tera keeps its syntax tree to itself, and two questions need one: which files a template
//! refers to, and which of its variables may stay undefined. Only templates that Tera accepts are
//! judged by this, so broken ones may give anything here.

/// One piece of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or keyword.
    Name(&'a str),
    /// A quoted text, without its quotes.
    Text(&'a str),
    /// Anything else: an operator, a bracket, a number.
    Sign(&'a str),
}

/// The inside of one `{{ … }}` or `{% … %}`.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    /// Whether it is a `{% … %}`.
    pub(super) block: bool,
    /// Its tokens.
    pub(super) tokens: Vec<Token<'a>>,
    /// The line of each token, from 1.
    pub(super) lines: Vec<usize>,
}

impl<'a> Tag<'a> {
    /// The keyword of a `{% … %}`.
    pub(super) fn keyword(&self) -> Option<&'a str> {
        match self.tokens.first() {
            Some(Token::Name(name)) if self.block => Some(name),
            _ => None,
        }
    }

    /// The line it begins on.
    pub(super) fn line(&self) -> usize {
        self.lines.first().copied().unwrap_or(1)
    }
}

/// A template that another one names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    /// Whether it is the template's parent, not an `include`.
    pub(super) extends: bool,
}

/// The template that `tag` names.
pub(super) fn reference<'a>(tag: &Tag<'a>) -> Option<Reference<'a>> {
    let extends = match tag.keyword()? {
        "extends" => true,
        "include" => false,
        _ => return None,
    };
    let Some(Token::Text(name)) = tag.tokens.get(1) else {
        return None;
    };
    Some(Reference {
        name,
        line: tag.line(),
        extends,
    })
}

/// The tags of `source`, in order; comments and raw sections are left out.
pub(super) fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
    };
    let mut tags = Vec::new();
    while let Some(start) = lexer.rest.find('{') {
        lexer.skip(start);
        if lexer.rest.starts_with("{#") {
            lexer.skip_past("#}");
        } else if lexer.rest.starts_with("{{") {
            lexer.skip(2);
            tags.push(lexer.tag(false));
        } else if lexer.rest.starts_with("{%") {
            lexer.skip(2);
            if lexer.at_marker("raw") {
                lexer.skip_raw();
            } else {
                tags.push(lexer.tag(true));
            }
        } else {
            lexer.skip(1);
        }
    }
    tags
}

/// The tokens of one expression.
pub(super) fn expression(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
    };
    lexer.tag(false).tokens
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }

    fn skip_past(&mut self, end: &str) {
        let length = self
            .rest
            .find(end)
            .map_or(self.rest.len(), |at| at + end.len());
        self.skip(length);
    }

    /// Whether the tag that begins here holds `name` alone.
    fn at_marker(&self, name: &str) -> bool {
        let rest = self.rest.trim_start_matches('-').trim_start();
        rest.strip_prefix(name).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with("%}") || rest.starts_with("-%}")
        })
    }

    fn skip_raw(&mut self) {
        while let Some(at) = self.rest.find("{%") {
            self.skip(at + 2);
            if self.at_marker("endraw") {
                break;
            }
        }
        self.skip_past("%}");
    }

    fn tag(&mut self, block: bool) -> Tag<'a> {
        let (end, trimming_end) = if block { ("%}", "-%}") } else { ("}}", "-}}") };
        let mut tag = Tag {
            block,
            tokens: Vec::new(),
            lines: Vec::new(),
        };
        if let Some(rest) = self.rest.strip_prefix('-') {
            self.rest = rest;
        }
        loop {
            let space = self.rest.len() - self.rest.trim_start().len();
            self.skip(space);
            if self.rest.is_empty() {
                return tag;
            }
            for end in [end, trimming_end] {
                if self.rest.starts_with(end) {
                    self.skip(end.len());
                    return tag;
                }
            }
            tag.lines.push(self.line);
            let token = self.token();
            tag.tokens.push(token);
        }
    }

    fn token(&mut self) -> Token<'a> {
        let first = self.rest.chars().next().unwrap_or(' ');
        if matches!(first, '"' | '\'' | '`') {
            return self.quoted(first);
        }
        let word = self
            .rest
            .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
            .unwrap_or(self.rest.len());
        if word > 0 {
            let text = self.skip(word);
            return if first.is_ascii_digit() {
                Token::Sign(text)
            } else {
                Token::Name(text)
            };
        }
        let long = ["//", "**", "==", "!=", ">=", "<=", "</", "?.", "?["];
        let length = if long.iter().any(|sign| self.rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        Token::Sign(self.skip(length))
    }

    fn quoted(&mut self, quote: char) -> Token<'a> {
        let mut escaped = false;
        let end = self.rest[1..].find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return Token::Text(self.skip(self.rest.len()));
        };
        let text = self.skip(end + 2);
        Token::Text(&text[1..=end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_raw_sections_and_texts_hold_no_names() {
        let source = "{# {{ a }} #}\n{% raw %}{{ b }}{% endraw -%}\n{{- c ~ \"d }} \\\" e\" }}";
        let found = tags(source);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].tokens,
            [
                Token::Name("c"),
                Token::Sign("~"),
                Token::Text("d }} \\\" e")
            ]
        );
        assert_eq!(found[0].line(), 3);
    }

    #[test]
    fn references_carry_their_line() {
        let found = tags("{% extends 'a' %}\n\n{%- include \"b\" -%}");
        let found: Vec<_> = found.iter().filter_map(reference).collect();
        assert_eq!((found[0].name, found[0].extends), ("a", true));
        assert_eq!((found[1].name, found[1].line), ("b", 3));
    }
}
