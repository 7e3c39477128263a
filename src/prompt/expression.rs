//! The variables of one expression: where they stand, and whether it copes without them.

use super::tokens::Token;

/// The tokens of one expression, and what holds for all of it.
pub(super) struct Expression<'a> {
    tokens: &'a [Token<'a>],
    /// Where only truth counts: all of an `if` tag, or from an inline `if` to its `else`.
    condition: std::ops::Range<usize>,
    /// Whether parts of it may not be evaluated.
    pub(super) branches: bool,
    /// Names that a list comprehension binds.
    bound: Vec<&'a str>,
}

impl<'a> Expression<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>], is_condition: bool) -> Self {
        let position = |keyword| {
            tokens
                .iter()
                .position(|token| *token == Token::Name(keyword))
        };
        let condition = match position("if") {
            _ if is_condition => 0..tokens.len(),
            Some(start) => start + 1..position("else").unwrap_or(tokens.len()),
            None => 0..0,
        };
        let bound = match (position("for"), position("in")) {
            (Some(start), Some(end)) if start < end => names(&tokens[start + 1..end]).collect(),
            _ => Vec::new(),
        };
        let branches = ["if", "and", "or", "for"]
            .iter()
            .any(|keyword| position(keyword).is_some());
        Self {
            tokens,
            condition,
            branches,
            bound,
        }
    }

    pub(super) fn name(&self, at: usize) -> Option<&'a str> {
        match self.tokens.get(at) {
            Some(Token::Name(name)) => Some(name),
            _ => None,
        }
    }

    fn before(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at.checked_sub(1)?).copied()
    }

    fn after(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at + 1).copied()
    }

    /// Where variables stand: not attributes, filters, tests, arguments' names or functions.
    pub(super) fn variables(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.tokens.len()).filter(|&at| {
            let Some(name) = self.name(at) else {
                return false;
            };
            let before = self.before(at);
            let after_is = before == Some(Token::Name("is"))
                || (before == Some(Token::Name("not"))
                    && at >= 2
                    && self.tokens[at - 2] == Token::Name("is"));
            let component =
                before == Some(Token::Sign("</")) || (before == Some(Token::Sign("<")) && at == 1);
            !is_reserved(name)
                && !after_is
                && !component
                && !self.bound.contains(&name)
                && !matches!(before, Some(Token::Sign("." | "?." | "|" | "@")))
                && !matches!(self.after(at), Some(Token::Sign("=" | "(")))
        })
    }

    /// Whether the expression copes with an undefined variable here.
    pub(super) fn tests(&self, at: usize) -> bool {
        match self.after(at) {
            Some(Token::Name("is" | "or") | Token::Sign("?." | "?[")) => return true,
            Some(Token::Sign("|")) if self.name(at + 2) == Some("default") => return true,
            _ => {}
        }
        let opens = matches!(
            self.before(at),
            None | Some(Token::Name("if" | "and" | "or" | "not") | Token::Sign("("))
        );
        let closes = matches!(
            self.after(at),
            None | Some(Token::Name("and" | "or" | "else") | Token::Sign(")"))
        );
        self.condition.contains(&at) && opens && closes
    }

    /// Whether Tera would take an undefined variable for an empty one here.
    pub(super) fn silent(&self, at: usize) -> bool {
        let joins = |token| {
            matches!(
                token,
                Some(Token::Sign("~" | "==" | "!=") | Token::Name("in"))
            )
        };
        let continues = matches!(
            self.after(at),
            Some(Token::Sign("." | "[" | "?." | "?[" | "|"))
        );
        joins(self.after(at))
            || (!continues && matches!(self.before(at), Some(Token::Sign("~" | "==" | "!="))))
    }
}

pub(super) fn names<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = &'a str> {
    tokens.iter().filter_map(|token| match token {
        Token::Name(name) => Some(*name),
        _ => None,
    })
}

fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "true"
            | "True"
            | "false"
            | "False"
            | "none"
            | "None"
            | "null"
            | "loop"
            | "self"
            | "and"
            | "or"
            | "not"
            | "is"
            | "in"
            | "if"
            | "else"
            | "for"
    ) || name.starts_with("__tera_")
}
