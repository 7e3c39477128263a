//! Code hosting, package registries, build and test services.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    Form::new(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"gh[pousr]_[A-Za-z0-9]{30,255}",
    ),
    Form::new(
        "github-token",
        &["github_pat_"],
        r"github_pat_[A-Za-z0-9_]{36,255}",
    ),
    Form::new(
        "gitlab-token",
        &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "gloas-", "glimt-",
            "glagent-", "glffct-", "glrtr-", "glwt-",
        ],
        r"gl(?:pat|dt|rtr?|cbt|ptt|ft|soat|oas|imt|agent|ffct|wt)-[A-Za-z0-9_=.-]{20,}",
    ),
    Form::new(
        "gitlab-session",
        &["_gitlab_session="],
        r"_gitlab_session=([0-9a-z]{32})",
    ),
    Form::new(
        "gitlab-token",
        &["gr1348941"],
        r"GR1348941[A-Za-z0-9_-]{20}",
    ),
    Form::new("npm-token", &["npm_"], r"npm_[A-Za-z0-9]{36}"),
    Form::new("pypi-token", &["pypi-"], r"pypi-[A-Za-z0-9_-]{50,}"),
    Form::new("rubygems-key", &["rubygems_"], r"rubygems_[0-9a-f]{48}"),
    Form::new("crates-io-token", &["cio"], r"cio[A-Za-z0-9]{32}").loose(),
    Form::new("nuget-key", &["oy2"], r"oy2[a-z0-9]{43}"),
    Form::new("clojars-token", &["clojars_"], r"(?i:CLOJARS_[a-z0-9]{60})"),
    Form::new(
        "docker-token",
        &["dckr_pat_", "dckr_oat_"],
        r"dckr_[po]at_[A-Za-z0-9_-]{24,}",
    ),
    Form::new(
        "atlassian-token",
        &["atatt3", "atctt3"],
        r"AT[AC]TT3[A-Za-z0-9_=-]{60,}",
    ),
    Form::new("bitbucket-password", &["atbb"], r"ATBB[A-Za-z0-9_=]{24,}").loose(),
    Form::new("artifactory-key", &["akc"], r"AKC[A-Za-z0-9]{10,}").loose(),
    Form::new(
        "artifactory-token",
        &["cmvmdgtu"],
        r"cmVmdGtu[A-Za-z0-9]{56}",
    ),
    Form::new(
        "artifactory-password",
        &["ap"],
        r"AP[0-9A-F][A-Za-z0-9]{31,}",
    )
    .loose(),
    Form::new(
        "circleci-token",
        &["ccipat_", "ccipra_", "cciprj_"],
        r"CCIP(?:AT|RA|RJ)_[A-Za-z0-9]{22}_[0-9a-f]{40}",
    ),
    Form::new("buildkite-token", &["bkua_"], r"bkua_[0-9a-f]{40}"),
    Form::new(
        "sonar-token",
        &["sqp_", "squ_", "sqa_"],
        r"sq[pua]_[0-9a-f]{40}",
    ),
    Form::new(
        "sourcegraph-token",
        &["sgp_"],
        r"sgp_(?:(?:[0-9a-f]{16}|local)_)?[0-9a-f]{40}",
    ),
    Form::new("sourcegraph-token", &["slk_"], r"slk_[0-9a-f]{64}"),
    Form::new(
        "sentry-token",
        &["sntrys_"],
        r"sntrys_[A-Za-z0-9+/=_-]{40,}",
    ),
    Form::new("sentry-token", &["sntryu_"], r"sntryu_[0-9a-f]{64}"),
    Form::new(
        "snyk-token",
        &["snyk_"],
        r"snyk_(?:uat|sat)\.[A-Za-z0-9_.-]{30,}",
    ),
    Form::new("postman-key", &["pmak-"], r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Form::new("postman-key", &["pmat-"], r"PMAT-[0-9A-Z]{26}"),
    Form::new("grafana-token", &["glc_"], r"glc_[A-Za-z0-9+/]{32,}={0,3}"),
    Form::new(
        "grafana-token",
        &["glsa_"],
        r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}",
    ),
    Form::new(
        "grafana-key",
        &["eyjrijoi"],
        r"eyJrIjoi[A-Za-z0-9+/]{40,}={0,3}",
    ),
    Form::new(
        "new-relic-key",
        &["nrak-", "nrjs-", "nrii-", "nriq-", "nrra-"],
        r"NR(?:AK|JS|II|IQ|RA)-[A-Za-z0-9_-]{19,42}",
    )
    .loose(),
    Form::new("new-relic-key", &["nral"], r"[0-9a-f]{36}NRAL").led_by(36),
    Form::new(
        "harness-token",
        &["pat.", "sat."],
        r"(?:pat|sat)\.[A-Za-z0-9_-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}",
    ),
    Form::new(
        "launchdarkly-key",
        &["sdk-", "mob-", "api-"],
        r"(?:sdk|mob|api)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    Form::new("octopus-key", &["api-"], r"API-[A-Z0-9]{25,26}").loose(),
    Form::new("prefect-key", &["pnu_", "pnb_"], r"pn[ub]_[A-Za-z0-9]{36}"),
    Form::new("infracost-key", &["ico-"], r"ico-[A-Za-z0-9]{32}"),
    Form::new("readme-key", &["rdme_"], r"rdme_[a-z0-9]{70}"),
    Form::new(
        "figma-token",
        &["figd_", "figo_", "figr_", "figu_"],
        r"fig[doru]_[A-Za-z0-9_-]{38,}",
    ),
    Form::new("expo-token", &["exp_"], r"exp_[A-Za-z0-9_-]{38,}").loose(),
    Form::new("codecov-token", &["codecov_"], r"codecov_[A-Za-z0-9]{30,}").loose(),
    Form::new(
        "ngrok-key",
        &["ak_", "cr_"],
        r"(?:ak|cr)_[0-9][A-Za-z0-9]{26}",
    )
    .loose(),
    Form::new("nightfall-key", &["nf-"], r"NF-[A-Za-z0-9]{32}"),
    Form::new("endor-key", &["endr+"], r"endr\+[A-Za-z0-9-]{16}"),
    Form::new(
        "wakatime-key",
        &["waka_"],
        r"waka_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    Form::new(
        "onepassword-key",
        &["a3-"],
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
    ),
    Form::new(
        "onepassword-token",
        &["ops_eyj"],
        r"ops_eyJ[A-Za-z0-9+/_-]{200,}={0,3}",
    ),
    Form::new(
        "jwt",
        &["eyj"],
        r"eyJ[A-Za-z0-9_-]{8,}={0,2}\.[A-Za-z0-9_-]{8,}={0,2}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2}",
    ),
    Form::new("jwt", &["zxlk"], r"ZXlK[A-Za-z0-9+/_-]{60,}={0,2}").loose(),
];
