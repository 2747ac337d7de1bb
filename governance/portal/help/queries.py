"""The texts of the help pages: the rules in plain words (``rules.toml``) and the glossary (``docs/glossary.md``)."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

_MARKS = (
    (re.compile(r"\*\*(.+?)\*\*"), r"\1"),
    (re.compile(r"\*(.+?)\*"), r"<em>\1</em>"),
    (re.compile(r"`(.+?)`"), r'<span class="mono">\1</span>'),
    (re.compile(r"\[(.+?)\]\(.+?\)"), r"\1"),
)
_RULES_NAMED = re.compile(r" \(([A-Z]\d+(?:, [A-Z]\d+)*)\)")


@dataclass(frozen=True)
class Rule:
    """One rule, or one other check, in plain words."""

    code: str
    title: str
    words: str

    @property
    def href(self) -> str:
        """The address of its page."""
        return reverse("help_rule", args=[self.code])


@dataclass(frozen=True)
class Term:
    """One word of the glossary with its meaning as HTML, and the rules that it names."""

    word: str
    meaning: SafeString
    rules: tuple[Rule, ...]


@cache
def rule_groups() -> dict[str, list[Rule]]:
    """Return the rules by group, in the order of the pages."""
    groups = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return {name: [Rule(code, *texts) for code, texts in rules.items()] for name, rules in groups.items()}


def find_rule(code: str) -> Rule | None:
    """Return the rule of a code. SOD-2 is the duty of rule S2."""
    rules = {rule.code: rule for group in rule_groups().values() for rule in group}
    return rules.get(code.replace("SOD-", "S"))


@cache
def glossary() -> dict[str, list[Term]]:
    """Return the terms by section."""
    text = (settings.BASE_DIR / "docs" / "glossary.md").read_text(encoding="utf-8")
    sections = (section.partition("\n") for section in text.split("\n## ")[1:])
    return {name: list(_terms(table)) for name, _, table in sections}


def _terms(table: str) -> Iterator[Term]:
    for line in table.splitlines():
        if line.startswith("| **"):
            _, word, meaning, _ = line.split("|")
            codes = re.findall(r"[A-Z]\d+", " ".join(_RULES_NAMED.findall(meaning)))
            rules = tuple(rule for rule in map(find_rule, codes) if rule is not None)
            yield Term(_html(word), _html(_RULES_NAMED.sub("", meaning)), rules)


def _html(text: str) -> SafeString:
    text = escape(text.strip())
    for mark, replacement in _MARKS:
        text = mark.sub(replacement, text)
    return SafeString(text)
