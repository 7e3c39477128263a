//! Job files that are wrong, and what a person reads then; and the published schema.

use std::path::Path;

use duologue::ErrorKind;
use duologue::job::{Job, JobFile, JobOverrides};
use serde_json::Value;

use crate::command::{Folder, JOB};

/// One way to be wrong: what is changed in the job of [`Folder::with_job`], and how `run` exits.
struct Case {
    name: &'static str,
    /// Replacements in the job file.
    job: &'static [(&'static str, &'static str)],
    /// Other files.
    files: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

impl Case {
    const fn job(name: &'static str, edits: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            name,
            job: edits,
            files: &[],
            arguments: &[],
            variables: &[],
        }
    }

    const fn file(name: &'static str, files: &'static [(&'static str, &'static str)]) -> Self {
        let mut case = Self::job(name, &[]);
        case.files = files;
        case
    }

    const fn set(name: &'static str, arguments: &'static [&'static str]) -> Self {
        let mut case = Self::job(name, &[]);
        case.arguments = arguments;
        case
    }

    const fn variable(
        name: &'static str,
        variables: &'static [(&'static str, &'static str)],
    ) -> Self {
        let mut case = Self::job(name, &[]);
        case.variables = variables;
        case
    }

    fn folder(&self) -> Folder {
        let folder = Folder::with_job();
        let mut job = JOB.to_owned();
        for (from, to) in self.job {
            assert!(job.contains(from), "{}: no `{from}` in the job", self.name);
            job = job.replace(from, to);
        }
        folder.write("job.yaml", &job);
        for (name, text) in self.files {
            folder.write(name, text);
        }
        folder
    }
}

const PROVIDER: &str = "{kind: scripted, replies: replies.yaml}";

/// Found before the first request: exit 2, and nothing is written.
const REFUSED: &[Case] = &[
    Case::file("empty job file", &[("job.yaml", "\n")]),
    Case::file("job file that is a list", &[("job.yaml", "- a\n- b\n")]),
    Case::job("YAML syntax", &[(": replies.yaml}", ": replies.yaml")]),
    Case::job(
        "YAML key given twice",
        &[("prompts: prompts", "run_id: again")],
    ),
    Case::job("unknown key", &[("concurrency", "concurency")]),
    Case::job("unknown key, far from all", &[("concurrency", "speed")]),
    Case::job("unknown key, deep", &[("log_level", "loglevel")]),
    Case::job("unknown key of an agent", &[("temperature", "temprature")]),
    Case::job("unknown key, near `inputs`", &[("inputs", "input")]),
    Case::job("missing key", &[("model: gpt-5-mini", "mode: oneshot")]),
    Case::job("missing section", &[("provider: ", "# provider: ")]),
    Case::job("wrong type", &[("concurrency: 2", "concurrency: many")]),
    Case::job(
        "wrong type, negative",
        &[("concurrency: 2", "concurrency: -1")],
    ),
    Case::job(
        "wrong type, fraction",
        &[("concurrency: 2", "concurrency: 1.5")],
    ),
    Case::job("wrong type, text for a number", &[("0.7", "hot")]),
    Case::job(
        "wrong type, mapping for a text",
        &[("gpt-5-mini", "{name: x}")],
    ),
    Case::job("not a list", &[("agents:\n  - name", "agents:\n    name")]),
    Case::job("inputs that are a list", &[("items.jsonl", "[a, b]")]),
    Case::job(
        "not a level",
        &[("log_level: standard", "log_level: verbose")],
    ),
    Case::job("not a format", &[("format: yaml", "format: xml")]),
    Case::job("sanitize: maybe", &[("sanitize: true", "sanitize: maybe")]),
    Case::job(
        "sanitize, unknown key",
        &[("sanitize: true", "sanitize: {secret: true}")],
    ),
    Case::job("concurrency 0", &[("concurrency: 2", "concurrency: 0")]),
    Case::job("temperature 3", &[("0.7", "3")]),
    Case::job("empty run id", &[("run_id: demo", "run_id: ''")]),
    Case::file(
        "no agents",
        &[(
            "job.yaml",
            "provider: {kind: scripted, replies: replies.yaml}\nagents: []\n",
        )],
    ),
    Case::job(
        "agent that is a list",
        &[("agents:\n", "agents:\n  - [a, b]\n")],
    ),
    Case::job(
        "agent that is a text",
        &[("agents:\n", "agents:\n  - planner\n")],
    ),
    Case::file("two agents of one name", &[("job.yaml", TWO_OF_ONE_NAME)]),
    Case::job("provider that is a text", &[(PROVIDER, "openai")]),
    Case::job(
        "provider without kind",
        &[(PROVIDER, "{replies: replies.yaml}")],
    ),
    Case::job(
        "unknown provider kind",
        &[("kind: scripted", "kind: bedrock")],
    ),
    Case::job(
        "unknown key of the provider",
        &[(PROVIDER, "{kind: openai, api_key: x}")],
    ),
    Case::job(
        "bad timeout",
        &[(PROVIDER, "{kind: openai, timeout: soon}")],
    ),
    Case::job(
        "bad base URL",
        &[(
            PROVIDER,
            "{kind: openai, base_url: 'localhost:80', api_key_env: K}",
        )],
    ),
    Case::job(
        "unknown key of another kind",
        &[(PROVIDER, "{kind: anthropic, api_versoin: 2023-06-01}")],
    ),
    Case::job(
        "unknown version of the API",
        &[(PROVIDER, "{kind: anthropic, api_version: '2024-01-01'}")],
    ),
    Case::job(
        "missing key of another kind",
        &[(PROVIDER, "{kind: anthropic}")],
    ),
    Case::job(
        "setting of another kind",
        &[(PROVIDER, "{kind: ollama, api_version: '2023-06-01'}")],
    ),
    Case::job(
        "missing key of the provider",
        &[(PROVIDER, "{kind: openai}")],
    ),
    Case::job(
        "missing key, named",
        &[(
            PROVIDER,
            "{kind: openai, base_url: 'http://127.0.0.1:9/v1', api_key_env: MY_KEY}",
        )],
    ),
    Case::job(
        "key in place of its name",
        &[(PROVIDER, "{kind: openai, api_key_env: sk-not-a-name}")],
    ),
    Case::job(
        "model of a provider that is alone",
        &[("replies: replies.yaml", "replies: replies.yaml, model: m")],
    ),
    Case::job(
        "limit of 0",
        &[(PROVIDER, "{kind: openai, limits: {tokens_per_minute: 0}}")],
    ),
    Case::job(
        "fallback without providers",
        &[(PROVIDER, "{kind: fallback, providers: []}")],
    ),
    Case::job(
        "fallback in a fallback",
        &[(
            PROVIDER,
            "{kind: fallback, providers: [{kind: fallback, providers: []}]}",
        )],
    ),
    Case::job(
        "fallback on a failure that all share",
        &[(
            PROVIDER,
            "{kind: fallback, on: [bad_request], providers: [{kind: scripted, replies: replies.yaml}]}",
        )],
    ),
    Case::job(
        "unknown key in a provider of a fallback",
        &[(
            PROVIDER,
            "{kind: fallback, providers: [{kind: scripted, reply: replies.yaml}]}",
        )],
    ),
    Case::job(
        "missing reply file",
        &[("replies: replies.yaml", "replies: nothing.yaml")],
    ),
    Case::file(
        "broken reply file",
        &[("replies.yaml", "replies: [{json: {}, fense: true}]")],
    ),
    Case::job(
        "missing pack",
        &[("prompt_pack: planner", "prompt_pack: planer")],
    ),
    Case::job(
        "missing prompts",
        &[("prompts: prompts", "prompts: prompt")],
    ),
    Case::job(
        "prompts that are a file",
        &[("prompts: prompts", "prompts: replies.yaml")],
    ),
    Case::job(
        "missing template",
        &[("prompt_pack: planner", "prompt_pack: judge")],
    ),
    Case::file(
        "template syntax",
        &[("prompts/planner/user.tera", "Plan {{ topic }.")],
    ),
    Case::file(
        "undefined variable",
        &[(
            "items.jsonl",
            "{\"topic\": \"tides\"}\n{\"topik\": \"moon\"}\n",
        )],
    ),
    Case::file(
        "broken examples line",
        &[(
            "prompts/planner/examples.jsonl",
            "{\"role\": \"user\", \"content\": \"a\"}\n{\"role\": \"usr\", \"content\": \"a\"}\n",
        )],
    ),
    Case::file(
        "broken input line",
        &[("items.jsonl", "{\"topic\": \"tides\"}\n{\"topic\": moon}\n")],
    ),
    Case::file("input line that is a list", &[("items.jsonl", "[1, 2]\n")]),
    Case::job("missing inputs", &[("items.jsonl", "data/items.jsonl")]),
    Case::job("missing schema file", &[("schema.json", "shema.json")]),
    Case::file(
        "broken schema file",
        &[(
            "schema.json",
            "{\"type\": \"object\",\n \"required\" [\"title\"]}",
        )],
    ),
    Case::file(
        "invalid schema",
        &[("schema.json", "{\"type\": \"objekt\"}")],
    ),
    Case::job(
        "unwritable output",
        &[("output_dir: out", "output_dir: items.jsonl/out")],
    ),
    Case::file("broken .env", &[(".env", "OPENAI_API_KEY='sk-broken\n")]),
    Case::variable(
        "bad level in the environment",
        &[("DUOLOGUE_LLM_LOG_LEVEL", "loud")],
    ),
    Case::variable(
        "bad format in the environment",
        &[("TWINKLR_LLM_LOG_FORMAT", "xml")],
    ),
    Case::variable(
        "bad switch in the environment",
        &[("DUOLOGUE_DISABLE_LLM_LOGGING", "perhaps")],
    ),
    Case::set("--set without =", &["--set", "concurrency"]),
    Case::set("--set of an unknown key", &["--set", "concurency=3"]),
    Case::set("--set beyond a list", &["--set", "agents.4.model=x"]),
    Case::set("--set below a value", &["--set", "run_id.x=1"]),
    Case::set(
        "--set of a wrong type",
        &["--set", "agents.0.temperature=hot"],
    ),
];

const TWO_OF_ONE_NAME: &str = "\
provider: {kind: scripted, replies: replies.yaml}
agents:
  - {name: planner, prompt_pack: planner, model: a, variables: {topic: tides}}
  - {name: planner, prompt_pack: planner, model: b, variables: {topic: tides}}
";

#[test]
fn what_is_wrong_is_said_before_the_first_request_and_nothing_is_written() {
    let mut said = Vec::new();
    for case in REFUSED {
        let folder = case.folder();
        let before = folder.names("");
        let arguments = [&["run", "job.yaml"], case.arguments].concat();
        let ended = folder.run_with(&arguments, case.variables);
        let name = case.name;
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.all());
        assert_eq!(ended.stdout, "", "{name}");
        assert_eq!(folder.names(""), before, "{name}: something was written");

        let check = folder.run_with(
            &[&["check", "job.yaml"], case.arguments].concat(),
            case.variables,
        );
        assert_eq!(
            check.stderr, ended.stderr,
            "{name}: check says another thing"
        );
        said.push(format!("## {name}\n{}\n", ended.stderr));
    }
    insta::assert_snapshot!("refused_jobs", said.concat());
}

/// Found when it happens: exit 1, and the records are there.
const FAILED: &[Case] = &[
    Case::job(
        "unreachable server",
        &[(
            PROVIDER,
            "{kind: openai, base_url: 'http://127.0.0.1:9/v1', max_retries: 0}",
        )],
    ),
    Case::file(
        "unused replies",
        &[(
            "replies.yaml",
            "replies: [{json: {title: a}}, {json: {title: b}}]",
        )],
    ),
    Case::file("surplus call", &[("replies.yaml", "replies: []")]),
    Case::file("refusal", &[("replies.yaml", "replies: [{refusal: 'no'}]")]),
    Case::file(
        "truncated",
        &[(
            "replies.yaml",
            "replies: [{text: '{\"ti', finish_reason: length}]",
        )],
    ),
    Case::file(
        "answer that never fits",
        &[("replies.yaml", "replies: [{json: {titel: a}, repeat: 2}]")],
    ),
];

#[test]
fn what_happens_to_a_run_is_told_with_its_records() {
    let mut said = Vec::new();
    for case in FAILED {
        let folder = case.folder();
        let ended = folder.run(&["run", "job.yaml"]);
        let name = case.name;
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.all());
        assert!(folder.path("out/demo/llm_calls/summary.yaml").exists());
        said.push(format!("## {name}\n{}\n", without_times(&ended.stderr)));
    }
    insta::assert_snapshot!("failed_runs", said.concat());
}

/// Figures that differ from run to run, replaced.
fn without_times(text: &str) -> String {
    let text = regex::Regex::new(r"\d+ ms")
        .unwrap()
        .replace_all(text, "… ms");
    let text = regex::Regex::new(r"\d+\.\d s\b")
        .unwrap()
        .replace_all(&text, "… s");
    text.into_owned()
}

#[test]
fn a_missing_job_file_is_named() {
    let ended = Folder::new().run(&["run", "nothing.yaml"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: cannot read `nothing.yaml`\n  because No such file or directory (os error 2)\n"
    );
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    let folder = Folder::with_job();
    let job = JOB.replace(PROVIDER, "{kind: openai, api_key_env: sk-not-a-name}");
    let ended = folder.write("job.yaml", &job).run(&["run", "job.yaml"]);
    assert!(!ended.stderr.contains("sk-not"), "{}", ended.stderr);
}

#[test]
fn relative_paths_are_relative_to_the_job_file() {
    let folder = Folder::with_job();
    let job = Job::load(folder.path("job.yaml"), &JobOverrides::default()).unwrap();
    assert_eq!(job.output_dir, folder.path("out"));
    assert_eq!(job.prompts, folder.path("prompts"));
    assert!(
        job.agents[0]
            .spec
            .response_schema
            .as_ref()
            .unwrap()
            .is_object()
    );
    assert_eq!(job.agents[0].inputs[0]["topic"], "tides");
}

#[test]
fn a_key_is_found_in_the_env_file_beside_the_job() {
    let folder = Folder::with_job();
    let provider = "{kind: openai, base_url: 'http://127.0.0.1:9/v1', api_key_env: JOB_KEY_A}";
    folder.write("job.yaml", &JOB.replace(PROVIDER, provider));
    let load = || Job::load(folder.path("job.yaml"), &JobOverrides::default()).unwrap();
    assert_eq!(load().check().unwrap_err().kind(), ErrorKind::Auth);
    folder.write(".env", "JOB_KEY_A=a-key-for-this-test\n");
    load().check().unwrap();
}

#[test]
fn a_secret_of_the_env_file_reaches_no_record() {
    let folder = Folder::with_job();
    let secret = "seven wooden boats";
    folder.write(".env", &format!("SOME_SERVICE_TOKEN='{secret}'\n"));
    folder.write(
        "items.jsonl",
        &format!("{{\"topic\": \"{secret} at sea\"}}\n"),
    );
    assert_eq!(folder.run(&["run", "job.yaml"]).code, Some(0));
    let file = folder.read("out/demo/llm_calls/call_001_planner.yaml");
    assert!(file.contains("at sea") && !file.contains(secret), "{file}");
    let journal = folder.names("out/demo/journal").remove(0);
    assert!(
        !folder
            .read(&format!("out/demo/journal/{journal}"))
            .contains(secret)
    );
}

#[test]
fn the_environment_beats_the_env_file_and_the_job() {
    let folder = Folder::with_job();
    folder.write(".env", "DUOLOGUE_LLM_LOG_FORMAT=json\n");
    folder.run_with(
        &["run", "job.yaml"],
        &[("DUOLOGUE_LLM_LOG_LEVEL", "Minimal")],
    );
    assert_eq!(
        folder.names("out/demo/llm_calls"),
        ["call_001_planner.json", "summary.json"]
    );
    assert!(
        !folder
            .read("out/demo/llm_calls/call_001_planner.json")
            .contains("Plan tides")
    );
}

#[test]
fn json_job_files_work_like_yaml() {
    let folder = Folder::with_job();
    let job = r#"{"provider": {"kind": "scripted", "replies": "replies.yaml"}, "agents":
        [{"name": "planner", "prompt_pack": "planner", "model": "m", "variables": {"topic": "tides"}}]}"#;
    let ended = folder.write("job.json", job).run(&["run", "job.json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(folder.names("artifacts").len(), 1);
}

#[test]
fn the_published_schema_is_the_one_that_the_types_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/job.schema.json");
    let generated = serde_json::to_string_pretty(&schemars::schema_for!(JobFile)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &generated).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == generated,
        "schemas/job.schema.json is not up to date: run the tests with UPDATE_SCHEMAS=1"
    );
}

#[test]
fn the_example_jobs_fit_the_published_schema_and_name_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("schemas/job.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let jobs = std::fs::read_dir(root.join("examples/jobs")).unwrap();
    let jobs = jobs.map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in jobs.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = "# yaml-language-server: $schema=../../schemas/job.schema.json\n";
        assert!(text.starts_with(first), "{}", path.display());
        let job: Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<String> = schema
            .iter_errors(&job)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        seen += 1;
    }
    assert!(seen > 0);

    let mut job: Value = serde_yaml::from_str(JOB).unwrap();
    assert!(schema.is_valid(&job));
    job["agents"][0]["temprature"] = 1.into();
    assert!(!schema.is_valid(&job), "the schema lets unknown keys pass");
}
