"""Addresses of review and decision."""

from __future__ import annotations

from django.urls import path

from approvals.views import (
    desk_part,
    desk_views,
    pairs,
    panels,
    policies,
    policy_edit,
    proposals,
    queue,
    resource_proposals,
    review,
    samples,
    stopping,
    together,
)

urlpatterns = [
    path("desk/", queue.desk, name="desk"),
    path("desk/<int:pk>/", desk_part.desk_part, name="desk_part"),
    path("desk/views/", desk_views.save_view, name="desk_view_save"),
    path("desk/views/<int:pk>/remove/", desk_views.remove_view, name="desk_view_remove"),
    path("desk/decide/", together.decide_together, name="decide_together"),
    path("review/<int:pk>/", review.review, name="review"),
    path("review/<int:pk>/records/<int:record>/", review.decide, name="decide"),
    path("review/<int:pk>/records/<int:record>/undo/", review.undo, name="undo"),
    path("review/<int:pk>/records/<int:record>/answer/", review.answer_question, name="answer"),
    path("review/<int:pk>/records/<int:record>/object/", review.object_to_record, name="object"),
    path("review/<int:pk>/comment/", review.say, name="comment"),
    path("review/<int:pk>/accept/", review.accept, name="accept"),
    path("review/<int:pk>/decline/", review.decline_rest, name="decline"),
    path("review/<int:pk>/withdraw/", review.take_back, name="withdraw"),
    path("signals/", pairs.signals, name="signals"),
    path("samples/<int:pk>/", samples.sample, name="sample"),
    path("automations/<int:pk>/submissions/", panels.automation_submissions, name="automation_submissions"),
    path("automations/<int:pk>/grants/", panels.automation_grants, name="automation_grants"),
    path("resources/<int:pk>/grants/", panels.resource_grants, name="resource_grants"),
    path("identities/<int:pk>/grants/", panels.identity_grants, name="identity_grants"),
    path("grants/<int:pk>/stop/", stopping.stop_grant, name="grant_stop"),
    path("resources/<int:pk>/propose/", resource_proposals.resource_propose, name="resource_propose"),
    path("policies/", policies.policies, name="policies"),
    path("policies/propose/", policy_edit.policy_propose, name="policy_propose"),
    path("policies/schema/", policies.policy_schema, name="policy_schema"),
    path("policies/<int:number>/", policies.policy, name="policy"),
    path("proposals/", proposals.proposals, name="proposals"),
    path("proposals/<int:pk>/", proposals.proposal, name="proposal"),
    path("proposals/<int:pk>/answer/", proposals.proposal_answer, name="proposal_answer"),
    path("proposals/<int:pk>/amend/", policy_edit.policy_amend, name="policy_amend"),
]
