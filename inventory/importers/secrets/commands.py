"""Secrets on command lines: a table of programs with their secret flags, one tokenizer, one walk over the words (I6)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inventory.importers.facts import facts, word_lists
from inventory.importers.secrets.slots import has_password_form, is_strong_password
from inventory.importers.work_budget import Budget

Span = tuple[int, int]

_WORDS, _FACTS = word_lists("secrets"), facts("secrets")
_FLAGS: Mapping[str, Mapping[str, str]] = _FACTS["flags"]
_ALSO: Mapping[str, str] = _FACTS["also"]
#: Programs with many names of the same beginning: ``mysqldump``, ``ldapsearch``, ``7za``.
_BEGINNINGS = ("mysql", "mariadb", "mongo", "mosquitto", "ldap", "7z")
#: Programs whose flag alone prompts for the password: the next word is none.
_ASKING = frozenset({"mysql", "7z"})
#: Flags after any program of an MCP server. The value must also look like a password.
_SERVER_FLAGS = {"-p": "", "-u": ":", "--user": ":"}
_PASSWORD_NAME = re.compile(r"-+(?:\w+[-_])*(?:pass(?:word|wd|phrase)?|pwd)", re.IGNORECASE)
_VARIABLE = re.compile(r"([A-Z0-9_]{0,80}?(?:PASS(?:WORD|WD|PHRASE)?|PWD))=")
_CLUSTER = re.compile(r"-[A-Za-z]{2,6}")
_WRAPPERS_BEFORE, _WRAPPERS_AFTER = "\"'\\[,=", "\"'\\],"
#: A text needs a flag and one of these words to be split.
_PROGRAM_MARKS = (*_FLAGS, *_ALSO, "sudo", " --", "-pass")
_TOKEN = re.compile(
    r"(?P<gap>\\\r?\n)|(?P<here><<<)|(?P<end>[|;&()`\n]+)|"
    r"(?P<word>(?:\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+'|\\(?!\r?\n).?|[^\s|;&()`\"'\\<]++|<(?!<<)|[\"'])++)"
)
_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+'")
_DEEPEST = 3
#: Cost of splitting a text into words, in readings.
_COST = 4


class Word(NamedTuple):
    """A word of a command line without its quotes. `at` is its number; `begin` and `end` are where it stands in the text."""

    text: str
    begin: int
    end: int
    at: int = 0


class Secret(NamedTuple):
    """Position of a secret in the word with number `at`, and the program or flag before it."""

    span: Span
    name: str
    at: int = 0


@dataclass(slots=True)
class _Command:
    """Words of one simple command, its ``<<<`` input, and whether it reads from the command before.

    `quoted` are quoted texts with blanks: each may be a command line.
    """

    words: list[Word]
    quoted: list[Span] = field(default_factory=list)
    here: Word | None = None
    is_fed: bool = False


def in_commands(text: str, budget: Budget) -> Iterator[Secret]:
    """Passwords on the command lines in a text, also within quotes.

    Raises:
        OverBudget: the file costs too much work.
    """
    if not _is_marked(text):
        return
    pending = [(0, len(text), 0)]
    while pending:
        begin, end, depth = pending.pop()
        budget.spend_characters(_COST * (end - begin))
        before: _Command | None = None
        for command in _commands(text, begin, end):
            for secret in _in_command(command, before):
                budget.hit()
                yield secret
            if depth < _DEEPEST:
                pending += [(*quoted, depth + 1) for quoted in command.quoted]
            before = command


def _is_marked(text: str) -> bool:
    """Whether a text may contain a command line with a secret: most texts do not, and cost one search."""
    if "PASS" in text or "PWD=" in text or "chpasswd" in text:
        return True
    has_flag = " -" in text or "'-" in text or '"-' in text or "\n-" in text
    return has_flag and any(mark in text for mark in _PROGRAM_MARKS)


def in_arguments(program: str, arguments: Sequence[str]) -> dict[int, Secret]:
    """Passwords among the arguments of an MCP server's program, by the number of the argument."""
    words = [Word(text, 0, len(text), at) for at, text in enumerate(arguments)]
    secrets = {each.at: each for each in _flagged([Word(program, 0, 0, -1), *words], is_server=True)}
    after = _first_of_its_own(program, arguments)
    has_user = any(each.startswith(("-u", "--user")) for each in arguments[after:])
    for each in _flagged(words[after:], _SERVER_FLAGS):
        value = arguments[each.at][slice(*each.span)]
        user = arguments[each.at][: each.span[0]].removeprefix("-u").removeprefix("--user=").rstrip(":")
        is_likely = has_user if each.name == "-p" else not user.isdecimal()
        if has_password_form(value) and (is_likely or (each.name == "-p" and is_strong_password(value))):
            secrets.setdefault(each.at, each)
    return secrets


def runs_arguments(program: str) -> bool:
    """Whether a program runs a package, an image, a module or a command from its arguments."""
    return program.rpartition("/")[2].rstrip("0123456789.") in _WORDS["runners"]


def _first_of_its_own(program: str, arguments: Sequence[str]) -> int:
    """Index of the server's first argument, after those of a runner: ``npx -p package``."""
    if not runs_arguments(program):
        return 0
    named = (at for at, each in enumerate(arguments) if not each.startswith("-") and not runs_arguments(each))
    return next(named, len(arguments))


def _commands(text: str, begin: int, end: int) -> Iterator[_Command]:
    """The simple commands in a part of a text. Each character is read once."""
    command, is_here = _Command([]), False
    for token in _TOKEN.finditer(text, begin, end):
        if token.lastgroup == "word":
            word = _word(token.group(), token.start())
            if " " in word.text:
                command.quoted += [(each.start() + 1, each.end() - 1) for each in _QUOTED.finditer(text, *token.span())]
            if is_here:
                command.here = word
            elif word.text:
                command.words.append(word)
        elif token.lastgroup == "end":
            yield command
            command = _Command([], is_fed=token.group() == "|")
        is_here = token.lastgroup == "here"
    yield command


def _word(raw: str, begin: int) -> Word:
    """Word without quotes and without punctuation of a list or an expression."""
    left = raw.lstrip(_WRAPPERS_BEFORE)
    begin += len(raw) - len(left)
    text = left.rstrip(_WRAPPERS_AFTER)
    return Word(text, begin, begin + len(text))


def _in_command(command: _Command, before: _Command | None) -> Iterator[Secret]:
    yield from _flagged(command.words)
    separator = _read_from_input(command.words)
    if separator is None:
        return
    fed = command.here or (_printed_secrets(before.words) if before and command.is_fed else None)
    if fed and (span := _part(fed, 0, separator)):
        yield Secret(span, "sudo" if not separator else "chpasswd")


def _flagged(
    words: Iterable[Word], always: Mapping[str, str] | None = None, *, is_server: bool = False
) -> Iterator[Secret]:
    """The values of secret flags and variables.

    Args:
        words: of one command.
        always: flags for any program; otherwise the table's flags, and long names.
        is_server: whether a program may be a part of a name: ``mysql-mcp``.
    """
    program, waiting = "", ("", "")
    for word in words:
        if waiting[0] and not word.text.startswith("-"):
            (flag, separator), waiting = waiting, ("", "")
            if span := _part(word, 0, separator):
                yield Secret(span, flag, word.at)
            continue
        waiting = ("", "")
        if word.text.startswith("-"):
            flag, separator, start = _flag(word.text, always if always is not None else _FLAGS.get(program, {}))
            if not flag and always is None and not is_server:
                flag, start = _long_flag(word.text)
            if flag and start < len(word.text):
                if span := _part(word, start, separator):
                    yield Secret(span, flag, word.at)
            elif flag and (program not in _ASKING or len(flag) > 2):
                waiting = flag, separator
        elif always is None and not is_server and (variable := _VARIABLE.match(word.text)):
            if span := _part(word, variable.end(), ""):
                yield Secret(span, variable.group(1), word.at)
        else:
            program = _program(word.text, is_server=is_server) or ("" if program == "sshpass" else program)


def _flag(text: str, flags: Mapping[str, str]) -> tuple[str, str, int]:
    """Secret flag of a word, its separator, and the start of its value; the word's end if the next word is the value."""
    for flag, separator in flags.items():
        if text.startswith(flag + "="):
            return flag, separator, len(flag) + 1
        if text == flag or (text.startswith(flag) and not flag.startswith("--") and not text.startswith("--")):
            return flag, separator, len(flag)
        if len(flag) == 2 and text.endswith(flag[1]) and _CLUSTER.fullmatch(text):  # `curl -su user:password`
            return flag, separator, len(text)
    return "", "", 0


def _long_flag(text: str) -> tuple[str, int]:
    """``--password`` and similar flags of any program; the start of the value."""
    name, equals, _ = text.partition("=")
    return (name, len(name) + len(equals)) if _PASSWORD_NAME.fullmatch(name) else ("", 0)


def _part(word: Word, start: int, separator: str) -> Span | None:
    """Password within a flag's value: after the user, without quotes."""
    if separator:
        at = word.text.find(separator, start)
        if at < 0:
            return None
        start = at + len(separator)
    value = word.text[start:].lstrip("\"'\\")
    return (word.end - len(value), word.end) if value else None


def _program(text: str, *, is_server: bool) -> str:
    name = re.split(r"[/\\]", text)[-1].lower().removesuffix(".exe")
    for part in re.split(r"[-_.@:]", name) if is_server else (name,):
        if part in _FLAGS:
            return part
        if beginning := next((each for each in _BEGINNINGS if part.startswith(each)), ""):
            return _ALSO.get(beginning, beginning)
        if part in _ALSO:
            return _ALSO[part]
    return name if name in _FLAGS else ""


def _read_from_input(words: Sequence[Word]) -> str | None:
    """Whether a command reads a password from its input, and the text before it there; None otherwise."""
    at = 0
    while at < len(words):
        text = words[at].text
        at += 1
        if text in ("--password-stdin", "--stdin"):
            return ""
        if text == "chpasswd":
            return ":"
        while text == "sudo" and at < len(words) and words[at].text.startswith("-"):
            option = words[at].text
            if option == "--stdin" or (not option.startswith("--") and "S" in option):
                return ""
            at += 2 if option in _WORDS["sudo_valued"] else 1
    return None


def _printed_secrets(words: Sequence[Word]) -> Word | None:
    """Output of ``echo`` or ``printf``, as one word."""
    for at, word in enumerate(words):
        rest = [each for each in words[at + 1 :] if not each.text.startswith("-")]
        if word.text in ("echo", "printf") and rest:
            first = rest[0] if word.text == "echo" else rest[-1]
            return first if first is rest[-1] else Word(" ", first.begin, rest[-1].end)
    return None
