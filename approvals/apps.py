"""How Django finds approvals, and what it does when something happens lower down."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Approvals."""

    name = "approvals"
    label = "approvals"
    verbose_name = "Approvals"

    def ready(self) -> None:
        """Follow the ends of approvals, and what inventory does to automations."""
        from approvals import (
            announcing,
            credentials,
            duties,
            erasing,
            grants,
            least,
            parties,
            policies,
            still_open,
            unneeded,
        )
        from approvals.conflicts import members
        from approvals.moving_duties import IN_NO_CONFLICT, NOTHING_SUBMITTED
        from approvals.proposals import kinds
        from approvals.proposals.conflict_import import ConflictImportKind
        from approvals.proposals.conflict_rule import ConflictRuleKind
        from approvals.proposals.data_class import ResourceClass
        from approvals.proposals.leaving import BY_TWO, Leaving
        from approvals.proposals.people import FallbackOwner, PersonsRole, ResourceOwner, TeamLead
        from approvals.proposals.policy import PolicyKind
        from approvals.proposals.resource_kind import KindAndTeam
        from approvals.transitions import (
            close_sample_of,
            close_samples,
            close_unfinished,
            conclude,
            join_unfinished,
            look_again,
            moving,
            tell_of_risen,
        )
        from approvals.transitions.joining import OWNING, WRITING
        from approvals.transitions.passing_on import CHANGING
        from approvals.transitions.raising import RAISING
        from approvals.transitions.revoking import open_for
        from approvals.views import conflict_line, panels
        from governance.controls import consequences, health
        from governance.controls.erasing import FORGETTING
        from inventory import in_conflict, judging, under_review
        from inventory.registry import NAMING_OWNERS
        from inventory.stakes import OWN_WORD

        for event in ("approval.approved", "approval.rejected", "approval.expired"):
            consequences.register(event, conclude)
        for event in (*WRITING, *OWNING):
            consequences.register(event, join_unfinished)
        for event in RAISING:
            consequences.register(event, tell_of_risen)
        for event in CHANGING:
            consequences.register(event, look_again)
        consequences.demand("automation.amended", duties.WRITES_NOTHING)
        consequences.demand("person.left", BY_TWO)
        consequences.bar(NAMING_OWNERS, parties.kept_apart)
        consequences.bar(OWN_WORD, parties.whose_word_counts_not)
        for event in ("binding.confirmed", "binding.refused"):
            consequences.demand(event, duties.SETTLES_FOR_OTHERS)
        for event, duty in credentials.DEMANDED:
            consequences.demand(event, duty)
        for event, follow in members.FOLLOWED:
            consequences.register(event, follow)
        for event in ("transfer.asked", "transfer.accepted"):
            consequences.demand(event, NOTHING_SUBMITTED)
        consequences.demand("transfer.accepted", IN_NO_CONFLICT)
        consequences.register("transfer.asked", moving.show)
        consequences.register("transfer.accepted", moving.follow)
        consequences.register("automation.retired", close_unfinished)
        consequences.register("automation.retired", close_samples)
        consequences.register("grant.ended", close_sample_of)
        consequences.register("grant.ended", open_for)
        consequences.register(FORGETTING, erasing.forget)
        judging.kept_by(policies.tiers_at)
        of_people = (PersonsRole(), TeamLead(), FallbackOwner(), ResourceOwner(), Leaving())
        of_resources = (ResourceClass(), KindAndTeam())
        for kind in (PolicyKind(), *of_people, *of_resources, ConflictRuleKind(), ConflictImportKind()):
            kinds.register(kind)
        grants.register_consequences()
        unneeded.register_consequences()
        health.register_advice("people", least.missing)
        still_open.register()
        announcing.register()
        under_review.register(panels.held)
        in_conflict.register(conflict_line.line)
