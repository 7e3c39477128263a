//! Under which names a model's price may stand.

/// Who makes models. Gateways put the maker's name before a model whose price they pass on;
/// `azure/…` or `groq/…` name a seller with prices of his own.
const MAKERS: &[&str] = &[
    "openai",
    "anthropic",
    "google",
    "mistral",
    "mistralai",
    "deepseek",
    "x-ai",
    "xai",
    "moonshotai",
];

/// `model` as it stands, without its date, without its maker, without both.
pub(super) fn candidates(model: &str) -> impl Iterator<Item = &str> {
    let bare = model
        .split_once('/')
        .filter(|(maker, _)| MAKERS.contains(maker))
        .map(|(_, bare)| bare);
    [Some(model), undated(model), bare, bare.and_then(undated)]
        .into_iter()
        .flatten()
}

/// The name before a date at its end: `-2025-08-07`, `-20250807` or `@20250807`. Fewer digits are
/// no date: `mistral-large-2411` and `mistral-large-2512` are two models with two prices.
fn undated(model: &str) -> Option<&str> {
    let is_date = |end: &str| {
        end.bytes().enumerate().all(|(index, byte)| match index {
            0 => matches!(byte, b'-' | b'@'),
            5 | 8 if end.len() == 11 => byte == b'-',
            _ => byte.is_ascii_digit(),
        }) && end[1..].starts_with("20")
    };
    [11, 9].into_iter().find_map(|length| {
        let at = model.len().checked_sub(length).filter(|at| *at > 0)?;
        let (name, end) = model.split_at_checked(at)?;
        is_date(end).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(model: &str) -> Vec<&str> {
        candidates(model).collect()
    }

    #[test]
    fn a_date_at_the_end_may_be_left_out() {
        assert_eq!(
            all("gpt-5-mini-2025-08-07"),
            ["gpt-5-mini-2025-08-07", "gpt-5-mini"]
        );
        assert_eq!(all("claude-sonnet-4-20250514")[1..], ["claude-sonnet-4"]);
        assert_eq!(all("claude-sonnet-4@20250514")[1..], ["claude-sonnet-4"]);
    }

    #[test]
    fn digits_that_are_no_date_stay() {
        for model in [
            "mistral-large-2411",
            "gpt-4-0613",
            "m-12345678",
            "gpt-5-2025-8-07",
            "m20250807",
            "-20250807",
            "20250807",
            "",
            "ä-2025080",
            "äöüäöüäö",
        ] {
            assert_eq!(all(model), [model]);
        }
    }

    #[test]
    fn the_maker_may_be_left_out_and_a_seller_may_not() {
        assert_eq!(
            all("openai/gpt-5-mini-2025-08-07"),
            [
                "openai/gpt-5-mini-2025-08-07",
                "openai/gpt-5-mini",
                "gpt-5-mini-2025-08-07",
                "gpt-5-mini"
            ]
        );
        assert_eq!(all("azure/gpt-5-mini"), ["azure/gpt-5-mini"]);
    }
}
