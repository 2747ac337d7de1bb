"""Parse the text of a rule, YAML or JSON (S6). The YAML reader refuses endless texts and duplicate keys."""

from __future__ import annotations

from approvals.conflicts.rule_language.rule import InvalidRule, Problem, Rule, parse_rule
from approvals.policies import yaml_document


def load_document(text: str) -> object:
    """Return the document in a text, for `rule.read`.

    Raises:
        NotARule: the text can't be parsed. Its meaning is not checked.
    """
    try:
        document: object = yaml_document.parse(text).data
    except yaml_document.Unreadable as error:
        problem = error.problem
        raise InvalidRule([Problem(f"line {problem.line}", problem.what.rstrip("."), problem.to_do)]) from None
    return document


def parse_text(text: str) -> Rule:
    """Parse the rule in a text.

    Raises:
        NotARule: with all errors at once.
    """
    return parse_rule(load_document(text))
