"""Judge names of slots and values: reference, placeholder or literal secret, a plain word, a provider's published shape.

`scrubber.py` finds slots in a document and removes secrets. Patterns of known providers come last: of 31 public files
with live-looking secrets, patterns alone found 8 (import-formats.md).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from inventory.importers.display import expressions, vocabulary
from inventory.importers.facts import facts, word_lists
from inventory.importers.operation_words import EXECUTE, EXECUTE_NOUNS, OBJECTS, READ, READ_NOUNS, WRITE, words

Strength = Literal["", "weak", "strong"]
What = Literal["empty", "plain", "reference", "placeholder", "literal"]

_WORDS = word_lists("secrets")
_STRONG = _WORDS["strong"]
_STORES = vocabulary("database db postgres postgresql pg redis mongo mongodb mysql mariadb amqp rabbitmq")
_HARMLESS_HEADERS = re.compile("|".join(_WORDS["harmless_headers"]))

_SCHEME = re.compile(
    r"^\s*(?:Bearer|Basic|Token|Bot|ApiKey|Api-Key|Key|GenieKey|SSWS|Splunk|OAuth|apikey)[ :=]+", re.IGNORECASE
)
_QUOTED = re.compile(r"([\"'`])([^\"'`\n]{8,4096})\1")
_REFERENCE = re.compile(
    r"""^(?:
      \$\{[^}]+\} | \$\(?[A-Za-z_][A-Za-z0-9_]*\)? | %[A-Za-z_][A-Za-z0-9_]*% | \$\{\{.*\}\} |
      (?:op|vault|bws|doppler|akv|gsm|ssm|aws-sm|keyring|file)://\S+ | arn:aws[\w-]*:(?:secretsmanager|ssm):\S+ |
      projects/[^/\s]+/secrets/\S+ | @Microsoft\.KeyVault\(.*\) | !secret\s+\w+ | (?:env|secretref|secret|input):[\w.-]+ |
      (?:process\.env|os\.environ|import\.meta\.env|\$env|\$vars|\$secrets)[.\[]\S+
    )$""",
    re.VERBOSE | re.DOTALL,
)
_ENV = re.compile(
    r"(?:\$env(?:\.|\[[\"'])|process\.env(?:\.|\[[\"'])|\$\{env:|env:)([A-Za-z_][\w.-]*)|"
    r"\$\{([A-Za-z_]\w*)(?::?-[^}]*)?\}|^\$([A-Za-z_]\w*)$|^%([A-Za-z_]\w*)%$"
)
_INPUT = re.compile(r"\$\{(?:input|promptString):([\w.-]+)\}")
_HOLLOW = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}|x{4,}|X{4,}|\*{3,}|\.{3,}|…|•{3,}|#{4,}|_{4,}|0{8,}|-{5,}|%%\w+%%"
)
_FILE = re.compile(r"^(?:~|\.{1,2})?/[\w@.+ -]+(?:/[\w@.+ -]+)+$|^[A-Za-z]:\\|^\$\{workspaceFolder\}")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(?:[a-z]+:)?//")
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,12}(?::\d{1,5})?")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_EXAMPLE = re.compile(r"(?:(?!\.example\b)[\w.+/-])*example(?:(?!\.example\b)[\w.+/-])*", re.IGNORECASE)
_SEQUENCE = re.compile(r"0?12345(?:6(?:7(?:8(?:90?)?)?)?)?|abcdef(?:g(?:h)?)?", re.IGNORECASE)
_SHOUTED = re.compile(r"[A-Z]+(?:_[A-Z]+)+(?:_?\d{1,6})?")
_SYMBOLS = "!@#$%^&*?+"
_PASSWORD_WITH_SYMBOL = re.compile(r"[A-Za-z]+\d+[!@#$%^&*?]")
_WORD_AND_NUMBER = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)*[-_.]?\d{1,3}")
_PLAIN = vocabulary("true false yes no none null undefined on off auto default basic bearer header query generic")
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_EMPTY_WORDS = _WORDS["empty_words"]

#: An address that opens another workflow. It is reported and stays: it says which workflow is called, and no page shows it.
N8N = "n8n webhook"
#: Forms in public texts: an address open to everybody, and keys made for display.
_NO_SECRET = (N8N, "pk_live_", "pk_test_")
#: Providers whose form can't distinguish a token from words.
_CERTAIN = frozenset({"aws", "private key"})
#: Words about secrets, frequently numbered words, states, file formats, environments and services.
_PLAIN_WORDS = READ | READ_NOUNS | WRITE | EXECUTE | EXECUTE_NOUNS | OBJECTS | _WORDS["plain_words"]
_BARE = re.compile(r"[\w.:-]+")
_SEPARATOR = re.compile(r"[.:_-]")
_CONVERSION = re.compile(r"[A-Z]?[a-z]{1,20}2[A-Z]?[a-z]{1,20}|[A-Z]{2,9}2[A-Z]{2,9}")
#: Three digits or more right after a word: a year, or a password.
_LONG_NUMBER = re.compile(r"([A-Za-z]+)\d{3}")
#: Published shapes of providers' secrets, each with a plain text that is searched before the expression.
PATTERNS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (provider, literal, re.compile(re.sub("^<", r"(?<![A-Za-z0-9])", re.sub(">$", r"(?![A-Za-z0-9])", shape))))
    for provider, literal, shape in facts("secrets")["providers"]["shapes"]
)


@dataclass(frozen=True, slots=True)
class Judged:
    """Content of a slot. `spans` are the parts of the value to remove; `reference` is ``env:X`` or ``input:x``."""

    what: What
    spans: tuple[tuple[int, int], ...] = ()
    reference: str = ""


def slot_strength(name: str, context: str = "") -> Strength:
    """Strength of a slot's name as a sign of a secret.

    Args:
        name: of a header, parameter, assignment, variable, flag or member: ``X-Api-Key``, ``accessToken``.
        context: ``header``, ``query``, ``env``, ``argument`` or another slot kind; the first four match more names.

    Returns:
        ``strong``: every literal is a secret; ``weak``: a literal that looks like a token is; empty: no slot.
    """
    parts = words(name[:100])
    if not parts:
        return ""
    joined = "".join(parts)
    if joined in _STRONG:
        return "strong"
    if parts[-1] in ("url", "uri") and _STORES & set(parts[:-1]) and context in ("env", "argument"):
        return "strong"
    if _WORDS["not_secret"] & set(parts):
        return ""
    last = next((part for part in reversed(parts) if not part.isdigit()), "")
    if last in _WORDS["none_at_end"] and not _STRONG & set(parts):
        return "weak" if context == "query" and last in ("sig", "signature") else ""
    if _STRONG & set(parts) or joined.endswith(("apikey", "apitoken", "password", "passwd")):
        return "strong"
    if "string" in parts and {"connection", "conn"} & set(parts):
        return "strong"
    if parts[-1] == "key":
        is_of_one = len(parts) > 1 and (_WORDS["key_of"] & set(parts[:-1]) or context == "argument")
        return "strong" if is_of_one or context in ("env", "header", "query") else "weak"
    if ("key" in parts and context == "env") or ("conn" in parts and context in ("env", "argument")):
        return "strong"
    if _WORDS["weak"] & set(parts):
        return "weak"
    return "weak" if context == "header" and not _HARMLESS_HEADERS.match(name.strip().lower()) else ""


def judge(value: str, strength: Strength) -> Judged:
    """Content of a slot of that strength (I6): empty, plain, a reference, a placeholder, a literal."""
    text = value.strip()
    if not text:
        return Judged("empty")
    start = value.find(text)
    if text.startswith("="):
        text = text[1:].lstrip()
        start = value.find(text, start + 1) if text else start
    if "{{" in text:
        return _judge_expression(text, start)
    scheme = _SCHEME.match(text)
    if scheme:
        start, text = start + scheme.end(), text[scheme.end() :]
    if not text or text.lower() in _PLAIN:
        return Judged("plain")
    if _REFERENCE.match(text) or (text.startswith("${") and text.endswith("}")):
        return Judged("reference", reference=reference_in(text))
    if is_placeholder(text):
        return Judged("placeholder", ((start, start + len(text)),))
    if _URL.match(text) or _FILE.match(text):
        return Judged("plain")  # secrets inside a URL are found separately; a path leads to a secret and is none
    is_token = strength == "weak" and looks_like_token(text) and not _HOST.fullmatch(text) and not UUID.fullmatch(text)
    may_be_password = len(text) >= 4 and text.count(" ") <= 3 and "\n" not in text
    if is_token or (strength == "strong" and (may_be_password or text.startswith("-----BEGIN"))):
        return Judged("literal", ((start, start + len(text)),))
    return Judged("plain")


def reference_in(text: str) -> str:
    """``env:NAME`` or ``input:id`` of a reference; otherwise empty."""
    if match := _INPUT.search(text):
        return f"input:{match.group(1)}"
    if match := _ENV.search(text):
        return f"env:{next(group for group in match.groups() if group)}"
    return ""


def is_placeholder(text: str) -> bool:
    """Whether a value only marks the place of a secret: ``<…>``, ``your-api-key``, ``xxxx``, ``ntn_****``."""
    if _PASSWORD_WITH_SYMBOL.fullmatch(text):
        return False
    if _SHOUTED.fullmatch(text) or _EXAMPLE.fullmatch(text) or _is_sequence(text):
        return True
    rest = _HOLLOW.sub(" ", text)
    hollow = rest != text
    left = re.findall(r"[A-Za-z]+|\d+", rest)
    if not left:
        return True
    words = [word.lower() for word in left]
    if all(word in _EMPTY_WORDS or word in ("123", "1234", "12345", "123456", "1") for word in words):
        return True
    if hollow:  # `sk-xxxx`, `<tenant>.example`: the rest is a short prefix or words
        return not any(looks_like_token(piece) for piece in rest.split()) and sum(map(len, left)) <= 24
    return words[0] in ("your", "my", "insert", "enter", "replace", "put", "example", "placeholder", "changeme") and (
        not any(ch.isdigit() for ch in text) or "your" in words[:2]
    )


def has_password_form(text: str) -> bool:
    """Whether a text is one word of letters with digits or symbols: ``hunter2``, ``Summer2024!``; no path, port or version."""
    if not 5 <= len(text) <= 64 or re.search(r"[\s/\\:=(){}<>\[\]$\"'`,;]|@(?:v?\d|[\^~])|\.\w", text):
        return False
    letters = sum(c.isalpha() for c in text)
    return letters >= 2 and (any(c.isdigit() for c in text) or any(c in _SYMBOLS for c in text[1:]))


def is_strong_password(text: str) -> bool:
    """Whether a text has a password's form and is more than a word with a number, unlike ``step-2`` and ``profile1``."""
    return has_password_form(text) and _WORD_AND_NUMBER.fullmatch(text) is None


def _is_sequence(text: str) -> bool:
    """Whether a text is digits and letters in their order, behind a provider's prefix or ``your-key-here``."""
    rest = _SEQUENCE.sub(" ", text)
    words = [word.lower() for word in re.findall(r"[A-Za-z]+|\d+", rest)]
    return (
        rest != text and len(text) >= 16 and all(word in _WORDS["prefixes"] or word in _EMPTY_WORDS for word in words)
    )


def looks_like_token(text: str) -> bool:
    """Whether a text is long, unbroken and mixed enough to be machine-generated."""
    if len(text) < 16 or not text.isascii() or re.search(r"[\s{}<>()\"'`,;]", text) or "sha256:" in text:
        return False
    runs = re.findall(r"[A-Za-z0-9]+", text)
    mixed = [run for run in runs if len(run) >= 10 and any(c.isdigit() for c in run) and any(c.isalpha() for c in run)]
    return bool(mixed) or (len(max(runs, key=len, default="")) >= 32)


def is_made_up(text: str, *, telling: bool = False) -> bool:
    """Whether a short part of a path looks machine-generated: ``8f14e45f`` and ``K7x9Qp2LmZ``, but not ``v1alpha1`` or
    ``getUserProfile2``.

    Such a part often alternates between digits, capitals and small letters.

    Args:
        text: one part of a path.
        telling: whether the part before it announces a token.
    """
    shortest, fewest, longest = (6, 3, 3.0) if telling else (8, 5, 2.5)
    for run in re.findall(r"[A-Za-z0-9]+", text):
        pieces = _PIECE.findall(run)
        letters = [c for c in run if c.isalpha()]
        is_mixed = len(letters) < len(run) or len({c.isupper() for c in letters}) > 1
        is_long = len(run) >= shortest and len(letters) >= 2 and len(pieces) >= fewest
        if is_long and is_mixed and len(run) / len(pieces) <= longest:
            return True
    return False


def is_machine_made(text: str) -> bool:
    """Whether a value is a machine-generated token and no name or word: random enough, a UUID, or of a published form."""
    if re.search(r"\s", text) or not text.isascii():
        return False
    if UUID.fullmatch(text) or any(end - begin > len(text) * 0.6 for _, begin, end in provider_matches(text)):
        return True
    runs = re.findall(r"[A-Za-z0-9]+", text)
    return sum(len(run) for run in runs if is_random(run)) > len(text) * 0.6


def is_random(run: str) -> bool:
    """Whether letters, capitals and digits alternate too often, over 16 characters or more, for a person's text.

    In a long run three numbers are enough: one token in thirty has long streaks of digits.
    """
    pieces = _PIECE.findall(run)
    numbers = sum(piece.isdigit() for piece in pieces)
    if not 16 <= len(run) <= 4096 or not 0 < numbers < len(pieces):
        return False
    return len(run) <= (3.2 if numbers > 1 else 2.4) * len(pieces) or (len(run) >= 28 and numbers >= 3)


def looks_secret(text: str) -> bool:
    """Whether typed text outside of any document slot is likely a secret: a provider's shape, or a token's."""
    is_id = UUID.fullmatch(text.strip()) is not None
    return is_id or any(True for _ in provider_matches(text)) or judge(text, "weak").what == "literal"


def published_secret(text: str) -> str:
    """Provider of the first secret of a published form in a text; empty without one."""
    return next(
        (provider for provider, begin, end in provider_matches(text) if _is_certain(provider, text[begin:end])), ""
    )


def _is_certain(provider: str, value: str) -> bool:
    if provider == N8N or value.startswith(_NO_SECRET) or "EXAMPLE" in value or is_placeholder(value):
        return False
    return provider in _CERTAIN or any(looks_like_token(part) for part in (value, *value.split("/")))


def _judge_expression(text: str, start: int) -> Judged:
    """Judge an n8n value with ``{{ }}``: literal text around or quoted inside the braces is a literal, otherwise it is a
    reference.
    """
    spans: list[tuple[int, int]] = []
    end = 0
    for begin, stop in expressions(text):
        spans += _outside(text, end, begin, start)
        end = stop
        for quoted in _QUOTED.finditer(text, begin, stop):
            scheme = _SCHEME.match(quoted.group(2))
            at = quoted.start(2) + (scheme.end() if scheme else 0)
            if looks_like_token(text[at : quoted.end(2)]) and not is_placeholder(text[at : quoted.end(2)]):
                spans.append((start + at, start + quoted.end(2)))
    spans += _outside(text, end, len(text), start)
    if spans:
        return Judged("literal", tuple(sorted(spans)))
    return Judged("reference", reference=reference_in(text))


def _outside(text: str, begin: int, end: int, start: int) -> list[tuple[int, int]]:
    piece = text[begin:end]
    scheme = _SCHEME.match(piece)
    begin += scheme.end() if scheme else len(piece) - len(piece.lstrip())
    piece = text[begin:end].rstrip()
    is_secret = looks_like_token(piece) and not is_placeholder(piece)
    return [(start + begin, start + begin + len(piece))] if is_secret else []


def is_plain(text: str) -> bool:
    """Whether a text consists of usual words and short numbers, or names a conversion: ``reset-v2``, ``Reset!``,
    ``lead2crm``.
    """
    bare = text.rstrip("!?.") if text.isascii() and not re.search(r"\d", text) else text
    if _CONVERSION.fullmatch(bare):
        return True
    return (
        _BARE.fullmatch(bare) is not None
        and all(word.lower() in _WORDS["long_numbered"] for word in _LONG_NUMBER.findall(bare))
        and all(map(_is_plain_part, _SEPARATOR.split(bare)))
    )


def _is_plain_part(part: str) -> bool:
    return part.lower().rstrip("0123456789") in _PLAIN_WORDS or all(
        word.isdigit() or word in _PLAIN_WORDS for word in words(part)
    )


def provider_matches(text: str) -> Iterator[tuple[str, int, int]]:
    """(provider, start, end) of each match in `text`."""
    for provider, literal, expression in PATTERNS:
        if literal in text:
            for match in expression.finditer(text):
                yield provider, match.start(), match.end()
