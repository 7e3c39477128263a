//! Who may run what: rules in order, questions one at a time, and no way round a rejection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::ErrorKind;
use duologue::tool::{
    FunctionTool, Permission, PermissionAction, PermissionAnswer, PermissionQuestion,
    PermissionRule, ToolContext, ToolError, ToolSet, ToolSetBuilder,
};
use serde_json::json;

/// A set with `files__read`, and `files__write`, which acts on the world.
fn files() -> ToolSetBuilder {
    let named = |name: &str| {
        FunctionTool::new(name, "Does it.", |(): ()| async {
            Ok::<_, ToolError>("done")
        })
    };
    ToolSet::builder()
        .tool(named("files__read"))
        .tool(named("files__write").acting_on_world())
}

fn permit(tools: &ToolSet, name: &str) -> Permission {
    let context = ToolContext::default();
    pollster::block_on(tools.permit(name, &json!({}), &context))
}

fn rule(tool: &str, action: PermissionAction) -> PermissionRule {
    PermissionRule::new(tool, action)
}

#[test]
fn the_first_rule_that_fits_wins() {
    use PermissionAction::{Allow, Reject};
    let rules = [
        rule("files__read", Allow),
        rule("files__*", Reject),
        rule("*", Allow),
    ];
    let tools = files().permissions(rules).build().unwrap();
    let read = permit(&tools, "files__read");
    assert_eq!(read.rejection(), None);
    assert_eq!(read.decided_by(), Some("allow `files__read`"));
    let write = permit(&tools, "files__write");
    assert_eq!(
        write.rejection(),
        Some(
            "the call of `files__write` was rejected and did not run: the rule reject `files__*` forbids it"
        )
    );
    assert_eq!(write.decided_by(), Some("reject `files__*`"));
}

#[test]
fn without_a_rule_what_acts_is_asked_about_where_somebody_is_there() {
    let nobody = files().build().unwrap();
    for name in ["files__read", "files__write"] {
        let permission = permit(&nobody, name);
        assert_eq!(
            (permission.rejection(), permission.decided_by()),
            (None, None)
        );
    }
    let no = |_: &PermissionQuestion<'_>| PermissionAnswer::Reject("not today".to_owned());
    let somebody = files().ask(no).build().unwrap();
    assert_eq!(permit(&somebody, "files__read").rejection(), None);
    let write = permit(&somebody, "files__write");
    assert!(
        write
            .rejection()
            .unwrap()
            .ends_with("did not run: not today")
    );
    assert_eq!(write.decided_by(), Some("no rule: rejected"));
}

#[test]
fn a_rule_that_asks_rejects_where_nobody_is_there() {
    let rules = [rule("*", PermissionAction::Ask)];
    let tools = files().permissions(rules).build().unwrap();
    let permission = permit(&tools, "files__read");
    assert!(
        permission
            .rejection()
            .unwrap()
            .contains("nobody can be asked")
    );
    assert_eq!(permission.decided_by(), Some("ask `*`: nobody to ask"));
}

#[test]
fn the_question_shows_what_will_happen() {
    let ask = |question: &PermissionQuestion<'_>| {
        assert_eq!(question.tool, "files__write");
        assert_eq!(question.arguments, &json!({}));
        assert!(question.acts_on_world);
        PermissionAnswer::Allow
    };
    let tools = files().ask(ask).build().unwrap();
    let permission = permit(&tools, "files__write");
    assert_eq!(permission.rejection(), None);
    assert_eq!(permission.decided_by(), Some("no rule: allowed"));
}

#[test]
fn what_is_allowed_for_the_run_is_asked_once_even_by_calls_that_wait() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let always = move |_: &PermissionQuestion<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        PermissionAnswer::AllowAlways
    };
    let tools = files().ask(always).build().unwrap();
    let context = ToolContext::default();
    let arguments = json!({});
    let calls = (0..10).map(|_| tools.permit("files__write", &arguments, &context));
    let permissions = pollster::block_on(futures::future::join_all(calls));
    assert!(
        permissions
            .iter()
            .all(|permission| permission.rejection().is_none())
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let mut other = ToolContext::default();
    other.run_id = "another run".to_owned();
    pollster::block_on(tools.permit("files__write", &json!({}), &other));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn one_who_panics_has_not_allowed_anything() {
    let fails = |_: &PermissionQuestion<'_>| -> PermissionAnswer { panic!("no terminal") };
    let tools = files().ask(fails).build().unwrap();
    let permission = permit(&tools, "files__write");
    assert!(
        permission
            .rejection()
            .unwrap()
            .contains("asking whether it may run failed")
    );
    assert_eq!(permit(&tools, "files__read").rejection(), None);
}

#[test]
fn a_rule_without_a_pattern_is_refused() {
    let rules = [rule(" ", PermissionAction::Reject)];
    let error = files().permissions(rules).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "`tool` of rule 0 is empty");
}
