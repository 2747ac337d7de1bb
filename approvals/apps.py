"""Django application of approvals, and its reactions to events of lower layers."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Approvals."""

    name = "approvals"
    label = "approvals"
    verbose_name = "Approvals"

    def ready(self) -> None:
        """Register consequences, duties and hooks."""
        from approvals.assignment import staffing
        from approvals.assignment.context import approval_relations, submission_relations
        from approvals.assignment.transitions.reassign import CAUSES, wake_sweep
        from approvals.conflicts import leg_members
        from approvals.conflicts.views import rows as conflict_rows
        from approvals.decisions.rules import duties
        from approvals.grants import unused_credentials
        from approvals.grants.transitions import lifecycle, revocation_tasks
        from approvals.grants.views import grants
        from approvals.inbox import notices as inbox_notices
        from approvals.light_path.transitions import close_sample_of, close_samples
        from approvals.models import Approval, Submission
        from approvals.parties import credential_rules as party_rules
        from approvals.parties import queries as party_queries
        from approvals.policies import queries as policy_queries
        from approvals.proposals.kinds import conflict_rule, kind, leaver, people, policy, resources
        from approvals.submissions import erasure, notices, rules
        from approvals.submissions.transitions import add_parties, stages, transfer, withdraw
        from governance.core.access import access
        from governance.core.engine import hooks
        from governance.core.engine.discovery import import_declarations
        from governance.core.erasure.transitions import FORGETTING
        from governance.core.health import queries as health_queries
        from inventory.automations import panels as automation_panels
        from inventory.ownership.parties import CONNECTION_STATEMENTS
        from inventory.ownership.rules import NAMING_OWNERS
        from inventory.risk import policy as risk_policy

        import_declarations(self.name)
        access.register_relations(Submission, submission_relations)
        access.register_relations(Approval, approval_relations)
        for event in ("approval.approved", "approval.rejected", "approval.expired"):
            hooks.register(event, stages.conclude)
        for event in (*add_parties.PARTY_EVENTS, *add_parties.INTERIM_OWNER_EVENTS):
            hooks.register(event, add_parties.add_parties)
        for event in notices.TIER_EVENTS:
            hooks.register(event, notices.notify_of_raised_tier)
        for event in notices.ANNOUNCED_EVENTS:
            hooks.register(event, notices.announce)
        for event in CAUSES:
            hooks.register(event, wake_sweep)
        hooks.demand("automation.amended", duties.writes_nothing)
        hooks.demand("person.left", leaver.by_two)
        hooks.bar(NAMING_OWNERS, party_queries.refusals_for_owners)
        hooks.bar(CONNECTION_STATEMENTS, party_queries.refusals_for_parties)
        for event in ("binding.confirmed", "binding.refused"):
            hooks.demand(event, duties.settles_for_others)
        for event, duty in party_rules.DEMANDED:
            hooks.demand(event, duty)
        for event, follow in leg_members.HOOKS:
            hooks.register(event, follow)
        for event in ("transfer.asked", "transfer.accepted"):
            hooks.demand(event, rules.nothing_submitted)
        hooks.demand("transfer.accepted", rules.in_no_conflict)
        hooks.register("transfer.asked", transfer.show_to_new_lead)
        hooks.register("transfer.accepted", transfer.follow_transfer)
        hooks.register("automation.retired", withdraw.close_unfinished)
        hooks.register("automation.retired", close_samples)
        hooks.register("grant.ended", close_sample_of)
        hooks.register("grant.ended", revocation_tasks.open_for_ended)
        hooks.register(FORGETTING, erasure.erase_person)
        risk_policy.register_rules(policy_queries.tiers_at)
        of_people = (people.PersonsRole(), people.TeamLead(), people.FallbackOwner(), leaver.Leaving())
        of_resources = (resources.ResourceOwner(), resources.ResourceClass(), resources.KindAndTeam())
        for proposable in (policy.PolicyKind(), *of_people, *of_resources, conflict_rule.ConflictRuleKind()):
            kind.register(proposable)
        lifecycle.register_consequences()
        hooks.register("grant.ended", unused_credentials.end_with_last)
        health_queries.register_advice("people", staffing.shortage_sentences)
        inbox_notices.register()
        automation_panels.register_supplier(automation_panels.WAITING, grants.waiting_for_panel)
        automation_panels.register_supplier(automation_panels.CONFLICTS, conflict_rows.line)
