//! Model providers and the tools around them.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    Form::new(
        "openai-key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-none-"],
        r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}",
    )
    .loose(),
    Form::new("anthropic-key", &["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{16,}").loose(),
    Form::new(
        "openrouter-key",
        &["sk-or-"],
        r"sk-or-(?:v1-)?[0-9a-f]{32,64}",
    ),
    Form::new("sk-key", &["sk-"], r"sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{20,}").loose(),
    Form::new("huggingface-token", &["hf_"], r"hf_[A-Za-z0-9]{30,40}"),
    Form::new(
        "huggingface-token",
        &["api_org_"],
        r"api_org_[A-Za-z0-9]{34}",
    ),
    Form::new("groq-key", &["gsk_"], r"gsk_[A-Za-z0-9]{40,60}"),
    Form::new("xai-key", &["xai-"], r"xai-[A-Za-z0-9]{60,100}"),
    Form::new("perplexity-key", &["pplx-"], r"pplx-[A-Za-z0-9]{40,64}"),
    Form::new("replicate-token", &["r8_"], r"r8_[A-Za-z0-9]{37}"),
    Form::new("fireworks-key", &["fw_"], r"fw_[A-Za-z0-9]{22,24}").loose(),
    Form::new("nvidia-key", &["nvapi-"], r"nvapi-[A-Za-z0-9_-]{60,70}"),
    Form::new("together-key", &["tgp_v1_"], r"tgp_v1_[A-Za-z0-9_-]{43}"),
    Form::new("cerebras-key", &["csk-"], r"csk-[a-z0-9]{48}"),
    Form::new("pinecone-key", &["pcsk_"], r"pcsk_[A-Za-z0-9_]{50,80}"),
    Form::new("voyage-key", &["pa-"], r"pa-[A-Za-z0-9_-]{43}").loose(),
    Form::new(
        "tavily-key",
        &["tvly-"],
        r"tvly-(?:dev-)?[A-Za-z0-9]{30,40}",
    ),
    Form::new("jina-key", &["jina_"], r"jina_[A-Za-z0-9_-]{50,70}"),
    Form::new("firecrawl-key", &["fc-"], r"fc-[0-9a-f]{32}"),
    Form::new("elevenlabs-key", &["sk_"], r"sk_[0-9a-f]{48}"),
    Form::new(
        "langsmith-key",
        &["lsv2_"],
        r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}",
    ),
    Form::new("langsmith-key", &["ls__"], r"ls__[0-9a-f]{32}"),
    Form::new("anyscale-key", &["esecret_"], r"esecret_[A-Za-z0-9]{20,}"),
    Form::new("e2b-key", &["e2b_"], r"e2b_[0-9a-f]{40}"),
    Form::new(
        "apify-token",
        &["apify_api_"],
        r"apify_api_[A-Za-z0-9]{34,40}",
    ),
    Form::new(
        "wandb-key",
        &["wandb_v1_"],
        r"wandb_v1_[A-Za-z0-9_-]{60,90}",
    ),
    Form::new("deepseek-key", &["dsk-"], r"dsk-[A-Za-z0-9]{32,}").loose(),
    Form::new(
        "helicone-key",
        &["helicone-"],
        r"(?:pk|sk)?-?helicone-[A-Za-z0-9-]{27,}",
    )
    .loose(),
];
