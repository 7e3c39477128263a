//! Prompt packs: what a directory may hold, what comes out, and what every mistake says.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::sync::Barrier;

use duologue::chat::Role;
use duologue::prompt::{PromptLibrary, PromptPack, RenderedPrompt};
use duologue::{Error, ErrorKind};
use serde_json::{Map, Value, json};

use crate::support::{Folder, folder};

fn variables(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("variables are an object"),
    }
}

fn directory(files: &[(&str, &str)]) -> Folder {
    let base = folder();
    for (name, text) in files {
        write(base.path(), name, text);
    }
    base
}

fn write(base: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = base.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The user message of a pack with this `user` template.
fn try_user(user: &str, given: Value) -> Result<String, Error> {
    let library = PromptLibrary::in_memory([("p/system.tera", "s"), ("p/user.tera", user)]);
    let prompt = library.pack("p")?.render(&variables(given), 0)?;
    Ok(prompt.text("user").unwrap_or_default().to_owned())
}

fn user(template: &str, given: Value) -> String {
    try_user(template, given).unwrap()
}

fn user_error(template: &str, given: Value) -> Error {
    let Err(error) = try_user(template, given) else {
        panic!("`{template}` renders");
    };
    assert_eq!(error.kind(), ErrorKind::Prompt);
    error
}

fn pack_error(files: &[(&str, &str)], name: &str) -> Error {
    let base = directory(files);
    let on_disk = PromptLibrary::new(base.path()).pack(name).unwrap_err();
    assert_eq!(on_disk.kind(), ErrorKind::Prompt);
    let in_memory = PromptLibrary::in_memory(files.iter().copied())
        .pack(name)
        .unwrap_err();
    let base = format!("`{}`", base.path().display());
    assert_eq!(
        on_disk.to_string().replace(&base, "memory"),
        in_memory.to_string()
    );
    on_disk
}

fn contents(prompt: &RenderedPrompt) -> Vec<(Role, &str)> {
    prompt
        .messages
        .iter()
        .map(|message| (message.role, message.content.as_str()))
        .collect()
}

const FULL: [(&str, &str); 5] = [
    (
        "full/user_refinement.jinja",
        "again: {{ feedback }} ({{ iteration }})",
    ),
    ("full/user.j2", "do {{ what }}"),
    ("full/system.tera", "be kind"),
    ("full/developer.tera", "be short"),
    (
        "full/examples.jsonl",
        "{\"role\":\"user\",\"content\":\"do {{ that }}\"}\n\n{\"content\":\"done\",\"role\":\"assistant\"}\n",
    ),
];

#[test]
fn messages_come_in_the_order_developer_system_examples_user() {
    let base = directory(&FULL);
    let pack = PromptLibrary::new(base.path()).pack("full").unwrap();
    let prompt = pack.render(&variables(json!({"what": "it"})), 0).unwrap();
    assert_eq!(
        contents(&prompt),
        [
            (Role::Developer, "be short"),
            (Role::System, "be kind"),
            (Role::User, "do {{ that }}"),
            (Role::Assistant, "done"),
            (Role::User, "do it"),
        ]
    );
    let parts: Vec<_> = prompt
        .parts
        .iter()
        .map(|part| (part.name, &*part.template, part.range.clone()))
        .collect();
    assert_eq!(
        parts,
        [
            ("developer", "full/developer.tera", 0..1),
            ("system", "full/system.tera", 1..2),
            ("examples", "full/examples.jsonl", 2..4),
            ("user", "full/user.j2", 4..5),
        ]
    );
}

#[test]
fn the_refinement_takes_the_place_of_user_from_iteration_1() {
    let pack = PromptLibrary::in_memory(FULL).pack("full").unwrap();
    let prompt = pack
        .render(&variables(json!({"feedback": "too long"})), 1)
        .unwrap();
    assert_eq!(
        contents(&prompt).last(),
        Some(&(Role::User, "again: too long (1)"))
    );
    assert_eq!(prompt.messages.len(), 5);
    assert_eq!(prompt.text("user"), None);

    let without =
        PromptLibrary::in_memory([("p/system.tera", "s"), ("p/user.tera", "u{{iteration}}")]);
    let prompt = without.pack("p").unwrap().render(&Map::new(), 3).unwrap();
    assert_eq!(prompt.text("user"), Some("u3"));
}

#[test]
fn hashes_are_the_first_16_digits_of_sha_256() {
    let library = PromptLibrary::in_memory([
        ("p/system.tera", "a{{ b }}c\n"),
        ("p/examples.jsonl", "{\"role\":\"user\",\"content\":\"x\"}"),
    ]);
    let prompt = library
        .pack("p")
        .unwrap()
        .render(&variables(json!({"b": "b"})), 0)
        .unwrap();
    let hashes: Vec<_> = prompt
        .parts
        .iter()
        .map(|part| part.hash(&prompt.messages))
        .collect();
    // printf abc | sha256sum; printf 'user\nx\n' | sha256sum
    assert_eq!(hashes, ["ba7816bf8f01cfea", "24f6eb12ece4d924"]);
}

#[test]
fn values_are_data_and_nothing_is_escaped() {
    let hostile = "{{ secret }} {% include \"x\" %} {# c #} <b>&\"'";
    assert_eq!(
        user("[{{ a }}]", json!({"a": hostile, "secret": "no"})),
        format!("[{hostile}]")
    );

    let library = PromptLibrary::in_memory([
        ("p/system.tera", "{% include \"page.html\" %}"),
        (
            "p/user.tera",
            "{% extends \"frame.xml\" %}{% block a %}{{ a }}{% endblock %}",
        ),
        ("page.html", "{{ a }}"),
        ("frame.xml", "<a>{% block a %}{% endblock %}</a>"),
    ]);
    let prompt = library
        .pack("p")
        .unwrap()
        .render(&variables(json!({"a": hostile})), 0)
        .unwrap();
    assert_eq!(prompt.text("system"), Some(hostile));
    assert_eq!(
        prompt.text("user"),
        Some(format!("<a>{hostile}</a>").as_str())
    );
}

#[test]
fn text_is_kept_but_for_newlines_at_the_end_of_a_file() {
    assert_eq!(
        user("\n a  \n\n{{ b }}\r\n\n", json!({"b": " b \n"})),
        "\n a  \n\n b \n"
    );
    assert_eq!(user("\u{feff}a", json!({})), "a");
}

#[test]
fn a_part_that_renders_to_white_space_is_not_sent() {
    let library = PromptLibrary::in_memory([
        ("p/system.tera", "s"),
        ("p/developer.tera", "{% if strict %}be strict{% endif %}\n"),
        ("p/user.tera", " \n"),
        ("blank/system.tera", "\n"),
    ]);
    let prompt = library.pack("p").unwrap().render(&Map::new(), 0).unwrap();
    assert_eq!(contents(&prompt), [(Role::System, "s")]);
    assert_eq!(prompt.parts.len(), 1);
    let error = library
        .pack("blank")
        .unwrap()
        .render(&Map::new(), 0)
        .unwrap_err();
    assert_eq!(error.to_string(), "prompt pack `blank` renders to nothing");
}

#[test]
fn an_undefined_variable_is_named_with_file_line_and_the_nearest_given_one() {
    let error = user_error("a\nb\n{{ topc }}", json!({"topic": "s3cret", "tone": 1}));
    assert_eq!(
        error.to_string(),
        "`p/user.tera` line 3: variable `topc` is not defined"
    );
    assert_eq!(
        error.hint(),
        Some("`topic` is given; is one of the two names misspelt?")
    );
    assert!(!format!("{error:#} {error:?}").contains("s3cret"));

    let error = user_error("{{ audience }}", json!({"topic": 1, "tone": 1}));
    assert!(
        error.hint().unwrap().starts_with("given: `topic`, `tone`;"),
        "{error:#}"
    );
}

#[test]
fn an_undefined_variable_is_an_error_wherever_it_stands() {
    for template in [
        "{{ \"a\" ~ lost }}",
        "{{ lost ~ \"a\" }}",
        "{{ lost == 1 }}",
        "{% if lost == 1 %}a{% endif %}",
        "{% if lost != 1 %}a{% endif %}",
        "{% if lost in [1] %}a{% endif %}",
        "{% if given %}{{ \"a\" ~ lost }}{% endif %}",
        "{% if given %}{{ lost }}{% endif %}",
        "{% if given %}{{ lost.a }}{% endif %}",
        "{% if given %}{{ lost[0] }}{% endif %}",
        "{% if given %}{{ lost | upper }}{% endif %}",
        "{% if given %}{% for a in lost %}{% endfor %}{% endif %}",
        "{{ [lost] }}",
        "{% for a in lost %}{% endfor %}",
        "{{ lost.a.b }}",
        "{{ lost | upper }}",
        "{% set a = lost %}{{ a }}",
        "{% if given %}{{ lost + 1 }}{% endif %}",
        "{{ given | replace(from=lost, to=\"\") }}",
        "{{ given if lost.a else 2 }}",
        "{{ given and lost }}",
        "{% filter replace(from=\"a\", to=lost) %}a{% endfilter %}",
    ] {
        let error = user_error(template, json!({"given": 1}));
        assert_eq!(
            error.to_string(),
            "`p/user.tera` line 1: variable `lost` is not defined",
            "{template}"
        );
    }
}

#[test]
fn tests_and_defaults_make_a_variable_optional() {
    for (template, expected) in [
        (
            "{% if lost is defined %}{{ lost }}{% else %}b{% endif %}",
            "b",
        ),
        (
            "{% if lost is not defined %}b{% else %}{{ lost ~ 1 }}{% endif %}",
            "b",
        ),
        ("{% if lost %}{{ \"a\" ~ lost }}{% endif %}b", "b"),
        ("{% if not lost %}b{% endif %}", "b"),
        ("{% if given and lost %}{{ lost == 1 }}{% endif %}b", "b"),
        ("{% if (lost or given) %}b{% endif %}", "b"),
        ("{{ lost | default(value=\"b\") }}", "b"),
        ("{{ lost or \"b\" }}", "b"),
        ("{{ lost?.name | default(value=\"b\") }}", "b"),
        ("{{ lost if lost is defined else \"b\" }}", "b"),
        ("{{ \"b\" ~ lost if lost else \"b\" }}", "b"),
        (
            "{% set lost = lost | default(value=\"b\") %}{{ lost ~ \"\" }}",
            "b",
        ),
        ("{% set lost = \"b\" %}{{ \"\" ~ lost }}", "b"),
        ("{% set lost %}b{% endset %}{{ \"\" ~ lost }}", "b"),
        (
            "{% for lost in [\"b\"] %}{{ \"\" ~ lost }}{% endfor %}",
            "b",
        ),
        ("{% for k, lost in m %}{{ k ~ lost }}{% endfor %}", "b"),
        ("{{ [x ~ \"\" for x in [\"b\"]] | first }}", "b"),
        ("{% if given == 2 %}{{ lost }}{% endif %}b", "b"),
        ("{{ lost if given == 2 else \"b\" }}", "b"),
        ("{% for a in [] %}{{ lost }}{% else %}b{% endfor %}", "b"),
        ("{% raw %}{{ lost }}{% endraw %}", "{{ lost }}"),
        ("{# {{ lost }} #}b", "b"),
        (
            "{{ \"lost ~ lost\" | replace(from=\"lost ~ lost\", to=\"b\") }}",
            "b",
        ),
        ("{{ m.lost | default(value=\"b\") }}", "b"),
    ] {
        assert_eq!(
            user(template, json!({"given": 1, "m": {"b": ""}})),
            expected,
            "{template}"
        );
    }
}

#[test]
fn guards_reach_into_includes_branches_and_blocks() {
    for (template, expected) in [
        ("{% if lost %}{% include \"uses.tera\" %}{% endif %}b", "b"),
        (
            "{% if given == 2 %}a{% elif lost is defined %}{{ lost }}{% endif %}b",
            "b",
        ),
        ("{% set lost = \"b\" %}{% include \"uses.tera\" %}", "b"),
        (
            "{% for lost in [\"b\"] %}{% include \"uses.tera\" %}{% endfor %}",
            "b",
        ),
        (
            "{% extends \"frame.tera\" %}{% block a %}{% if lost %}{{ lost }}{% endif %}b{% endblock %}",
            "b",
        ),
        (
            "{% extends \"sets.tera\" %}{% block a %}{{ \"\" ~ lost }}{% endblock %}",
            "b",
        ),
        (
            "{% if m is defined and m.x is defined and lost %}{{ lost ~ m.x }}{% endif %}b",
            "b",
        ),
        ("{{ (lost | default(value=\"b\")) ~ \"\" }}", "b"),
        (
            "{% for a in [1, 2] %}{{ \"\" ~ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1,2",
        ),
        ("{{- given -}}", "1"),
        ("{{ <lost text=\"b\" /> }}", "b"),
        ("{% <lost text=\"b\"> %}{{ given }}{% </lost> %}", "b1"),
    ] {
        let library = PromptLibrary::in_memory([
            ("p/system.tera", template),
            ("p/uses.tera", "{{ lost ~ \"\" }}"),
            (
                "p/frame.tera",
                "{% block a %}{{ lost ~ \"\" }}{% endblock %}",
            ),
            (
                "p/sets.tera",
                "{% set lost = \"b\" %}{% block a %}{% endblock %}",
            ),
            (
                "p/parts.tera",
                "{% component lost(text) %}{{ text }}{{ body | default(value=\"\") }}{% endcomponent lost %}",
            ),
        ]);
        let given = variables(json!({"given": 1, "m": {}}));
        let pack = library.pack("p").unwrap();
        let prompt = pack.render(&given, 0).unwrap();
        assert_eq!(prompt.text("system"), Some(expected), "{template}");
    }
    let library = PromptLibrary::in_memory([
        (
            "p/system.tera",
            "{% extends \"frame.tera\" %}{% block a %}{{ super() }}{% endblock %}",
        ),
        ("frame.tera", "{% block a %}{{ lost ~ \"\" }}{% endblock %}"),
    ]);
    let error = library
        .pack("p")
        .unwrap()
        .render(&Map::new(), 0)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`frame.tera` line 1: variable `lost` is not defined"
    );
}

#[test]
fn an_undefined_field_is_named_with_the_nearest_one() {
    let error = user_error(
        "\n{{ user.nmae }}",
        json!({"user": {"name": "Ada", "s3cret": 1}}),
    );
    assert_eq!(
        error.to_string(),
        "`p/user.tera` line 2: field `nmae` is not defined"
    );
    assert_eq!(error.hint(), Some("did you mean `name`?"));
    let error = user_error(
        "{{ user.zip }}",
        json!({"user": {"name": "Ada", "s3cret": 1}}),
    );
    assert!(!format!("{error:#} {error:?}").contains("s3cret"));
}

#[test]
fn errors_hold_no_values() {
    let given = json!({"a": "s3cret", "n": 4217, "m": {"s3cret": 1}, "l": [1, "s3cret"]});
    for template in [
        "{{ a | int }}",
        "{{ a | float }}",
        "{{ a + 1 }}",
        "{{ n / 0 }}",
        "{{ n ** 4217 }}",
        "{{ a | round(method=a) }}",
        "{{ n | round(method=a) }}",
        "{{ m | get(key=a ~ 1) }}",
        "{{ l | sort }}",
        "{{ l | sort(attribute=a) }}",
        "{{ a < n }}",
        "{{ l[a] }}",
        "{{ throw(message=a) }}",
        "{{ throw(message=\"Variable `\" ~ a ~ \"`\") }}",
        "{{ throw(message=\"Field `\" ~ a ~ \"`\") }}",
        "{{ throw(message=\"Slice \" ~ a) }}",
        "{{ a.s3 }}",
        "{% for k, v in l %}{% endfor %}",
        "{{ n | int(base=n) }}",
        "{{ a is odd }}",
        "{{ 1 in n }}",
        "{{ a[n:a] }}",
        "{{ a | no(x=a) }}",
    ] {
        let error = user_error(template, given.clone());
        let shown = format!("{error:#} {error:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("4217"),
            "{template}: {shown}"
        );
        assert!(
            error.to_string().starts_with("`p/user.tera` line 1"),
            "{template}: {shown}"
        );
    }
    let error = user_error("{{ throw(message=\"give a topic\") }}", json!({}));
    assert_eq!(error.to_string(), "`p/user.tera` line 1: give a topic");
    let error = user_error("{{ a + 1 }}", given);
    assert_eq!(
        error.to_string(),
        "`p/user.tera` line 1: `+` requires both operands to be numbers, found `string` and `i64`"
    );
}

#[test]
fn broken_templates_are_named_with_file_line_and_what_is_wrong() {
    for (template, expected) in [
        ("a\n{{ a", "`p/user.tera` line 2"),
        ("{% if a %}", "`p/user.tera` line 1"),
        (
            "\n\n{{ a | shout }}",
            "`p/user.tera` line 3, column 8: unknown filter `shout`",
        ),
        (
            "{{ a is loud }}",
            "`p/user.tera` line 1, column 9: unknown test `loud`",
        ),
        (
            "{% include \"p/user.tera\" %}",
            "prompt pack `p`: circular include",
        ),
        (
            "{% extends \"p/user.tera\" %}",
            "prompt pack `p`: circular extend",
        ),
    ] {
        let error = pack_error(&[("p/system.tera", "s"), ("p/user.tera", template)], "p");
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn include_extends_and_components_work_within_the_base() {
    let files = [
        ("shared/style.tera", "Style: {{ style }}.\n"),
        ("shared/frame.j2", "<{% block body %}{% endblock %}>"),
        (
            "shared/parts.tera",
            "{% component Item(text) %}- {{ text }}{% endcomponent Item %}",
        ),
        (
            "team/planner/parts.tera",
            "{% component Bold(text) %}*{{ text }}*{% endcomponent Bold %}",
        ),
        ("team/planner/tail.tera", "tail"),
        ("team/planner/broken.tera", "{{ left over"),
        (
            "team/planner/system.tera",
            "{% include \"shared/style.tera\" %} {% include \"tail.tera\" %}",
        ),
        (
            "team/planner/user.tera",
            "{% extends \"shared/frame.j2\" %}{% block body %}{{ <Bold text={topic} /> }}{% include \"item.tera\" %}{% endblock %}",
        ),
        (
            "team/planner/item.tera",
            "{% include \"shared/parts.tera\" %}{{ <Item text={topic} /> }}",
        ),
    ];
    let base = directory(&files);
    for library in [
        PromptLibrary::new(base.path()),
        PromptLibrary::in_memory(files),
    ] {
        let pack = library.pack("team/planner").unwrap();
        let prompt = pack
            .render(&variables(json!({"style": "dry", "topic": "tides"})), 0)
            .unwrap();
        assert_eq!(prompt.text("system"), Some("Style: dry. tail"));
        assert_eq!(prompt.text("user"), Some("<*tides*- tides>"));
        let error = pack
            .render(&variables(json!({"topic": "tides"})), 0)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`shared/style.tera` line 1: variable `style` is not defined"
        );
        assert_eq!(library.names().unwrap(), ["team/planner"]);
    }
}

#[test]
fn templates_outside_of_the_base_are_refused() {
    for name in [
        "../outside.tera",
        "/etc/passwd",
        "a/../../b",
        "a\\\\b",
        "./system.tera",
    ] {
        let template = format!("\n{{% include \"{name}\" %}}");
        let error = pack_error(&[("p/system.tera", &template), ("p/a/x", "")], "p");
        assert!(
            error
                .to_string()
                .starts_with("`p/system.tera` line 2: template `"),
            "{error}"
        );
        assert!(error.source().is_some(), "{error:?}");
    }
    let error = pack_error(&[("p/system.tera", "{% include \"gone.tera\" %}")], "p");
    assert_eq!(
        error.to_string(),
        "`p/system.tera` line 1: template `gone.tera` does not exist"
    );
}

#[test]
fn pack_names_that_leave_the_base_are_refused() {
    let base = directory(&[("base/p/system.tera", "s"), ("outside/system.tera", "s")]);
    let library = PromptLibrary::new(base.path().join("base"));
    let absolute = base.path().join("outside");
    for name in [
        "",
        ".",
        "..",
        "../outside",
        "p/../../outside",
        "p/..",
        "./p",
        "p/",
        "p//x",
        "/",
        "..\\outside",
        "p\\x",
        "p\0",
        "p\n",
        absolute.to_str().unwrap(),
    ] {
        let error = library.pack(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Prompt);
        assert!(
            error.to_string().starts_with("pack name `"),
            "{name:?}: {error}"
        );
        assert!(!error.to_string().contains(['\0', '\n']));
    }
    assert!(library.pack("p").is_ok());
}

#[cfg(unix)]
#[test]
fn symbolic_links_may_not_lead_out_of_the_base() {
    use std::os::unix::fs::symlink;

    let base = directory(&[
        ("base/p/user.tera", "u"),
        ("base/shared.tera", "s"),
        ("base/q/system.tera", "{% include \"q/leak.tera\" %}"),
        ("base/r/system.tera", "s"),
        ("outside/system.tera", "s3cret"),
        ("outside/examples.jsonl", ""),
    ]);
    let outside = base.path().join("outside");
    let inside = base.path().join("base");
    symlink(&outside, inside.join("linked")).unwrap();
    symlink(outside.join("system.tera"), inside.join("p/system.tera")).unwrap();
    symlink(outside.join("system.tera"), inside.join("q/leak.tera")).unwrap();
    symlink(
        outside.join("examples.jsonl"),
        inside.join("r/examples.jsonl"),
    )
    .unwrap();
    let library = PromptLibrary::new(&inside);
    for name in ["linked", "p", "q", "r"] {
        let error = library.pack(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Prompt);
        assert!(
            format!("{error:#}").contains("leads out of the prompt directory"),
            "{error:#}"
        );
    }

    // One that stays inside is fine, and so is a base that is a link itself.
    fs::remove_file(inside.join("p/system.tera")).unwrap();
    symlink(inside.join("shared.tera"), inside.join("p/system.tera")).unwrap();
    symlink(&inside, base.path().join("alias")).unwrap();
    assert!(
        PromptLibrary::new(base.path().join("alias"))
            .pack("p")
            .is_ok()
    );
}

#[test]
fn a_missing_pack_names_the_nearest_one_and_the_place() {
    let files = [
        ("planner/system.tera", "s"),
        ("judge/system.j2", "s"),
        ("notes/a.txt", ""),
    ];
    let error = pack_error(&files, "planer");
    assert!(
        error
            .to_string()
            .starts_with("no prompt pack `planer` in `"),
        "{error}"
    );
    assert_eq!(error.hint(), Some("did you mean `planner`?"));
    let error = pack_error(&files, "something");
    assert_eq!(error.hint(), Some("available: `judge`, `planner`"));

    let error = PromptLibrary::new("/no/such/place").pack("p").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the prompt directory `/no/such/place`"
    );
    assert!(error.source().is_some());
}

#[test]
fn a_pack_without_a_usable_system_template_is_refused() {
    let error = pack_error(&[("p/user.tera", "u")], "p");
    assert_eq!(
        error.to_string(),
        "prompt pack `p` has no `system` template"
    );
    assert_eq!(error.hint(), Some("create `p/system.tera`"));
    let error = pack_error(&[("p/system.md", "s")], "p");
    assert_eq!(
        error.to_string(),
        "`p/system.md` does not end like a template"
    );
    let error = pack_error(&[("p/system.tera", "s"), ("p/user.txt", "u")], "p");
    assert_eq!(
        error.to_string(),
        "`p/user.txt` does not end like a template"
    );
    let error = pack_error(&[("p/system.tera", "s"), ("p/system.j2", "s")], "p");
    assert_eq!(
        error.to_string(),
        "`p/system.j2` and `p/system.tera` are both the `system` template"
    );
    // An editor's backup beside the template does no harm.
    let library = PromptLibrary::in_memory([("p/system.tera", "s"), ("p/system.tera.bak", "{{")]);
    assert!(library.pack("p").is_ok());
}

#[test]
fn broken_example_lines_are_named_with_file_and_line() {
    let good = "{\"role\":\"user\",\"content\":\"x\"}\n";
    for (line, expected, hint) in [
        ("{\"role\": s3cret", "is not valid JSON", ""),
        ("[\"s3cret\"]", "is not a JSON object", "write"),
        ("{\"role\":\"user\"}", "`content` is missing", ""),
        (
            "{\"role\":\"user\",\"content\":[\"s3cret\"]}",
            "`content` is not a text",
            "",
        ),
        (
            "{\"role\":\"usr\",\"content\":\"s3cret\"}",
            "unknown `role`",
            "did you mean `user`?",
        ),
        (
            "{\"role\":\"user\",\"content\":\"s3cret\",\"contnt\":1}",
            "unknown key `contnt`",
            "did you mean `content`?",
        ),
    ] {
        let text = format!("{good}\n{line}\n{good}");
        let error = pack_error(&[("p/system.tera", "s"), ("p/examples.jsonl", &text)], "p");
        assert!(
            error.to_string().starts_with("`p/examples.jsonl` line 3"),
            "{error}"
        );
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(
            error.hint().unwrap_or_default().starts_with(hint),
            "{error:#}"
        );
        assert!(
            !format!("{error:#} {error:?}").contains("s3cret"),
            "{error:#}"
        );
    }
}

#[test]
fn files_that_are_not_text_are_typed_errors() {
    let base = directory(&[
        ("p/system.tera", "s"),
        ("q/system.tera", "s"),
        ("r/system.tera/x", ""),
    ]);
    write(base.path(), "p/user.tera", b"a\xff");
    write(base.path(), "q/examples.jsonl", b"\xff");
    let library = PromptLibrary::new(base.path());
    for (name, expected) in [
        ("p", "`p/user.tera` is not UTF-8 text"),
        ("q", "`q/examples.jsonl` is not UTF-8 text"),
        ("r", "`r/system.tera` is not a file"),
    ] {
        let error = library.pack(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Prompt);
        assert_eq!(error.to_string(), expected);
    }
    assert!(library.pack("p").unwrap_err().source().is_some());
}

#[test]
fn many_threads_compile_a_pack_once_and_render_it_at_the_same_time() {
    let base = directory(&FULL);
    let library = PromptLibrary::new(base.path());
    let barrier = Barrier::new(16);
    let packs: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|number| {
                let (library, barrier) = (library.clone(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let pack = library.pack("full").unwrap();
                    let given = variables(json!({"what": format!("{number}")}));
                    let prompt = pack.render(&given, 0).unwrap();
                    assert_eq!(prompt.text("user"), Some(format!("do {number}").as_str()));
                    pack
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(
        packs
            .iter()
            .all(|pack| std::sync::Arc::ptr_eq(pack, &packs[0]))
    );
}

#[test]
fn a_compiled_pack_needs_its_files_no_more_and_a_failed_one_is_tried_again() {
    let base = directory(&[("p/system.tera", "old"), ("q/system.tera", "{{")]);
    let library = PromptLibrary::new(base.path());
    let text = |library: &PromptLibrary| {
        let prompt = library.pack("p").unwrap().render(&Map::new(), 0).unwrap();
        prompt.text("system").unwrap().to_owned()
    };
    assert_eq!(text(&library), "old");
    write(base.path(), "p/system.tera", "new");
    assert_eq!(text(&library), "old");
    assert_eq!(text(&PromptLibrary::new(base.path())), "new");
    fs::remove_dir_all(base.path().join("p")).unwrap();
    assert_eq!(text(&library), "old");

    assert!(library.pack("q").is_err());
    write(base.path(), "q/system.tera", "fixed");
    assert!(library.pack("q").is_ok());
}

#[test]
fn the_pre_flight_check_agrees_with_rendering() {
    let library = PromptLibrary::in_memory([
        ("p/system.tera", "{{ topic }}{% include \"more.tera\" %}"),
        (
            "p/more.tera",
            "\n{{ tone | default(value=\"dry\") }}{% if mode is defined and mode == 1 %}{{ rules }}{% endif %}",
        ),
        ("p/user.tera", "{{ item }}{{ topic }}{{ iteration }}"),
        ("p/user_refinement.tera", "{{ feedback }}"),
    ]);
    let pack = library.pack("p").unwrap();
    let report = pack.check(["topc", "response_schema", "feedback", "itme"], 0);
    let missing: Vec<_> = report
        .missing
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                &*it.template,
                it.line,
                it.nearest.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        missing,
        [
            ("topic", "p/system.tera", 1, Some("topc")),
            ("item", "p/user.tera", 1, Some("itme")),
        ]
    );
    assert_eq!(report.missing_in_branches[0].name, "rules");
    assert_eq!(report.missing_in_branches[0].line, 2);
    assert_eq!(report.missing_in_branches.len(), 1);
    assert_eq!(report.unused, ["itme", "topc"]);
    let checked = report.into_result().unwrap_err();
    let given = variables(json!({"topc": 1, "response_schema": 1, "feedback": 1, "itme": 1}));
    let rendered = pack.render(&given, 0).unwrap_err();
    assert_eq!(checked.to_string(), rendered.to_string());
    assert_eq!(checked.hint(), rendered.hint());

    assert!(pack.check(["topic", "item"], 0).is_ok());
    assert_eq!(pack.check(["topic"], 1).missing[0].name, "feedback");
    assert!(pack.check(["topic", "feedback"], 1).is_ok());
}

#[test]
fn variables_are_listed_by_part_and_name() {
    let pack = PromptLibrary::in_memory([
        (
            "p/system.tera",
            "{{ b }}{% if c %}{{ c }}{% endif %}\n{{ a }}",
        ),
        ("p/user.tera", "{{ b | default(value=1) }}"),
    ])
    .pack("p")
    .unwrap();
    let variables: Vec<_> = pack
        .variables()
        .into_iter()
        .map(|it| (it.part, it.name, it.line, it.required))
        .collect();
    assert_eq!(
        variables,
        [
            ("system", "a".to_owned(), 2, true),
            ("system", "b".to_owned(), 1, true),
            ("system", "c".to_owned(), 1, false),
            ("user", "b".to_owned(), 1, false),
        ]
    );
}

#[test]
fn a_template_that_looks_at_all_variables_gets_all() {
    let text = user(
        "{{ __tera_context.b }}{{ a }}",
        json!({"a": 1, "b": 2, "c": 3}),
    );
    assert_eq!(text, "21");
    let library = PromptLibrary::in_memory([
        ("p/system.tera", "{{ <Lang /> }}"),
        (
            "p/lang.tera",
            "{% component Lang(@lang) %}in {{ lang }}{% endcomponent Lang %}",
        ),
    ]);
    let pack = library.pack("p").unwrap();
    let prompt = pack
        .render(&variables(json!({"lang": "Welsh"})), 0)
        .unwrap();
    assert_eq!(prompt.text("system"), Some("in Welsh"));
    let error = pack.render(&variables(json!({"lnag": 1})), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`p/system.tera` line 1: variable `lang` is not defined"
    );
    assert_eq!(
        error.hint(),
        Some("`lnag` is given; is one of the two names misspelt?")
    );
}

#[test]
fn debug_output_shows_no_prompt() {
    let library = PromptLibrary::in_memory([("p/system.tera", "s3cret {{ a }}")]);
    let pack = library.pack("p").unwrap();
    let prompt = pack.render(&variables(json!({"a": "s3cret"})), 0).unwrap();
    let shown = format!("{library:?} {pack:?} {prompt:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("p/system.tera"));
}

#[test]
fn packs_and_libraries_are_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<PromptLibrary>();
    shared::<PromptPack>();
    shared::<RenderedPrompt>();
}

#[test]
fn the_packs_of_the_repository_render() {
    let library = PromptLibrary::new(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts"));
    let names = library.names().unwrap();
    assert!(names.contains(&"planner".to_owned()) && names.contains(&"judge".to_owned()));

    let planner = library.pack("planner").unwrap();
    assert!(planner.check(["topic", "response_schema"], 0).is_ok());
    let prompt = planner
        .render(
            &variables(json!({"topic": "tides", "response_schema": "{}"})),
            0,
        )
        .unwrap();
    assert_eq!(
        prompt.text("user"),
        Some("Make a plan about this topic: tides")
    );
    assert_eq!(prompt.messages.len(), 4);
    let given =
        json!({"topic": "tides", "feedback": "too long", "preserve_elements": ["the title"]});
    let refined = planner.render(&variables(given), 2).unwrap();
    insta::assert_snapshot!(refined.text("user_refinement").unwrap());

    let judge = library.pack("judge").unwrap();
    let prompt = judge
        .render(&variables(json!({"item": "a plan"})), 0)
        .unwrap();
    assert_eq!(prompt.text("user"), Some("The item:\n\na plan"));
    insta::assert_snapshot!(prompt.text("system").unwrap());
}
