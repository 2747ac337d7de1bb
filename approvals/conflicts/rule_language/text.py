"""From the text of a rule, YAML or JSON, to the rule (S6). What makes a short text endless, or says a thing twice, the one reader of texts refuses."""

from __future__ import annotations

from approvals.conflicts.rule_language.rule import NotARule, Problem, Rule, read
from approvals.policies import yaml_document


def load(text: str) -> object:
    """The document in a text: what `rule.read` reads.

    Raises:
        NotARule: it can't be read; what it means is not looked at.
    """
    try:
        document: object = yaml_document.read(text).data
    except yaml_document.Unreadable as error:
        one = error.problem
        raise NotARule([Problem(f"line {one.line}", one.what.rstrip("."), one.to_do)]) from None
    return document


def parse(text: str) -> Rule:
    """The rule in a text.

    Raises:
        NotARule: with everything that is wrong, at once.
    """
    return read(load(text))
