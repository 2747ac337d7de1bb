"""Actors, permissions and refusals: the names that every app uses for them.

Modules of `governance.core` below this package import them from where they are defined.
"""

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import InvalidInput, OutOfTurn, Refusal, Refused, check, duty, invalid, refuse
from governance.core.roles.roles import ROLE_WORDS, Permission, Relation, Role

__all__ = ["ROLE_WORDS", "Actor", "InvalidInput", "OutOfTurn", "Permission", "Refusal", "Refused", "Relation"]
__all__ += ["Role", "check", "duty", "invalid", "refuse"]
