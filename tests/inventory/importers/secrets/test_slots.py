"""What a secret looks like: names of slots, and what stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importers.secrets.repeats import REMOVED
from inventory.importers.secrets.scrubber import scrub
from inventory.importers.secrets.slots import is_placeholder, judge, looks_like_token, slot_strength


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("X-Api-Key", "header"),
        ("Authorization", "header"),
        ("DD-APPLICATION-KEY", "header"),
        ("api_key", ""),
        ("apikey", ""),
        ("accessToken", ""),
        ("client_secret", ""),
        ("password", ""),
        ("DB_PASS", "env"),
        ("ACME_KEY", "env"),
        ("STORE_DSN", "env"),
        ("DATABASE_URL", "env"),
        ("MDB_MCP_CONNECTION_STRING", "env"),
        ("GITHUB_PERSONAL_ACCESS_TOKEN", "env"),
        ("key", "query"),
        ("privateKey", ""),
    ],
)
def test_names_that_hold_a_secret(name: str, context: str) -> None:
    assert slot_strength(name, context) == "strong"


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("", ""),
        ("max_tokens", ""),
        ("maxTokens", ""),
        ("nextPageToken", ""),
        ("tokenType", ""),
        ("keyName", ""),
        ("primaryKey", ""),
        ("publicKey", ""),
        ("client_id", ""),
        ("api_key_id", ""),
        ("nodeCredentialType", ""),
        ("Content-Type", "header"),
        ("Accept", "header"),
        ("KEYBOARD_LAYOUT", "env"),
        ("SERVICE_ACCOUNT_KEY_PATH", "env"),
        ("GRAFANA_URL", "env"),
        ("monkey", ""),
        ("author", ""),
    ],
)
def test_names_that_hold_none(name: str, context: str) -> None:
    assert slot_strength(name, context) == ""


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("${GITHUB_TOKEN}", "env:GITHUB_TOKEN"),
        ("${env:GITHUB_TOKEN}", "env:GITHUB_TOKEN"),
        ("${input:github-token}", "input:github-token"),
        ("$GITHUB_TOKEN", "env:GITHUB_TOKEN"),
        ("%GITHUB_TOKEN%", "env:GITHUB_TOKEN"),
        ("Bearer ${GITHUB_TOKEN}", "env:GITHUB_TOKEN"),
        ("Bearer $GITHUB_TOKEN", "env:GITHUB_TOKEN"),
        ("={{ $env.GITHUB_TOKEN }}", "env:GITHUB_TOKEN"),
        ("=Bearer {{ $env['GITHUB_TOKEN'] }}", "env:GITHUB_TOKEN"),
        ("={{ $json.token }}", ""),
        ("=Bearer {{ $('Sign in').item.json.token }}", ""),
        ("op://vault/item/field", ""),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:x", ""),
    ],
)
def test_references_are_no_secrets(value: str, reference: str) -> None:
    judged = judge(value, "strong")
    assert (judged.what, judged.reference, judged.spans) == ("reference", reference, ())


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "value",
    [
        "<your-api-key>",
        "<YOUR_TOKEN>",
        "your-api-key",
        "your_monday_api_token",
        "YOUR_META_ACCESS_TOKEN",
        "YOUR-TOKEN",
        "your-circleci-token",
        "Bearer your_api_key",
        "Bearer <YOUR_HF_TOKEN>",
        "ntn_****",
        "sk-xxxxxxxx",
        "xxxx",
        "XXXXXXXXXXXX",
        "sk-...",
        "[API KEY]",
        "{API_KEY}",
        "changeme",
        "password",
        "REPLACE_ME",
        "insert your key here",
        "SUPADATA_API_KEY",
    ],
)
def test_placeholders_are_no_secrets(value: str) -> None:
    assert judge(value, "strong").what == "placeholder"


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "value",
    [
        "nwf-4d1f0c7e29a84b6f93d2b60e",
        "E223706995",
        "hunter2",
        "correct horse battery",
        "Bearer hackathon2025",
        "=Bearer 5d0f9b77a1c24e33",
        "EvtIS^EBVISeie6svB@6ev",
        "9f86d081-884c-4d65-9a2f-eaa0c55ad015",
        "Server=db;User=robot;Password=5d0f9b77",
        "={{ '5d0f9b77a1c24e33' }}",
        "={{ $json.a ? 'Bearer 5d0f9b77a1c24e33' : '' }}",
    ],
)
def test_literals_are_literals(value: str) -> None:
    assert judge(value, "strong").what == "literal"


@pytest.mark.parametrize(
    "value", ["", "   ", "true", "none", "https://a.example", "/run/secrets/key.pem", "C:\\keys\\k.pem"]
)
def test_harmless_slot_values_are_no_secrets(value: str) -> None:
    assert judge(value, "strong").what in ("empty", "plain")


@pytest.mark.parametrize(
    "value", ["gpt-4o-mini-2024-07-18", "text-embedding-3-small", "name", "session_4711", "a b c d e f g h i j"]
)
def test_weak_slot_needs_token_shape(value: str) -> None:
    assert judge(value, "weak").what == "plain"


@pytest.mark.rule("I6")
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=24, max_size=64))
def test_generated_value_is_no_placeholder(value: str) -> None:
    if (
        not (any(c.isdigit() for c in value) and any(c.isalpha() for c in value))
        or "xxxx" in value.lower()
        or "0" * 8 in value
    ):
        return
    assert looks_like_token(value)
    assert not is_placeholder(value)
    assert judge(value, "strong").what == "literal"


@given(st.text(max_size=200), st.sampled_from(["strong", "weak"]))
def test_any_value_is_judged_and_its_spans_lie_within_it(value: str, strength: str) -> None:
    judged = judge(value, strength)  # type: ignore[arg-type]
    assert all(0 <= begin < end <= len(value) for begin, end in judged.spans)
    assert list(judged.spans) == sorted(judged.spans)
    assert judged.what in ("empty", "plain", "reference", "placeholder", "literal")


_DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=30),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "env", "args", "password", "url"]), below)
    ),
    max_leaves=10,
)


@given(_DOCUMENTS)
def test_second_scrub_changes_nothing(document: object) -> None:
    once = scrub(document)
    assert scrub(once.document).document == once.document


@given(_DOCUMENTS)
def test_every_occurrence_has_a_place(document: object) -> None:
    scrubbed = scrub(document)
    for occurrence in scrubbed.found:
        assert isinstance(scrubbed.place(occurrence), str)


def test_masked_values_share_one_constant() -> None:
    scrubbed = scrub(
        {
            "password": "K7x9Qp2LmZ4vT8wB3nY6",
            "note": "say K7x9Qp2LmZ4vT8wB3nY6",
            "url": "https://a:b4c5d6e7@h.example/?token=abcdefgh12",
        }
    )
    assert scrubbed.document == {
        "password": REMOVED,
        "note": f"say {REMOVED}",
        "url": f"https://a:{REMOVED}@h.example/?token={REMOVED}",
    }
