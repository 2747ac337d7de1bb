"""The conflict rules that ship: files beside this module, one a business process, read once (S6). Pure.

An installation keeps the rules that it began with: a release that ships other texts changes none of them. Their pages offer the new text, as a
proposal that security countersigns (S8).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from approvals.conflicts.rule_language.rule import Rule, read

#: One file a process, each a list of rules.
FILES = Path(__file__).with_name("default")


@cache
def shipped() -> tuple[Rule, ...]:
    """Every rule that ships, by file and in the order of the file.

    Raises:
        NotARule: one is wrong, which the tests of the library would have said.
    """
    documents = (
        document
        for path in sorted(FILES.glob("*.yaml"))
        for document in yaml.safe_load(path.read_text(encoding="utf-8"))
    )
    return tuple(read(document) for document in documents)
