"""Published shapes of providers' secrets, each with a plain text that is searched before the expression."""

from __future__ import annotations

import re
from collections.abc import Iterator

_B = r"(?<![A-Za-z0-9])"
_E = r"(?![A-Za-z0-9])"

N8N = "n8n webhook"
"""An address that opens another workflow. It is reported and stays: it says which workflow is called, and no page shows it."""

PATTERNS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (provider, literal, re.compile(expression))
    for provider, literal, expression in (
        ("aws", "AKIA", _B + r"AKIA[A-Z2-7]{16}" + _E),
        ("aws", "ASIA", _B + r"ASIA[A-Z2-7]{16}" + _E),
        ("github", "gh", _B + r"gh[opsur]_[A-Za-z0-9]{30,255}" + _E),
        ("github", "github_pat_", _B + r"github_pat_\w{22,255}"),
        ("gitlab", "glpat-", _B + r"glpat-[\w-]{20,}"),
        ("slack", "xox", _B + r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("slack", "xapp-", _B + r"xapp-\d-[A-Za-z0-9-]{10,}"),
        ("slack", "hooks.slack.com/", r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/]{4,}"),
        ("discord", "/api/webhooks/", r"(?<=/api/webhooks/)\d{1,21}/[\w-]{4,90}"),
        ("microsoft teams", "webhook.office.com/", r"(?<=webhook\.office\.com/)webhookb?2?/[\w@/-]{8,400}"),
        (
            N8N,
            "/webhook",
            r"(?<!//localhost:5678/)(?<=/)webhook(?:-test|-waiting)?/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ),
        ("zapier", "/hooks/catch/", r"(?<=/hooks/catch/)\d{1,12}/[\w-]{3,40}"),
        ("make", ".make.com/", r"(?<=hook\.[a-z]{2}\d\.make\.com/)[\w-]{4,60}"),
        ("ifttt", "/with/key/", r"(?<=/with/key/)[\w-]{3,80}"),
        ("openai or alike", "sk-", _B + r"sk-(?:proj-|svcacct-|admin-|or-v1-|ant-[a-z0-9]+-)?[\w-]{20,}"),
        ("google", "AIza", _B + r"AIza[\w-]{35}"),
        ("google", "ya29.", _B + r"ya29\.[\w-]{20,}"),
        ("google", "GOCSPX-", _B + r"GOCSPX-[\w-]{20,}"),
        ("stripe", "_live_", _B + r"[rsp]k_live_[A-Za-z0-9]{16,}"),
        ("stripe", "_test_", _B + r"[rs]k_test_[A-Za-z0-9]{16,}"),
        ("stripe", "whsec_", _B + r"whsec_[A-Za-z0-9+/]{24,}"),
        ("sendgrid", "SG.", _B + r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
        ("mailgun", "key-", _B + r"key-[a-f0-9]{32}" + _E),
        ("telegram", ":AA", r"(?<!\d)\d{8,10}:AA[\w-]{32,34}"),
        ("telegram", "/bot", r"(?<=/bot)\d{3,12}:[\w-]{3,}"),
        ("npm", "npm_", _B + r"npm_[A-Za-z0-9]{36}" + _E),
        ("pypi", "pypi-AgE", r"pypi-AgE[\w-]{50,}"),
        ("hugging face", "hf_", _B + r"hf_[A-Za-z0-9]{30,}"),
        ("airtable", "pat", _B + r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
        ("notion", "ntn_", _B + r"ntn_[A-Za-z0-9]{40,}"),
        ("notion", "secret_", _B + r"secret_[A-Za-z0-9]{43}" + _E),
        ("linear", "lin_", _B + r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
        ("shopify", "shp", _B + r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        ("digitalocean", "_v1_", _B + r"do[opr]_v1_[a-f0-9]{64}"),
        ("postman", "PMAK-", _B + r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
        ("groq", "gsk_", _B + r"gsk_[A-Za-z0-9]{40,}"),
        ("xai", "xai-", _B + r"xai-[A-Za-z0-9]{60,}"),
        ("perplexity", "pplx-", _B + r"pplx-[A-Za-z0-9]{40,}"),
        ("tavily", "tvly-", _B + r"tvly-[A-Za-z0-9-]{20,}"),
        ("replicate", "r8_", _B + r"r8_[A-Za-z0-9]{30,}"),
        ("supabase", "sbp_", _B + r"sbp_[a-f0-9]{40}"),
        ("databricks", "dapi", _B + r"dapi[a-f0-9]{32}"),
        ("atlassian", "ATATT3", r"ATATT3[\w=-]{40,}"),
        ("hubspot", "pat-", _B + r"pat-[a-z]{2}\d-[a-f0-9-]{36}"),
        ("apify", "apify_api_", r"apify_api_[A-Za-z0-9]{30,}"),
        ("json web token", "eyJ", r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
        (
            "private key",
            "-----BEGIN",
            r"-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY-----[^-]{20,20000}(?:-----END[ A-Z0-9]{0,40}KEY-----)?",
        ),
    )
)


def provider_matches(text: str) -> Iterator[tuple[str, int, int]]:
    """(provider, start, end) of each match in `text`."""
    for provider, literal, expression in PATTERNS:
        if literal in text:
            for match in expression.finditer(text):
                yield provider, match.start(), match.end()
