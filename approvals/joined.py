"""The chain in which the version of a submission would stand, as it is now (A16): read once for an instance, and for many together.

What a version consists of is frozen, and who else is at its points is not: one submitted beside it may be in force by the time it is decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from approvals.models import Submission
from inventory import chains
from inventory.chains import Chain
from inventory.models import Privilege

_KNOWN = "_chain"


def chain_of(submission: Submission, privileges: Sequence[Privilege] | None = None) -> Chain:
    """The chain of a submission; asked once for the instance.

    Args:
        submission: of any state.
        privileges: its version's, each with entitlement and resource, where they were read already.
    """
    known: Chain | None = submission.__dict__.get(_KNOWN)
    if known is None:
        known = submission.__dict__[_KNOWN] = chains.with_version(submission.version, privileges)
    return known


def know_none(submission: Submission) -> None:
    """Say that a submission's version meets nothing by which it would stand in a chain: a page read that with the submission."""
    submission.__dict__[_KNOWN] = Chain()


def others_of(submissions: Sequence[Submission]) -> dict[int, frozenset[int]]:
    """By submission the ids of the others in its chain; a fixed number of queries, and two for what meets nothing."""
    by_version = chains.others_with({one.version_id for one in submissions})
    return {one.pk: by_version[one.version_id] for one in submissions}


def forget(submission: Submission) -> None:
    """Have the chain read anew: somebody else may have come into force since."""
    submission.__dict__.pop(_KNOWN, None)
