"""Counts of the sidebar: rows of approvals that need the reader. Each counts the tasks that home lists for an entry."""

from governance.web.pages import navigation

_APPROVALS = """
(SELECT count(DISTINCT submission_id) FROM approvals_approval approval
 WHERE state = 'open' AND asked && reader.people AND EXISTS (
   SELECT 1 FROM unnest(reader.people) candidate WHERE candidate = ANY(asked) AND NOT EXISTS (
     SELECT 1 FROM approvals_decision decision LEFT JOIN approvals_retraction retraction ON retraction.decision_id = decision.id
     WHERE retraction.id IS NULL AND decision.approval_id = approval.id AND decision.round = approval.round
     AND (decision.person_id IN (candidate, reader.me) OR decision.for_person_id IN (candidate, reader.me)))))
+ (SELECT count(*) FROM approvals_sample WHERE state = 'open' AND asked && reader.people)
"""
_WAIVERS = """
SELECT count(*) FROM approvals_waiver WHERE state = 'asked' AND 'security_reviewer' = ANY(reader.roles)
AND asked_by_id <> reader.me AND reader.me <> ALL(beneficiaries)
"""
_REVOCATIONS = """
SELECT count(*) FROM approvals_revocationtask task WHERE state = 'open' AND asked && reader.people AND NOT EXISTS (
  SELECT 1 FROM approvals_revocationword word WHERE word.task_id = task.id
  AND (word.person_id = ANY(reader.people) OR word.for_person_id = ANY(reader.people)))
"""
_BATCHES = """
SELECT count(*) FROM approvals_heldbatch batch JOIN approvals_endcause cause ON cause.id = batch.cause_id
WHERE state = 'open' AND reader.roles && ARRAY['security_reviewer', 'admin'] AND cause.person_id IS DISTINCT FROM reader.me
AND NOT EXISTS (SELECT 1 FROM approvals_batchanswer answer WHERE answer.batch_id = batch.id AND answer.person_id = reader.me)
"""
_PROPOSALS = """
SELECT count(*) FROM approvals_proposal proposal WHERE lapses_at > reader.now AND proposed_by_id <> reader.me AND (
  (state = 'approved' AND appointed_id = reader.me)
  OR (state IN ('open', 'at_once') AND needs = ANY(reader.roles) AND reader.me <> ALL(gains) AND reader.me <> ALL(loses) AND NOT EXISTS (
    SELECT 1 FROM controls_delegation WHERE (giver_id, taker_id) IN ((reader.me, proposed_by_id), (proposed_by_id, reader.me))
    AND (ended_at IS NULL OR ended_at > proposed_at) AND from_at <= reader.now AND until_at > proposed_at)))
"""


def register() -> None:
    """Register the counts of approvals and of what follows from them."""
    navigation.register_count("approvals", _APPROVALS)
    navigation.register_count("waivers", _WAIVERS)
    navigation.register_count("revocations", _REVOCATIONS)
    navigation.register_count("held", _BATCHES)
    navigation.register_count("proposals", _PROPOSALS)
