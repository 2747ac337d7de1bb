"""Django application of approvals."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Approvals."""

    name = "approvals"
    label = "approvals"
    verbose_name = "Approvals"

    def ready(self) -> None:
        """Register relations, handlers, duties, kinds of proposals and what pages of lower apps show."""
        from approvals import hooks
        from approvals.assignment import smallest_organisation
        from approvals.assignment.context import approval_relations, submission_relations
        from approvals.conflicts.views import rows as conflict_rows
        from approvals.grants.views import grants, stops
        from approvals.inbox import notices as inbox_notices
        from approvals.models import Approval, Submission
        from approvals.policies import queries as policy_queries
        from approvals.proposals.kinds import conflict_rule, kind, people, policy, resources
        from governance.core.access import access
        from governance.core.engine.discovery import import_declarations
        from governance.core.health import queries as health_queries
        from inventory.automations import panels as automation_panels
        from inventory.risk import policy as risk_policy

        import_declarations(self.name)
        access.register_relations(Submission, submission_relations)
        access.register_relations(Approval, approval_relations)
        hooks.register()
        risk_policy.register_rules(lambda now: policy_queries.in_force(now).tiers)
        for proposable in (policy.PolicyKind, conflict_rule.ConflictRuleKind, *people.KINDS, *resources.KINDS):
            kind.register(proposable())
        health_queries.register_advice("people", smallest_organisation.shortage_sentences)
        inbox_notices.register()
        automation_panels.register_supplier(automation_panels.WAITING, grants.waiting_for_panel)
        automation_panels.register_supplier(automation_panels.STOP, stops.button)
        automation_panels.register_supplier(automation_panels.CONFLICTS, conflict_rows.line)
