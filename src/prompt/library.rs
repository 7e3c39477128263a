//! Finding packs by name, and compiling each once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::pack::PromptPack;
use super::source::{Source, check_name, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// A directory of prompt packs, each compiled when it is first asked for.
///
/// A clone shares the packs. Files are read once: what is edited, added to a pack or deleted
/// afterwards is seen by a new library only. A pack that failed to compile is tried again at the
/// next call.
///
/// ```no_run
/// use duologue::prompt::PromptLibrary;
///
/// let library = PromptLibrary::new("prompts");
/// let planner = library.pack("planner")?;
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Clone)]
pub struct PromptLibrary(Arc<Inner>);

struct Inner {
    source: Source,
    compiled: RwLock<HashMap<String, Arc<PromptPack>>>,
    /// Held while a pack is compiled, so that each is compiled once.
    compiling: Mutex<()>,
}

impl PromptLibrary {
    /// The packs below the directory `base`; nothing is read yet.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self::of(Source::Directory(base.into()))
    }

    /// Packs without files: each entry is a file's name relative to the base, and its text.
    ///
    /// ```
    /// use duologue::prompt::PromptLibrary;
    ///
    /// let library = PromptLibrary::in_memory([("judge/system.tera", "Judge {{ item }}.")]);
    /// assert_eq!(library.names()?, ["judge"]);
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn in_memory<N, T>(files: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<String>,
        T: Into<String>,
    {
        let files: BTreeMap<String, String> = files
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect();
        Self::of(Source::Memory(files))
    }

    fn of(source: Source) -> Self {
        Self(Arc::new(Inner {
            source,
            compiled: RwLock::default(),
            compiling: Mutex::default(),
        }))
    }

    /// The pack of this name, `planner` or `team/planner`.
    ///
    /// The first call for a name reads and compiles its files on the caller's thread (well below a
    /// millisecond for a small pack); later ones are a look-up. No lock is held while a pack renders.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`]: the name is not a plain path below the base, there is no such pack
    /// (with the nearest name), it has no `system` template, or one of its files cannot be read,
    /// is not UTF-8, is broken, exists twice or lies outside of the base.
    pub fn pack(&self, name: &str) -> Result<Arc<PromptPack>> {
        if let Some(pack) = self.compiled(name) {
            return Ok(pack);
        }
        check_name(name, "pack")?;
        let _compiling = self
            .0
            .compiling
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if let Some(pack) = self.compiled(name) {
            return Ok(pack);
        }
        let Some(files) = self.0.source.list(name)? else {
            return Err(self.unknown(name));
        };
        let pack = Arc::new(PromptPack::compile(&self.0.source, name, &files)?);
        self.0
            .compiled
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::clone(&pack));
        Ok(pack)
    }

    /// The names of all packs, sorted: every directory with a `system` template.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] when the base directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        self.0.source.packs()
    }

    fn compiled(&self, name: &str) -> Option<Arc<PromptPack>> {
        self.0
            .compiled
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::new(
            ErrorKind::Prompt,
            format!(
                "no prompt pack `{}` in {}",
                shown(name),
                self.0.source.place()
            ),
        );
        let names = self.names().unwrap_or_default();
        let names = names.iter().map(String::as_str);
        match text::nearest(name, names.clone()) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint(format!("available: {}", text::quoted_list(names.take(20)))),
        }
    }
}

/// Debug shows the place and the packs compiled so far, never a template.
impl fmt::Debug for PromptLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compiled = self
            .0
            .compiled
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("PromptLibrary")
            .field("base", &self.0.source.place())
            .field("compiled", &compiled.keys())
            .finish()
    }
}
/// The packs below this directory.
impl<P: AsRef<std::path::Path> + ?Sized> From<&P> for PromptLibrary {
    fn from(base: &P) -> Self {
        Self::new(base.as_ref())
    }
}

/// The packs below this directory.
impl From<PathBuf> for PromptLibrary {
    fn from(base: PathBuf) -> Self {
        Self::new(base)
    }
}
