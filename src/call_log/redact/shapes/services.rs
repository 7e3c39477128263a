//! Messaging, payment, shops, mail, documents and other services.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    Form::new("slack-token", &["xox"], r"xox[abceoprs]-[A-Za-z0-9-]{10,}").loose(),
    Form::new(
        "slack-token",
        &["xoxe."],
        r"xoxe\.xox[bp]-\d-[A-Za-z0-9-]{20,}",
    ),
    Form::new(
        "slack-token",
        &["xapp-"],
        r"xapp-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]+",
    ),
    Form::new("slack-token", &["xwfp-"], r"xwfp-[A-Za-z0-9-]{20,}").loose(),
    Form::new(
        "slack-webhook",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_-]{20,})",
    ),
    Form::new(
        "discord-webhook",
        &["discord.com/api/", "discordapp.com/api/"],
        r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(\d{15,22}/[A-Za-z0-9_-]{30,})",
    ),
    Form::new(
        "teams-webhook",
        &["webhook.office.com/"],
        r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/-]{60,})",
    ),
    Form::new(
        "zapier-webhook",
        &["hooks.zapier.com/"],
        r"hooks\.zapier\.com/hooks/catch/([A-Za-z0-9/]{8,})",
    ),
    Form::new(
        "stripe-key",
        &[
            "sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_",
        ],
        r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    ),
    Form::new(
        "stripe-webhook-secret",
        &["whsec_"],
        r"whsec_[A-Za-z0-9+/=]{24,}",
    ),
    Form::new(
        "sendgrid-key",
        &["sg."],
        r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",
    ),
    Form::new(
        "brevo-key",
        &["xkeysib-", "xsmtpsib-"],
        r"x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}",
    ),
    Form::new("mailgun-key", &["key-"], r"key-[0-9a-f]{32}"),
    Form::new("mailgun-key", &["pubkey-"], r"pubkey-[0-9a-f]{32}"),
    Form::new("mailchimp-key", &["-us"], r"[0-9a-f]{32}-us[0-9]{1,2}").led_by(32),
    Form::new("mandrill-key", &["md-"], r"md-[A-Za-z0-9_-]{22}").loose(),
    Form::new("mailersend-token", &["mlsn."], r"mlsn\.[0-9a-f]{64}"),
    Form::new("resend-key", &["re_"], r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    Form::new("posthog-key", &["phx_"], r"phx_[A-Za-z0-9]{43}"),
    Form::new("twilio-key", &["sk"], r"SK[0-9a-f]{32}"),
    Form::new(
        "square-token",
        &["sq0"],
        r"sq0(?:atp|csp|idp|ids)-[A-Za-z0-9_-]{22,}",
    ),
    Form::new("square-token", &["eaaa"], r"EAAA[A-Za-z0-9_-]{60}"),
    Form::new("facebook-token", &["eaa"], r"EAA[A-Za-z0-9]{80,}"),
    Form::new(
        "shopify-token",
        &["shpat_", "shpca_", "shppa_", "shpss_", "shptka_"],
        r"shp(?:at|ca|pa|ss|tka)_[0-9A-Fa-f]{32}",
    ),
    Form::new(
        "telegram-token",
        &[":aa"],
        r"\d{8,10}:AA[A-Za-z0-9_-]{32,34}",
    )
    .led_by(10),
    Form::new("telegram-token", &[":aa"], r"\d{9}:AA[A-Za-z0-9_-]{32,34}").led_by(9),
    Form::new("telegram-token", &[":aa"], r"\d{8}:AA[A-Za-z0-9_-]{32,34}").led_by(8),
    Form::new(
        "linear-key",
        &["lin_"],
        r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,}",
    ),
    Form::new("notion-token", &["ntn_"], r"ntn_[A-Za-z0-9]{40,50}"),
    Form::new("notion-token", &["secret_"], r"secret_[A-Za-z0-9]{43}"),
    Form::new(
        "airtable-token",
        &["pat"],
        r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    ),
    Form::new(
        "hubspot-token",
        &["pat-na", "pat-eu"],
        r"pat-(?:na|eu)\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    Form::new("contentful-token", &["cfpat-"], r"CFPAT-[A-Za-z0-9_-]{43}"),
    Form::new("typeform-token", &["tfp_"], r"tfp_[A-Za-z0-9_.=-]{40,60}"),
    Form::new("adobe-secret", &["p8e-"], r"p8e-[A-Za-z0-9_-]{32}"),
    Form::new(
        "authress-key",
        &["sc_", "ext_", "scauth_", "authress_"],
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[a-z0-9+/_=-]{30,120}",
    ),
    Form::new(
        "duffel-token",
        &["duffel_"],
        r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}",
    ),
    Form::new("easypost-key", &["ezak", "eztk"], r"EZ[AT]K[A-Za-z0-9]{54}"),
    Form::new(
        "flutterwave-key",
        &["flwseck", "flwpubk"],
        r"FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?",
    ),
    Form::new("frameio-token", &["fio-u-"], r"fio-u-[A-Za-z0-9_=-]{64}"),
    Form::new(
        "lob-key",
        &["live_", "test_"],
        r"(?:live|test)_(?:pub_)?[0-9a-f]{31,35}",
    ),
    Form::new(
        "maxmind-key",
        &["_mmk"],
        r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk",
    )
    .led_by(36),
    Form::new(
        "intra42-secret",
        &["s-s4t2"],
        r"s-s4t2(?:ud|af)-[0-9a-f]{64}",
    ),
    Form::new(
        "settlemint-token",
        &["sm_aat_", "sm_pat_", "sm_sat_"],
        r"sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}",
    ),
    Form::new(
        "shippo-token",
        &["shippo_"],
        r"shippo_(?:live|test)_[0-9A-Fa-f]{40}",
    ),
    Form::new("dropbox-token", &["sl."], r"sl\.[A-Za-z0-9=_-]{100,}"),
    Form::new(
        "zoho-token",
        &["1000."],
        r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}",
    ),
    Form::new(
        "razorpay-key",
        &["rzp_"],
        r"rzp_(?:live|test)_[A-Za-z0-9]{14,}",
    ),
    Form::new("klaviyo-key", &["pk_"], r"pk_[0-9a-f]{34}"),
    Form::new(
        "paypal-token",
        &["access_token$"],
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
    ),
    Form::new(
        "rapidapi-key",
        &["msh"],
        r"[A-Za-z0-9]{10}msh[A-Za-z0-9]{15}jsn[A-Za-z0-9]{12}",
    )
    .led_by(10),
    Form::new(
        "mapbox-token",
        &["sk.eyj"],
        r"sk\.eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,}",
    ),
    Form::new(
        "asana-token",
        &["1/", "2/", "0/"],
        r"[012]/\d{16}(?:/\d{16})?:[0-9a-f]{32}",
    ),
    Form::new("trello-token", &["atta"], r"ATTA[0-9a-f]{64}[0-9A-Fa-f]{8}"),
    Form::new(
        "persona-key",
        &["persona_"],
        r"persona_(?:production|sandbox)_[0-9a-f-]{36}",
    ),
    Form::new(
        "plaid-token",
        &["access-"],
        r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    Form::new(
        "facebook-app-token",
        &["igqv", "igaa"],
        r"IG(?:QV|AA)[A-Za-z0-9_-]{80,}",
    ),
    Form::new(
        "linkedin-secret",
        &["wpl_"],
        r"WPL_AP\d\.[A-Za-z0-9]{16,}\.[A-Za-z0-9+/=]{6,}",
    ),
    Form::new(
        "ramp-token",
        &["ramp_"],
        r"ramp_(?:id|sec|tok)_[A-Za-z0-9]{32,}",
    ),
];
