"""Parse and write the text of a rule, YAML or JSON (S6). The YAML reader refuses endless texts and duplicate keys."""

from pathlib import Path
from typing import Any

import yaml

from approvals.conflicts.rule_language.rule import Rule, parse_rule
from approvals.policies import yaml_document

#: An example of the syntax.
EXAMPLE = Path(__file__).with_name("example.yaml")


def parse_text(text: str) -> Rule:
    """Parse the rule in a text.

    Raises:
        InvalidDocument: with all errors at once.
    """
    return parse_rule(yaml_document.parse(text).data)


def write_text(document: object) -> str:
    """Return a rule as YAML: its parts in a fixed order, short lists on one line."""
    rule: dict[str, Any] = parse_rule(document).to_dict()
    text: str = yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return text
