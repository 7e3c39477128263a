//! `pipeline` and `limits` of a job file, as they are written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Documents through stages, to artifacts. `duologue pipeline` runs it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PipelineConfig {
    /// What events, reports and `--resume` call it. Default: the file's name without its ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the documents are: a `.json`, `.jsonl`, `.csv` or `.tsv` file, a folder or a glob, relative
    /// to the job file; `-` for lines of JSON on standard input; or a mapping that also says how their fields are called.
    #[schemars(with = "WrittenDocuments")]
    pub documents: Value,
    /// The stages, at least one; documents begin at the first.
    #[schemars(length(min = 1))]
    pub stages: Vec<StageConfig>,
    /// What becomes a file. Default: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputConfig>,
}

/// For the schema alone: serde's errors for such a choice name no key.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "its schema is what is used")]
enum WrittenDocuments {
    Path(PathBuf),
    Named(DocumentsConfig),
}

/// Where documents are, and how their fields are called.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DocumentsConfig {
    /// A `.json`, `.jsonl`, `.csv` or `.tsv` file, a folder or a glob, relative to the job file; `-` for
    /// lines of JSON on standard input.
    pub path: PathBuf,
    /// The field of the id. Default: `id`, else one that is made of the document's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The field of the URL. Default: `url`, `source_url` or `link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The field of the text. Default: `text`, `markdown` or `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A document of more bytes is a failure. Default 16,777,216: 16 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_bytes: Option<u64>,
}

/// One stage: an agent of the job or a tool, and where documents go from there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["agent"]}, {"required": ["tool"]}]))]
#[non_exhaustive]
pub struct StageConfig {
    /// Its name, its own among the stages.
    pub name: String,
    /// The agent that works, by its name in `agents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The tool that works, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The tool's arguments; texts within them are templates over the variables that packs have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// The stage that documents go to. Default: they are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// The key of the answer that says where the document goes; goes with `routes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_by: Option<String>,
    /// The stage for each value under `route_by`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, String>,
    /// The key of the answer that says, by `true` or `false`, whether the document is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_by: Option<String>,
    /// What becomes of a document that is not approved. Default: it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rework: Option<ReworkConfig>,
}

/// What becomes of a document that is not approved.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReworkConfig {
    /// Where it goes back to: `same` (the stage that it came from), `router` (the stage that routed it
    /// last), or a stage by name. Default `same`.
    pub target: String,
    /// How often at most; after that it fails, and its last draft is kept. Default 2.
    #[schemars(range(min = 1))]
    pub max_cycles: u32,
}

impl Default for ReworkConfig {
    fn default() -> Self {
        Self {
            target: "same".to_owned(),
            max_cycles: 2,
        }
    }
}

/// What of a document's answers becomes its file: each key is looked for in the answers, the last
/// stage's first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OutputConfig {
    /// Where the files go, relative to the job file. Default: `{output_dir}/{run_id}/artifacts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// The key of the content.
    pub body: String,
    /// The key of the file's name. Default: the document's id is the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The key of the file's extension. Default: `md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// The extensions that are allowed, without dots. Default: any of letters and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Vec<String>>,
}

/// How much of a pipeline runs at once; goes with `pipeline`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Most documents under way. Default 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub documents: Option<usize>,
    /// Most stages at once, by model. Default: no limit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, usize>,
    /// Most stages at once, by agent. Default: no limit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<String, usize>,
}
