"""The default conflict rules: YAML files next to this module, one for each business process (S6). Pure.

An installation keeps the rules that it started with. A release with other texts changes no rule.
"""

from functools import cache
from pathlib import Path

import yaml

from approvals.conflicts.rule_language.rule import Rule, parse_rule

#: One file for each business process, each a list of rules.
FILES = Path(__file__).with_name("default")


@cache
def default_rules() -> tuple[Rule, ...]:
    """Return every default rule, in the order of the files.

    Raises:
        InvalidDocument: a file is invalid. The tests of the default rules check this.
    """
    documents = (
        document
        for path in sorted(FILES.glob("*.yaml"))
        for document in yaml.safe_load(path.read_text(encoding="utf-8"))
    )
    return tuple(parse_rule(document) for document in documents)
