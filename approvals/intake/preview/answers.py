"""The builder's answers about requested items: justifications and terms, by row key (A1, A7, I7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from approvals.intake.drafts import Draft
from approvals.policies.queries import Policy
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.version_diff import RequestedItem
from governance.core.texts import free_text

#: Terms to choose from, in days, up to the maximum of the tier.
TERMS = (7, 30, 60, 90, 180, 365)
#: Opening of the justification that a credential takes from its privileges.
USES_PREFIX = "It is needed for what it opens:"


@dataclass(frozen=True)
class Answers:
    """Answers of a draft about everything that its version asks for.

    Args:
        draft: the builder's answers as typed.
        said_before: the last justification of the same item, by row key.
        policy: the policy in force.
        asked: requested items by row key.
    """

    draft: Draft
    said_before: Mapping[str, str]
    policy: Policy
    asked: Mapping[str, RequestedItem]

    def why(self, key: str) -> str:
        """The typed justification, or else that of the same item when it was last asked."""
        return free_text.clean(self.draft.why.get(key, self.said_before.get(key, "")))

    def uses(self, key: str) -> list[str]:
        """Row keys of the asked privileges that use a credential; empty for a privilege."""
        credential = self.asked[key].credential if key in self.asked else None
        if credential is None:
            return []
        privileges = ((other, item.privilege) for other, item in self.asked.items())
        return [
            other for other, privilege in privileges if privilege is not None and privilege.credential == credential
        ]

    def reason(self, key: str) -> str:
        """Justification of a row. A credential without one takes those of its privileges."""
        own_reason, uses = self.why(key), self.uses(key)
        reasons = list(dict.fromkeys(filter(None, map(self.why, uses))))
        if own_reason or not reasons or not all(map(self.why, uses)):
            return own_reason
        return f"{USES_PREFIX} {' '.join(reasons)}"

    @property
    def unjustified(self) -> list[str]:
        """Row keys without a justification. A credential needs none if all its privileges have one."""
        return [key for key in self.asked if not self.reason(key) and not self.uses(key)]

    def longest(self, item: RequestedItem) -> int:
        """The longest term of an item's tier, in days."""
        return self.policy.longest_term(item.tier)

    def term(self, key: str, item: RequestedItem) -> int:
        """The requested term in days: as chosen, at most the tier's maximum, which is also the default."""
        longest = self.longest(item)
        return min(self.draft.terms.get(key, longest), longest) or longest

    def terms(self, key: str, item: RequestedItem) -> list[int]:
        """Terms to choose from, in days; the last is the tier's maximum."""
        longest = self.longest(item)
        return sorted({*(days for days in TERMS if days < longest), longest, self.term(key, item)})

    def requests(self) -> dict[str, ItemRequest]:
        """The wishes for the plan, by key of the requested item."""
        return {item.key: ItemRequest(self.reason(key), self.term(key, item)) for key, item in self.asked.items()}
