//! `duologue probe`, and jobs that use what it writes.

use serde_json::Value;

use super::endpoints::{enforcing, loose};
use crate::command::Folder;
use crate::support::server::{Answer, Server};
use crate::tree::root;

fn job(server: &Server, more: &str) -> String {
    format!(
        "run_id: demo\noutput_dir: out\nprovider: {{kind: openai, base_url: \"{}\"{more}}}\nagents: [{{name: planner, prompt_pack: planner, model: llama, max_output_tokens: 40, response_schema: schema.json, variables: {{topic: tides}}}}]\n",
        server.base_url()
    )
}

#[test]
fn a_job_is_probed_and_then_runs_by_the_profile() {
    let folder = Folder::with_job();
    let server = Server::start(|seen| {
        if seen.body.to_string().contains("You plan.") {
            Answer::text(r#"{"title": "Tides"}"#)
        } else {
            enforcing(seen)
        }
    });
    folder.write("job.yaml", &job(&server, ""));

    let probed = folder.run(&["probe", "job.yaml", "--output", "profiles/local.yaml"]);

    assert_eq!(probed.code, Some(0), "{}", probed.all());
    assert!(
        probed.stdout.contains("json_schema             yes"),
        "{}",
        probed.all()
    );
    assert!(
        probed.stderr.contains("at most 13 requests"),
        "{}",
        probed.all()
    );
    assert!(probed.stderr.contains("12 requests, "), "{}", probed.all());
    folder.write("job.yaml", &job(&server, ", profile: profiles/local.yaml"));
    let ran = folder.run(&["run", "job.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let body = server.requests().pop().unwrap().body;
    assert_eq!(body["max_completion_tokens"], 40, "{body}");
}

#[test]
fn a_url_is_probed_to_stdout_in_both_forms() {
    let folder = Folder::new();
    let server = Server::start(loose);
    let arguments = ["probe", &server.base_url(), "--model", "llama"];
    let yaml = folder.run(&arguments);
    assert_eq!(yaml.code, Some(0), "{}", yaml.all());
    assert!(
        yaml.stdout.starts_with("schema: duologue.profile/1\n"),
        "{}",
        yaml.all()
    );
    let json = folder.run(&[&arguments[..], &["--json"]].concat()).json();
    let from_yaml: Value = serde_yaml::from_str(&yaml.stdout).unwrap();
    assert_eq!(json["findings"], from_yaml["findings"]);

    let schema = folder.run(&["schema", "profile"]);
    let published = root().join("schemas/profile.schema.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&published, &schema.stdout).unwrap();
    }
    assert_eq!(schema.stdout, std::fs::read_to_string(published).unwrap());
    let schema = jsonschema::validator_for(&schema.json()).unwrap();
    assert!(schema.is_valid(&json) && schema.is_valid(&from_yaml));
}

#[test]
fn what_goes_wrong_is_said_with_advice() {
    let folder = Folder::with_job();
    let server = Server::start(|_| Answer::error(401, "who are you"));
    let url = server.base_url();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["probe", &url], 2, "add `--model NAME`"),
        (&["probe", &url, "--model", "m"], 2, "--api-key-env"),
        (
            &["probe", &url, "--model", "m", "--api-key-env", "NOPE"],
            2,
            "put the provider's key into `NOPE`",
        ),
        (
            &["probe", "job.yaml"],
            2,
            "key `provider.kind`: cannot be probed",
        ),
    ];
    for (arguments, code, said) in cases {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(code), "{}", ended.all());
        assert!(ended.stderr.contains(said), "{}", ended.all());
    }
    let before = server.requests().len();
    let offline = folder.run_with(
        &["probe", &url, "--model", "m"],
        &[("DUOLOGUE_OFFLINE", "1")],
    );
    assert_eq!(offline.code, Some(2), "{}", offline.all());
    assert_eq!(server.requests().len(), before);
}

#[test]
fn a_profile_that_is_wrong_stops_the_job_before_a_request() {
    let folder = Folder::with_job();
    let server = Server::start(enforcing);
    folder.write("job.yaml", &job(&server, ", profile: local.yaml"));
    let missing = folder.run(&["check", "job.yaml"]);
    assert_eq!(missing.code, Some(2), "{}", missing.all());
    assert!(
        missing.stderr.contains("key `provider.profile`"),
        "{}",
        missing.all()
    );
    folder.write("local.yaml", "schema: duologue.profile/9");
    let newer = folder.run(&["run", "job.yaml"]);
    assert_eq!(newer.code, Some(2), "{}", newer.all());
    assert!(
        newer.stderr.contains("update duologue, or probe again"),
        "{}",
        newer.all()
    );
    assert!(server.requests().is_empty());
}
