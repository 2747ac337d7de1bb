"""Addresses of approvals: import, review, decision, and what follows from it."""

from django.urls import path

from approvals.conflicts.views import conflict_rules, conflicts, rule_edit
from approvals.decisions import views as decision_views
from approvals.grants.views import grants, held_batches, revocation_tasks, stops
from approvals.inbox.views import approvals, bulk_decision, detail, saved_views
from approvals.intake.views import connections, imports, manual_description, uploads
from approvals.light_path import views as light_path_views
from approvals.models import Grant
from approvals.policies.views import policies, policy_edit
from approvals.proposals.views import proposals, resource_proposals
from approvals.review.views import chain, review, timeline
from approvals.waivers import views as waiver_views
from governance.core.models import Team
from inventory.models import Automation, NonHumanIdentity, Resource

urlpatterns = [
    path("import/", imports.start, name="import"),
    path("import/form/", manual_description.describe, name="import_form"),
    path("import/uploads/add/", uploads.add, name="import_add"),
    path("import/uploads/<int:pk>/", uploads.upload, name="import_batch"),
    path("import/uploads/<int:pk>/report/", uploads.report, name="import_report"),
    path("import/uploads/<int:pk>/discard/", uploads.discard, name="import_batch_discard"),
    path("import/<int:pk>/", imports.preview, name="import_preview"),
    path("import/<int:pk>/panel/", imports.panel, name="import_panel"),
    path("import/<int:pk>/discard/", imports.discard, name="import_discard"),
    path("import/<int:pk>/bind/<str:key>/", connections.bind, name="import_bind"),
    path("automations/<int:pk>/promote/", imports.promote, name="promote"),
    path("automations/<int:pk>/again/", imports.submit_again, name="submit_again"),
    path("approvals/", approvals.inbox, name="approvals"),
    path("approvals/<int:pk>/", detail.inbox_detail, name="approval_panel"),
    path("approvals/views/", saved_views.save_view, name="saved_view_save"),
    path("approvals/views/<int:pk>/remove/", saved_views.remove_view, name="saved_view_remove"),
    path("approvals/decide/", bulk_decision.decide_together, name="decide_together"),
    path("review/<int:pk>/", review.review, name="review"),
    path("review/<int:pk>/decide/", review.decide, name="decide"),
    path("review/<int:pk>/records/<int:record>/undo/", review.undo, name="undo"),
    path("review/<int:pk>/records/<int:record>/answer/", review.answer_question, name="answer"),
    path("review/<int:pk>/records/<int:record>/object/", review.object_to_record, name="object"),
    path("review/<int:pk>/chain/", chain.review_chain, name="review_chain"),
    path("review/<int:pk>/timeline/", timeline.review_timeline, name="review_timeline"),
    path("review/<int:pk>/comment/", review.add_comment, name="comment"),
    path("review/<int:pk>/accept/", review.accept, name="accept"),
    path("review/<int:pk>/decline/", review.end, {"name": "decline"}, name="decline"),
    path("review/<int:pk>/withdraw/", review.end, {"name": "withdraw"}, name="withdraw"),
    path("signals/", decision_views.signals, name="signals"),
    path("conflicts/", conflicts.conflict_list, name="conflict_list"),
    path("conflicts/<int:pk>/", conflicts.conflict, name="conflict"),
    path("conflicts/rules/", conflict_rules.rule_list, name="conflict_rules"),
    path("conflicts/new-rule/", rule_edit.propose, name="rule_new"),
    path("conflicts/amend/<int:pk>/", rule_edit.amend, name="rule_amend"),
    path("conflicts/rules/<slug:code>/", conflict_rules.rule, name="conflict_rule"),
    path("conflicts/rules/<slug:code>/propose/", rule_edit.propose, name="rule_propose"),
    path("automations/<int:pk>/waivers/ask/", waiver_views.ask, name="waiver_ask"),
    path("waivers/", waiver_views.waiver_list, name="waiver_list"),
    path("waivers/<int:pk>/", waiver_views.waiver, name="waiver"),
    path("waivers/<int:pk>/withdraw/", waiver_views.withdraw, name="waiver_withdraw"),
    path("waivers/<int:pk>/end/", waiver_views.end, name="waiver_end"),
    path("automations/<int:pk>/stop/", stops.press, {"model": Automation}, "automation_stop"),
    path("identities/<int:pk>/stop/", stops.press, {"model": NonHumanIdentity}, "identity_stop"),
    path("resources/<int:pk>/stop/", stops.press, {"model": Resource}, "resource_stop"),
    path("teams/<int:pk>/stop/", stops.press, {"model": Team}, "team_stop"),
    path("stops/<int:pk>/", stops.stop, name="stop"),
    path("stops/<int:pk>/reason/", stops.explain, name="stop_explain"),
    path("stops/<int:pk>/undo/", stops.undo, name="stop_undo"),
    path("held/", held_batches.batch_list, name="held_batches"),
    path("held/<int:pk>/", held_batches.batch, name="held_batch"),
    path("revocations/", revocation_tasks.revocation_list, name="revocations"),
    path("revocations/<int:pk>/", revocation_tasks.revocation, name="revocation"),
    path("samples/<int:pk>/", light_path_views.sample, name="sample"),
    path("automations/<int:pk>/submissions/", grants.automation_submissions, name="automation_submissions"),
    path("automations/<int:pk>/grants/", grants.automation_grants, name="automation_grants"),
    path("resources/<int:pk>/grants/", grants.resource_grants, name="resource_grants"),
    path("identities/<int:pk>/grants/", grants.identity_grants, name="identity_grants"),
    path("grants/<int:pk>/stop/", stops.press, {"model": Grant}, "grant_stop"),
    path("resources/<int:pk>/propose/", resource_proposals.resource_propose, name="resource_propose"),
    path("policies/", policies.policies, name="policies"),
    path("policies/propose/", policy_edit.policy_propose, name="policy_propose"),
    path("policies/<int:number>/", policies.policy, name="policy"),
    path("proposals/", proposals.proposals, name="proposals"),
    path("proposals/<int:pk>/", proposals.proposal, name="proposal"),
    path("proposals/<int:pk>/answer/", proposals.proposal_answer, name="proposal_answer"),
    path("proposals/<int:pk>/amend/", policy_edit.policy_amend, name="policy_amend"),
]
