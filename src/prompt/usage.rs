//! Which variables a template needs, and how much.
//!
//! Tera lists every variable that a template mentions; whether one may stay undefined it finds out
//! only while rendering, and in some places (`"a" ~ x`, `x == 1`) it takes an undefined variable
//! for an empty one. This walk tells the cases apart, in the order of rendering, through includes
//! and parents. When in doubt it says [`Need::Branch`], and rendering decides.

use std::collections::HashSet;
use std::sync::Arc;

use super::expression::{Expression, names};
use super::tokens::{Tag, Token, reference, tags};

/// How much a template needs a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Every use is guarded by a test or a default.
    Optional,
    /// Rendering fails without it if the branch that it stands in is taken.
    Branch,
    /// Rendering fails, or would be silently wrong, without it.
    Always,
}

/// One mention of a variable.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) name: String,
    pub(super) template: Arc<str>,
    pub(super) line: usize,
    pub(super) need: Need,
}

/// Finds the template that stands behind a name in `include` or `extends`.
pub(super) trait Templates {
    /// Its own name and its text.
    fn find(&self, name: &str) -> Option<(&Arc<str>, &str)>;
}

/// The variables that `template` needs, each once, at its most demanding place.
pub(super) fn uses(templates: &dyn Templates, template: &str) -> Vec<Use> {
    let mut walk = Walk {
        templates,
        frames: Vec::new(),
        locals: Vec::new(),
        overridden: Vec::new(),
        visited: HashSet::new(),
        found: Vec::new(),
    };
    walk.template(template);
    let mut uses: Vec<Use> = Vec::new();
    for found in walk.found {
        match uses.iter_mut().find(|known| known.name == found.name) {
            Some(known) if known.need < found.need => *known = found,
            Some(_) => {}
            None => uses.push(found),
        }
    }
    uses
}

/// An open `if`, `for` or `block`: its content may not be rendered.
#[derive(Default)]
struct Frame {
    guards: Vec<String>,
    locals: Vec<String>,
}

struct Walk<'a> {
    templates: &'a dyn Templates,
    frames: Vec<Frame>,
    locals: Vec<String>,
    /// Blocks that a child of the template at hand has put its own in place of.
    overridden: Vec<String>,
    visited: HashSet<(Arc<str>, bool, Vec<String>)>,
    found: Vec<Use>,
}

impl Walk<'_> {
    fn template(&mut self, name: &str) {
        let Some((name, source)) = self.templates.find(name) else {
            return;
        };
        if !self.visited.insert((
            Arc::clone(name),
            self.frames.is_empty(),
            self.guards().cloned().collect(),
        )) {
            return;
        }
        let tags = tags(source);
        let depth = self.frames.len();
        if let Some(parent) = tags.iter().filter_map(reference).find(|it| it.extends) {
            let overridden = self.overridden.len();
            self.overridden.extend(overriding(&tags));
            self.template(parent.name);
            self.overridden.truncate(overridden);
            // Of a child, only the blocks that a parent calls are rendered.
            self.frames.push(Frame::default());
        }
        let mut in_component = false;
        let mut blocks_skipped = 0;
        for tag in &tags {
            match tag.keyword() {
                Some("component") => in_component = true,
                Some("endcomponent") => in_component = false,
                _ if in_component => {}
                Some("block") if blocks_skipped > 0 || self.is_overridden(tag) => {
                    blocks_skipped += 1;
                }
                Some("endblock") if blocks_skipped > 0 => blocks_skipped -= 1,
                _ if blocks_skipped > 0 => {}
                keyword => self.tag(tag, keyword, name),
            }
        }
        self.frames.truncate(depth);
    }

    fn tag(&mut self, tag: &Tag<'_>, keyword: Option<&str>, template: &Arc<str>) {
        match keyword {
            Some("extends" | "endset" | "endfilter" | "else" | "break" | "continue") => {}
            Some("include") => {
                if let Some(included) = reference(tag) {
                    let locals = self.locals.len();
                    let overridden = std::mem::take(&mut self.overridden);
                    self.template(included.name);
                    self.overridden = overridden;
                    self.locals.truncate(locals);
                }
            }
            Some("block") => self.frames.push(Frame::default()),
            Some("endif" | "endblock" | "endfor") => {
                for name in self.frames.pop().unwrap_or_default().locals {
                    if let Some(at) = self.locals.iter().rposition(|local| *local == name) {
                        self.locals.remove(at);
                    }
                }
            }
            Some("if") => {
                let guards = self.expression(tag, 1, template);
                self.frames.push(Frame {
                    guards,
                    ..Frame::default()
                });
            }
            Some("elif") => {
                let guards = self.expression(tag, 1, template);
                if let Some(frame) = self.frames.last_mut() {
                    frame.guards.extend(guards);
                }
            }
            Some("for") => self.for_loop(tag, template),
            Some("set" | "set_global") => {
                self.expression(tag, 2, template);
                if let Some(Token::Name(name)) = tag.tokens.get(1) {
                    self.locals.push((*name).to_owned());
                }
            }
            Some("filter") => {
                self.expression(tag, 2, template);
            }
            _ => {
                self.expression(tag, 0, template);
            }
        }
    }

    fn for_loop(&mut self, tag: &Tag<'_>, template: &Arc<str>) {
        let target = tag
            .tokens
            .iter()
            .position(|token| *token == Token::Name("in"))
            .unwrap_or(0);
        self.expression(tag, target + 1, template);
        let locals: Vec<String> = names(tag.tokens.get(1..target).unwrap_or_default())
            .map(str::to_owned)
            .collect();
        self.locals.extend(locals.iter().cloned());
        self.frames.push(Frame {
            guards: Vec::new(),
            locals,
        });
    }

    /// Takes down the variables of an expression that begins at token `from`; the names that it
    /// tests.
    fn expression(&mut self, tag: &Tag<'_>, from: usize, template: &Arc<str>) -> Vec<String> {
        let tokens = tag.tokens.get(from..).unwrap_or_default();
        let expression = Expression::new(tokens, matches!(tag.keyword(), Some("if" | "elif")));
        let tested: Vec<String> = expression
            .variables()
            .filter(|at| expression.tests(*at))
            .filter_map(|at| expression.name(at))
            .map(str::to_owned)
            .collect();
        for at in expression.variables() {
            let Some(name) = expression.name(at) else {
                continue;
            };
            if self.locals.iter().any(|local| local == name) {
                continue;
            }
            let guarded = tested.iter().chain(self.guards()).any(|it| it == name);
            let need = if guarded {
                Need::Optional
            } else if expression.silent(at) || (self.frames.is_empty() && !expression.branches) {
                Need::Always
            } else {
                Need::Branch
            };
            self.found.push(Use {
                name: name.to_owned(),
                template: Arc::clone(template),
                line: tag.lines.get(from + at).copied().unwrap_or(1),
                need,
            });
        }
        tested
    }

    fn is_overridden(&self, block: &Tag<'_>) -> bool {
        names(&block.tokens)
            .nth(1)
            .is_some_and(|name| self.overridden.iter().any(|known| known == name))
    }

    fn guards(&self) -> impl Iterator<Item = &String> {
        self.frames.iter().flat_map(|frame| &frame.guards)
    }
}

/// The blocks of a template that render nothing of the parent's block.
fn overriding(tags: &[Tag<'_>]) -> Vec<String> {
    let mut open: Vec<(&str, bool)> = Vec::new();
    let mut found = Vec::new();
    for tag in tags {
        match tag.keyword() {
            Some("block") => open.push((names(&tag.tokens).nth(1).unwrap_or_default(), true)),
            Some("endblock") => {
                if let Some((name, true)) = open.pop() {
                    found.push(name.to_owned());
                }
            }
            _ if names(&tag.tokens).any(|name| name == "super") => {
                if let Some((_, replaces)) = open.last_mut() {
                    *replaces = false;
                }
            }
            _ => {}
        }
    }
    found
}
