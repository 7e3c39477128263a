//! Clouds, hosting, infrastructure and data stores.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    Form::new(
        "aws-access-key",
        &["akia", "asia", "abia", "acca", "a3t"],
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}",
    ),
    Form::new(
        "aws-bedrock-key",
        &["absk"],
        r"ABSK[A-Za-z0-9+/]{100,}={0,2}",
    ),
    Form::new(
        "aws-bedrock-key",
        &["bedrock-api-key-"],
        r"bedrock-api-key-[A-Za-z0-9+/]{40,}={0,2}",
    ),
    Form::new(
        "aws-mws-token",
        &["amzn.mws."],
        r"amzn\.mws\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    Form::new("google-api-key", &["aiza"], r"AIza[A-Za-z0-9_-]{35}"),
    Form::new("google-api-key", &["aq.ab"], r"AQ\.Ab[A-Za-z0-9_-]{40,}"),
    Form::new(
        "google-oauth-token",
        &["ya29."],
        r"ya29\.[A-Za-z0-9_.-]{20,}",
    ),
    Form::new(
        "google-oauth-secret",
        &["gocspx-"],
        r"GOCSPX-[A-Za-z0-9_-]{24,30}",
    ),
    Form::new("google-refresh-token", &["1//0"], r"1//0[A-Za-z0-9_-]{30,}").loose(),
    Form::new(
        "azure-storage-key",
        &["accountkey=", "sharedaccesskey="],
        r"(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,90}={0,2})",
    ),
    Form::new(
        "azure-storage-key",
        &["+ast"],
        r"[A-Za-z0-9+/]{76}\+ASt[A-Za-z0-9+/]{6}==",
    )
    .led_by(76),
    Form::new(
        "azure-client-secret",
        &["7q~", "8q~"],
        r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
    )
    .led_by(3),
    Form::new(
        "azure-devops-token",
        &["azdo"],
        r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}",
    )
    .led_by(76),
    Form::new(
        "azure-openai-key",
        &["acog"],
        r"[A-Za-z0-9]{76}ACOG[A-Za-z0-9]{4}",
    )
    .led_by(76),
    Form::new(
        "cloudflare-origin-key",
        &["v1.0-"],
        r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}",
    ),
    Form::new(
        "cloudflare-token",
        &["cfut_", "cfat_", "cfk_"],
        r"cf(?:ut|at|k)_[A-Za-z0-9_-]{38,}",
    ),
    Form::new(
        "digitalocean-token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"do[opr]_v1_[0-9a-f]{64}",
    ),
    Form::new("databricks-token", &["dapi"], r"dapi[0-9a-f]{32}(?:-\d)?"),
    Form::new("databricks-secret", &["dose"], r"dose[0-9a-f]{32}"),
    Form::new("alibaba-key", &["ltai"], r"LTAI[A-Za-z0-9]{12,26}").loose(),
    Form::new("tencent-key", &["akid"], r"AKID[A-Za-z0-9]{32}"),
    Form::new("heroku-key", &["hrku-"], r"HRKU-[A-Za-z0-9_-]{36,70}"),
    Form::new(
        "vault-token",
        &["hvs.", "hvb.", "hvr."],
        r"hv[sbr]\.[A-Za-z0-9_-]{24,}",
    ),
    Form::new(
        "terraform-token",
        &[".atlasv1."],
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{50,70}",
    )
    .led_by(14),
    Form::new("pulumi-token", &["pul-"], r"pul-[0-9a-f]{40}"),
    Form::new(
        "doppler-token",
        &[
            "dp.pt.",
            "dp.st.",
            "dp.ct.",
            "dp.sa.",
            "dp.scim.",
            "dp.audit.",
            "dp.said.",
        ],
        r"dp\.(?:pt|st|ct|sa|scim|audit|said)\.[A-Za-z0-9._-]{40,}",
    ),
    Form::new(
        "age-secret-key",
        &["age-secret-key-1"],
        r"(?i:AGE-SECRET-KEY-1[0-9A-Z]{58})",
    ),
    Form::new(
        "docker-swarm-key",
        &["swmkey-1-", "swmtkn-1-"],
        r"SWM(?:KEY|TKN)-1-[A-Za-z0-9+/-]{40,90}",
    ),
    Form::new("deno-token", &["ddp_", "ddw_"], r"dd[pw]_[A-Za-z0-9]{36}"),
    Form::new(
        "runpod-key",
        &["rpa_"],
        r"rpa_[A-Z0-9]{40,50}[A-Za-z0-9]{0,8}",
    ),
    Form::new(
        "salesforce-token",
        &["00d"],
        r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{80,}",
    ),
    Form::new(
        "flyio-token",
        &["flyv1 "],
        r"FlyV1 (fm[12][ar]?_[A-Za-z0-9+/=,_]{60,})",
    ),
    Form::new("flyio-token", &["fo1_"], r"fo1_[A-Za-z0-9_-]{43}"),
    Form::new(
        "flyio-token",
        &["fm1", "fm2"],
        r"fm[12][ar]?_[A-Za-z0-9+/]{60,}={0,3}",
    ),
    Form::new(
        "netlify-token",
        &["nfp_", "nfc_", "nfo_", "nfu_"],
        r"nf[pcou]_[A-Za-z0-9]{36}",
    ),
    Form::new(
        "vercel-token",
        &["vcp_", "vci_", "vca_", "vcr_", "vck_"],
        r"vc[piark]_[A-Za-z0-9]{24,60}",
    ),
    Form::new("render-key", &["rnd_"], r"rnd_[A-Za-z0-9]{28,34}").loose(),
    Form::new("scaleway-key", &["scw"], r"SCW[A-Z0-9]{17}").loose(),
    Form::new("scalingo-token", &["tk-us-"], r"tk-us-[A-Za-z0-9_-]{48}"),
    Form::new("ubidots-token", &["bbff-"], r"BBFF-[A-Za-z0-9]{30}"),
    Form::new(
        "planetscale-token",
        &["pscale_"],
        r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{30,64}",
    ),
    Form::new("neon-key", &["napi_"], r"napi_[a-z0-9]{50,70}"),
    Form::new("supabase-key", &["sbp_"], r"sbp_(?:v0_)?[0-9a-f]{40}"),
    Form::new(
        "supabase-key",
        &["sb_secret_"],
        r"sb_secret_[A-Za-z0-9_-]{30,40}",
    ),
    Form::new("aiven-password", &["avns_"], r"AVNS_[A-Za-z0-9_-]{19}"),
    Form::new(
        "aiven-token",
        &["aivenv1"],
        r"aivenv1[A-Za-z0-9+/=]{40,512}",
    ),
    Form::new("openshift-token", &["sha256~"], r"sha256~[A-Za-z0-9_-]{43}"),
    Form::new(
        "tailscale-key",
        &["tskey-"],
        r"tskey-[a-z]+-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)?",
    )
    .loose(),
    Form::new("yandex-key", &["aqvn"], r"AQVN[A-Za-z0-9_-]{35,38}"),
    Form::new(
        "yandex-token",
        &["t1."],
        r"t1\.[A-Za-z0-9_-]{20,}={0,2}\.[A-Za-z0-9_-]{86}={0,2}",
    ),
    Form::new(
        "yandex-token",
        &["y0_", "y1_", "y2_", "y3_"],
        r"y[0-3]_[A-Za-z0-9_-]{50,60}",
    ),
    Form::new(
        "yandex-secret",
        &["yca", "ycb", "ycm", "ycn", "yco", "ycp"],
        r"YC[A-Za-z0-9_-]{38}",
    )
    .loose(),
    Form::new(
        "ibm-key",
        &["apikey-"],
        r"ApiKey-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    Form::new("clickhouse-key", &["4b1d"], r"4b1d[A-Za-z0-9]{38}").loose(),
    Form::new(
        "dynatrace-token",
        &["dt0"],
        r"dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
    ),
    Form::new("confluent-secret", &["cflt"], r"cflt[A-Za-z0-9+/]{60}"),
    Form::new("temporal-key", &["stp_"], r"stp_[A-Za-z0-9_-]{40,}").loose(),
    Form::new(
        "oracle-key",
        &["ocid1.credential."],
        r"ocid1\.credential\.[A-Za-z0-9.-]{30,}",
    ),
];
