"""The fresh sign-in that a policy asks for before a decision (S5)."""

from __future__ import annotations

from datetime import timedelta

from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refusal


def stale_sign_in(actor: Actor, policy: policy_queries.Policy, tier: str, what: str) -> Refusal | None:
    """Why a session is too old to say something about a tier, or None (S5). Recertification asks it of its answers too.

    Args:
        actor: a person in an interactive session; of anybody else nothing is said here.
        policy: says how old the sign-in may be.
        tier: of what is decided.
        what: ``decision`` or ``answer``, for the sentence.
    """
    minutes = policy.fresh_minutes(tier)
    if minutes is None or actor.signed_in_at is None:
        return None
    if business_time.real() - actor.signed_in_at <= timedelta(minutes=minutes):
        return None
    sentence = f"A {tier}-risk {what} needs a sign-in at most {minutes} minutes old."
    return Refusal("SOD-5", "duty", sentence, "Sign in again; nothing you typed is lost.")
