"""From the text of a rule, YAML or JSON, to the rule (S6). What makes a short text endless, or says a thing twice, the one reader of texts refuses."""

from __future__ import annotations

from approvals.conflicts.rules import NotARule, Problem, Rule, read
from approvals.policy import yaml_lines


def load(text: str) -> object:
    """The document in a text: what `rules.read` reads.

    Raises:
        NotARule: it can't be read; what it means is not looked at.
    """
    try:
        document: object = yaml_lines.read(text).data
    except yaml_lines.Unreadable as error:
        one = error.problem
        raise NotARule([Problem(f"line {one.line}", one.what.rstrip("."), one.to_do)]) from None
    return document


def parse(text: str) -> Rule:
    """The rule in a text.

    Raises:
        NotARule: with everything that is wrong, at once.
    """
    return read(load(text))
