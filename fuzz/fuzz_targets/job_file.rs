//! Any bytes as a job file, an agent's spec, replies and a conversation: read, or refused.
#![no_main]

use duologue::AgentSpec;
use duologue::job::{Job, JobOverrides};
use duologue::provider::ScriptedProvider;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["yaml", "json"] {
        let path = folder.path().join(format!("file.{ending}"));
        std::fs::write(&path, bytes).unwrap();
        let _ = AgentSpec::from_file(&path);
        let _ = ScriptedProvider::from_file(&path);
        if let Err(error) = Job::load(&path, &JobOverrides::default()) {
            let _ = format!("{error:#} {:?}", error.hint());
        }
    }
});
