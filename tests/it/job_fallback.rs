//! Fallback and limits in job files.

use duologue::job::{Job, JobOverrides};

use crate::command::{Folder, JOB};

const PROVIDER: &str = "{kind: scripted, replies: replies.yaml}";

fn job_with(provider: &str) -> Folder {
    let folder = Folder::with_job();
    folder.write("job.yaml", &JOB.replace(PROVIDER, provider));
    folder
}

#[test]
fn the_second_provider_of_a_job_answers_and_the_records_say_so() {
    let folder = job_with(
        "{kind: fallback, on: [unavailable], circuit_breaker: {failures: 9, window: 10s, pause: 1s}, providers: [\
         {kind: scripted, replies: down.yaml, max_retries: 0}, \
         {kind: scripted, replies: replies.yaml, model: another-model}]}",
    );
    folder.write("down.yaml", "replies: [{status: 503, repeat: forever}]\n");
    let ended = folder.run(&["run", "job.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = folder.read("out/demo/llm_calls/call_001_planner.yaml");
    assert!(record.contains("response_model: another-model"), "{record}");
    assert!(record.contains("provider: scripted#2"), "{record}");
    assert!(record.contains("status: 503"), "{record}");
}

#[test]
fn limits_and_models_of_http_providers_are_read() {
    let folder = job_with(
        "{kind: fallback, providers: [\
         {kind: openai, base_url: 'http://127.0.0.1:9/v1', limits: {requests_per_minute: 5, tokens_per_minute: 1000, max_in_flight: 2}}, \
         {kind: openai, base_url: 'http://127.0.0.1:9/v2', model: m}]}",
    );
    let job = Job::load(folder.path("job.yaml"), &JobOverrides::default()).unwrap();
    job.check().unwrap();
}

#[test]
fn records_are_no_provider_among_others() {
    let folder =
        job_with("{kind: fallback, providers: [{kind: replay, from: out/r}, {kind: openai}]}");
    let ended = folder.run(&["check", "job.yaml"]);
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    let place = "key `provider.providers.0.kind`: is the text \"replay\"";
    assert!(ended.stderr.contains(place), "{}", ended.stderr);
}
