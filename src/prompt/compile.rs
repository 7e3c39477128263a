//! From files to a compiled pack: find the parts, load what they refer to, hand all to Tera.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use tera::Tera;

use super::diagnose;
use super::examples;
use super::pack::{Content, Part, PromptPack};
use super::source::{ENDINGS, Source, shown};
use super::tokens::{reference, tags};
use super::usage::{Templates, uses};
use crate::chat::Role;
use crate::error::{Error, ErrorKind, Result};

/// The templates of a pack, in the order of their messages.
const PARTS: [(&str, Role); 4] = [
    ("developer", Role::Developer),
    ("system", Role::System),
    ("user", Role::User),
    ("user_refinement", Role::User),
];

const EXAMPLES: &str = "examples.jsonl";

impl PromptPack {
    /// Compiles the pack `name`, whose directory holds `files`.
    pub(super) fn compile(source: &Source, name: &str, files: &BTreeSet<String>) -> Result<Self> {
        let mut loader = Loader {
            source,
            prefix: format!("{name}/"),
            loaded: BTreeMap::new(),
        };
        let mut templates = Vec::new();
        for (part, role) in PARTS {
            if let Some(file) = template_of(part, name, files)? {
                let file: Arc<str> = format!("{name}/{file}").into();
                loader.load(&file)?;
                templates.push((part, role, file));
            }
        }
        loader.load_components(files)?;
        let mut pack = Self::of_templates(name, loader, templates)?;
        let parts = &mut pack.parts;
        let before_user = parts.partition_point(|part| !part.name.starts_with("user"));
        parts.splice(
            before_user..before_user,
            examples_part(source, name, files)?,
        );
        Ok(pack)
    }

    /// A pack of one text, which is called `place` in errors and refers to no other.
    pub(super) fn of_text(place: &str, text: &str) -> Result<Self> {
        let files = [(place.to_owned(), text.to_owned())];
        let source = Source::Memory(files.into());
        let mut loader = Loader {
            source: &source,
            prefix: String::new(),
            loaded: BTreeMap::new(),
        };
        let file: Arc<str> = place.into();
        loader.load(&file)?;
        Self::of_templates(place, loader, vec![("text", Role::User, file)])
    }

    fn of_templates(
        name: &str,
        loader: Loader<'_>,
        templates: Vec<(&'static str, Role, Arc<str>)>,
    ) -> Result<Self> {
        let mut tera = Tera::default();
        tera.autoescape_on(Vec::<&str>::new());
        tera.set_fallback_prefixes([loader.prefix.clone()])
            .and_then(|()| tera.add_raw_templates(&loader.loaded))
            .map_err(|error| diagnose::compiling(name, &error))?;
        let mut parts = Vec::new();
        for (part, role, template) in templates {
            let mentioned = template_variables(&tera, &template)?;
            let mut uses = uses(&loader, &template);
            uses.retain(|found| mentioned.contains(found.name.as_str()));
            parts.push(Part {
                name: part,
                template,
                content: Content::Template { role, uses },
            });
        }
        Ok(Self {
            name: name.to_owned(),
            mentioned: mentioned(&tera, &parts, &loader)?,
            tera,
            parts,
            sources: loader.loaded,
        })
    }
}

/// The file for a part, which may have one of several endings.
fn template_of<'a>(
    part: &str,
    pack: &str,
    files: &'a BTreeSet<String>,
) -> Result<Option<&'a String>> {
    let fail =
        |message: String, hint: String| Err(Error::new(ErrorKind::Prompt, message).with_hint(hint));
    let named = files
        .iter()
        .filter(|file| file.split_once('.').is_some_and(|(stem, _)| stem == part));
    let (templates, others): (Vec<_>, Vec<_>) = named.partition(|file| {
        file.split_once('.')
            .is_some_and(|(_, ending)| ENDINGS.contains(&ending))
    });
    match (templates.as_slice(), others.as_slice()) {
        ([file], _) => Ok(Some(file)),
        ([first, second, ..], _) => fail(
            format!("`{pack}/{first}` and `{pack}/{second}` are both the `{part}` template"),
            "keep one of them".to_owned(),
        ),
        ([], [other, ..]) => fail(
            format!("`{pack}/{}` does not end like a template", shown(other)),
            format!("name it `{part}.tera`, `{part}.j2` or `{part}.jinja`"),
        ),
        ([], []) if part == "system" => fail(
            format!("prompt pack `{pack}` has no `system` template"),
            format!("create `{pack}/system.tera`"),
        ),
        ([], []) => Ok(None),
    }
}

fn examples_part(source: &Source, pack: &str, files: &BTreeSet<String>) -> Result<Option<Part>> {
    if !files.contains(EXAMPLES) {
        return Ok(None);
    }
    let name = format!("{pack}/{EXAMPLES}");
    let content = source.read(&name)?.unwrap_or_default();
    Ok(Some(Part {
        name: "examples",
        content: Content::Messages(examples::parse(&name, &content)?),
        template: name.into(),
    }))
}

/// Every variable that a template can see a use for; `None` when one looks at all of them.
fn mentioned(tera: &Tera, parts: &[Part], loader: &Loader<'_>) -> Result<Option<HashSet<String>>> {
    let all = |text: &String| text.contains("__tera_context");
    if loader.loaded.values().any(all) {
        return Ok(None);
    }
    let mut names = HashSet::new();
    for part in parts {
        let found = template_variables(tera, &part.template)?;
        names.extend(found.into_iter().map(str::to_owned));
    }
    for component in tera.get_component_names() {
        let Some(definition) = tera.get_component_definition(component) else {
            continue;
        };
        let implicit = definition.args().iter().filter(|arg| arg.is_implicit());
        names.extend(implicit.map(|arg| arg.name().to_owned()));
    }
    Ok(Some(names))
}

fn template_variables<'a>(tera: &'a Tera, template: &str) -> Result<HashSet<&'a str>> {
    tera.get_template_variables(template)
        .map_err(|error| diagnose::compiling(template, &error))
}

struct Loader<'a> {
    source: &'a Source,
    /// The pack's directory with `/`: where a name is looked for after the base.
    prefix: String,
    loaded: BTreeMap<Arc<str>, String>,
}

impl Loader<'_> {
    /// Loads a template and all that it refers to.
    fn load(&mut self, name: &Arc<str>) -> Result<()> {
        let mut waiting = vec![Arc::clone(name)];
        while let Some(name) = waiting.pop() {
            if self.loaded.contains_key(&name) {
                continue;
            }
            let Some(text) = self.source.read(&name)? else {
                return Err(Error::new(
                    ErrorKind::Prompt,
                    format!("`{}` does not exist", shown(&name)),
                ));
            };
            let text = text.trim_end_matches(['\n', '\r']);
            for reference in tags(text).iter().filter_map(reference) {
                let found = self.resolve(reference.name).map_err(|error| {
                    Error::new(
                        ErrorKind::Prompt,
                        format!(
                            "`{name}` line {}: template `{}` is not usable",
                            reference.line,
                            shown(reference.name)
                        ),
                    )
                    .with_source(error)
                })?;
                let Some(found) = found else {
                    return Err(Error::new(
                        ErrorKind::Prompt,
                        format!(
                            "`{name}` line {}: template `{}` does not exist",
                            reference.line,
                            shown(reference.name)
                        ),
                    )
                    .with_hint(format!(
                        "names are relative to {}, or to `{}` in it",
                        self.source.place(),
                        self.prefix
                    )));
                };
                waiting.push(found);
            }
            self.loaded.insert(name, text.to_owned());
        }
        Ok(())
    }

    /// Tera's own order: the exact name, then the one in the pack.
    fn resolve(&self, name: &str) -> Result<Option<Arc<str>>> {
        let in_pack = format!("{}{name}", self.prefix);
        for name in [name, &in_pack] {
            if self.loaded.contains_key(name) || self.source.read(name)?.is_some() {
                return Ok(Some(name.into()));
            }
        }
        Ok(None)
    }

    /// Loads the further templates of the pack's directory that define components.
    fn load_components(&mut self, files: &BTreeSet<String>) -> Result<()> {
        for file in files {
            let is_template = file
                .rsplit_once('.')
                .is_some_and(|(_, ending)| ENDINGS.contains(&ending));
            let name: Arc<str> = format!("{}{file}", self.prefix).into();
            if !is_template || self.loaded.contains_key(&name) {
                continue;
            }
            let text = self.source.read(&name)?.unwrap_or_default();
            let defines = tags(&text)
                .iter()
                .any(|tag| tag.keyword() == Some("component"));
            if defines {
                self.load(&name)?;
            }
        }
        Ok(())
    }
}

impl Templates for Loader<'_> {
    fn find(&self, name: &str) -> Option<(&Arc<str>, &str)> {
        self.loaded
            .get_key_value(name)
            .or_else(|| {
                self.loaded
                    .get_key_value(format!("{}{name}", self.prefix).as_str())
            })
            .map(|(name, text)| (name, text.as_str()))
    }
}
