"""Secrets in text for people: names of nodes, workflows, credentials, servers and files, and notes (I6).

A name is short and shown everywhere, so weaker signs are enough: a random word is a token, and a password may follow
the word "password" without a colon.
"""

import re
from collections.abc import Iterator

from inventory.importers.facts import facts
from inventory.importers.secrets.slots import UUID, has_password_form, is_plain, is_random, is_strong_password, judge

Span = tuple[int, int]

#: Words before a secret, by the required form of the value.
_WORDS: dict[str, str] = facts("secrets")["before_values"]
_VALUE = (
    r"s?(?=(?P<mark>\s{0,3}(?:[-=]>|→|::?|[=(\[|–/,~#])\s{0,3}|\s{1,3}(?i:is\s|ist\s)?)(?P<quote>[\"'`])?[(\[]?"
    r"(?P<value>(?![{<])[^\s\"'`,;)}\]]{4,64})(?:(?P<more>[ \t]+\w)|(?P<aside>[ \t]+\())?)"
)


def _password_pattern(*kinds: str) -> re.Pattern[str]:
    """Pattern of one of the words, also within a name such as ``dbPassword``, with the value after it."""
    alternatives = "|".join(f"(?P<{kind}>(?i:{_WORDS[kind]}))" for kind in kinds)
    return re.compile(rf"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:{alternatives}){_VALUE}")


_IN_TEXT, _IN_NAME = _password_pattern("password"), _password_pattern(*_WORDS)
_USER_AND_PASSWORD = re.compile(
    r"(?<![\w/.])(?!(?i:mailto|e?-?mail|to|from|cc|bcc|contact):)[A-Za-z][\w.+-]{0,63}:(?P<value>[^\s:/@]{4,64})@(?=[A-Za-z\d])"
)
#: Name with only a user and a password: ``robot:hunter2``. ``llama3.2:7b-instruct`` names a model.
_ONLY_USER_AND_PASSWORD = re.compile(r"[A-Za-z][A-Za-z._-]{0,63}:(?P<value>[A-Za-z][^\s:/@._*-]{4,63})")
#: Parts of these words, in lower case: a text without them is not searched.
_HINTS_IN_TEXT = ("pass", "pw", "kennw", "contras", "senha", "mdp")
_HINTS_IN_NAME = (*_HINTS_IN_TEXT, "pin", "token", "secret", "key", "auth", "login", "cred", "@", ":")
_ASSIGNS = frozenset({":", "::", "=", "=>"})
#: Words before "password" if the value follows a blank: ``log in with password swordfish``.
_TELLS = re.compile(r"(?:\b(?:with|using|mit) |[(,] ?)\Z", re.IGNORECASE)
#: Endings of words that continue a sentence: ``password is hashed``, ``with password confirmation``.
_SENTENCE = re.compile(r".{3,}(?:ed|tion)")
#: User and password in private notation: ``robot / Rosebud7``.
_PAIR = re.compile(r"(?<![\w.-])[A-Za-z][\w.-]{0,63}\s{0,2}[/|]\s{0,2}(?P<value>[^\s/|)\]]{5,64})(?![^\s)\]])")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{15,4096}")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_PLAIN_PART = re.compile(r"[A-Z]?[a-z]{2,}")
#: Capitalised words of letters, as in names of services: ``Shopify-EU``.
_CAPITALISED = re.compile(r"[A-Z][^\W\d_]*(?:[-_][A-Z][^\W\d_]*)*")
_CODE = re.compile(r"[A-Z]{2,5}-\d+")
_LETTERS = re.compile(r"[^\W\d_]+(?:[-_][^\W\d_]+)*")
_SEPARATOR = re.compile(r"[-_]")
_PIECES = re.compile(r"[-_.:]")
_EXTENSION = re.compile(r"\.[A-Za-z]{1,5}$")
#: A tab, distinct from a blank.
_BETWEEN_WORDS = str.maketrans("-_", "\t\t")
#: End of a folder: ``/``, and the ``:`` between two paths of a mount.
_FOLDER = re.compile(r"[/\\]|:(?=[/\\])")


def may_say_password(name: str) -> bool:
    """Whether a name may contain a word for a secret; only then a name too short for a token is searched."""
    return any(map(name.lower().__contains__, _HINTS_IN_NAME))


def passwords_in(text: str, *, is_name: bool = False) -> Iterator[Span]:
    """Passwords after "password", in a name also after "token", "PIN", "key" and similar words, and after a user.

    After ``:`` the value needs a password's form: letters with digits or symbols. A word with a number has it only at
    the end. In a name, ``=`` needs no form. A letters-only value may end the name after ``:``, or after "with password"
    and a blank. A value with the form may follow a blank, ``-`` or ``_``. Usual words are no passwords.
    """
    if is_name:
        yield from _passwords_in_name(text)
    elif any(map(text.lower().__contains__, _HINTS_IN_TEXT)):
        for match in _IN_TEXT.finditer(text):
            if match["mark"].strip() in _ASSIGNS and not is_plain(match["value"]) and _has_form(match):
                yield match.span("value")


def passwords_after_users(name: str) -> Iterator[Span]:
    """Passwords in the name of a credential, noted after a user."""
    for pair in _PAIR.finditer(name):
        if has_password_form(pair["value"]) and not is_plain(pair["value"]):
            yield pair.span("value")


def _passwords_in_name(name: str) -> Iterator[Span]:
    begins: set[int] = set()
    for match in _IN_NAME.finditer(name):
        if _is_password_of_name(match):
            begins.add(match.start("value"))
            yield match.span("value")
    for match in _IN_NAME.finditer(name.translate(_BETWEEN_WORDS)) if "-" in name or "_" in name else ():
        is_new = not match["mark"].strip() and match.start("value") not in begins
        if is_new and _is_password_of_name(match):
            yield match.span("value")
    for login in _USER_AND_PASSWORD.finditer(name) if "@" in name else ():
        if has_password_form(login["value"]):
            yield login.span("value")
    whole = _ONLY_USER_AND_PASSWORD.fullmatch(name)
    if whole and has_password_form(whole["value"]) and not is_plain(whole["value"]):
        yield whole.span("value")


def tokens_in(name: str) -> Iterator[Span]:
    """Machine-generated words of a name."""
    for word in _WORD.finditer(name):
        text, begin = word.group(), word.start()
        if UUID.fullmatch(text):
            yield word.span()
            continue
        runs = [run.span() for run in _RUN.finditer(text) if is_random(run.group())]
        parts = _SEPARATOR.split(text)
        has_words = any(_PLAIN_PART.fullmatch(part) for part in parts)
        if len(parts) <= 1 + len(text) // 10 and is_random("".join(parts)) and not (runs and has_words):
            runs = [(0, len(text))]
        yield from ((begin + first, begin + last) for first, last in runs)


def passwords_in_path(path: str) -> Iterator[Span]:
    """Passwords in a file's path, with the rules of names."""
    return passwords_in(_FOLDER.sub("\n", _EXTENSION.sub("", path)), is_name=True)


def _is_password_of_name(match: re.Match[str]) -> bool:
    value, mark = match["value"], match["mark"].strip()
    is_assigned = mark in _ASSIGNS
    if value.isdecimal():
        return bool(match["pin"] or (is_assigned and match["password"]))
    if mark == "=" and not match["login"]:
        return judge(value, "strong").what in ("literal", "placeholder")
    if is_plain(value) or (match["login"] and _CODE.fullmatch(value)):
        return False
    if match["token"] and _CAPITALISED.fullmatch(value):
        return False
    if _LETTERS.fullmatch(value):
        return not match["more"] and _is_word_alone(match) and judge(value, "strong").what == "literal"
    return _has_form(match) and (is_assigned or not _is_title(match))


def _is_word_alone(match: re.Match[str]) -> bool:
    """Whether a word of letters is the password: ``Token: swordfish``, ``password is swordfish``, ``with password swordfish``."""
    mark, word = match["mark"].strip(" "), match["password"]
    if not word:
        return mark in _ASSIGNS and not match["aside"] and not match["login"]
    if mark in _ASSIGNS or _SENTENCE.fullmatch(match["value"]):
        return mark in _ASSIGNS
    if match["quote"] or mark in ("is", "ist"):
        return word.lower() != "pass"
    before = match.string[max(0, match.start() - 8) : match.start()]
    return not mark and (word.lower() in ("pw", "pwd") or _TELLS.search(before) is not None)


def _has_form(match: re.Match[str]) -> bool:
    """Whether a value has a password's form. A word with a number has it unless it is part of a title."""
    value = match["value"]
    if is_strong_password(value):
        return True
    is_alone = match["mark"].strip() in _ASSIGNS or _SEPARATOR.search(value) is None
    return has_password_form(value) and is_alone and (not match["more"] or value[0].islower())


def _is_title(match: re.Match[str]) -> bool:
    """Whether a name continues like a title: ``Password changed!``, ``Pass gpt-4o-mini``."""
    value = match["value"]
    if value.strip("!?.*_").isalpha():
        return True
    if match["password"] and match["password"].lower() != "pass":
        return False
    return is_strong_password(value) and _PIECES.search(value) is not None
