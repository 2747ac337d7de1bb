"""Counts of the sidebar: rows of approvals that need the reader. Each counts the tasks that home lists for an entry."""

from governance.web.pages import navigation

_APPROVALS = """
(SELECT count(DISTINCT submission_id) FROM approvals_approval approval
 WHERE state = 'open' AND asked && %(people)s AND EXISTS (
   SELECT 1 FROM unnest(%(people)s) candidate WHERE candidate = ANY(asked) AND NOT EXISTS (
     SELECT 1 FROM approvals_decision decision LEFT JOIN approvals_retraction retraction ON retraction.decision_id = decision.id
     WHERE retraction.id IS NULL AND decision.approval_id = approval.id AND decision.round = approval.round
     AND (decision.person_id IN (candidate, %(me)s) OR decision.for_person_id IN (candidate, %(me)s)))))
+ (SELECT count(*) FROM approvals_sample WHERE state = 'open' AND asked && %(people)s)
"""
_WAIVERS = """
SELECT count(*) FROM approvals_waiver WHERE state = 'asked' AND 'security_reviewer' = ANY(%(roles)s)
AND asked_by_id <> %(me)s AND %(me)s <> ALL(beneficiaries)
"""
_REVOCATIONS = """
SELECT count(*) FROM approvals_revocationtask task WHERE state = 'open' AND asked && %(people)s AND NOT EXISTS (
  SELECT 1 FROM approvals_revocationword word WHERE word.task_id = task.id
  AND (word.person_id = ANY(%(people)s) OR word.for_person_id = ANY(%(people)s)))
"""
_BATCHES = """
SELECT count(*) FROM approvals_heldbatch batch JOIN approvals_endcause cause ON cause.id = batch.cause_id
WHERE state = 'open' AND %(roles)s && ARRAY['security_reviewer', 'admin'] AND cause.person_id IS DISTINCT FROM %(me)s
AND NOT EXISTS (SELECT 1 FROM approvals_batchanswer answer WHERE answer.batch_id = batch.id AND answer.person_id = %(me)s)
"""
_PROPOSALS = """
SELECT count(*) FROM approvals_proposal proposal WHERE lapses_at > %(now)s AND proposed_by_id <> %(me)s AND (
  (state = 'approved' AND appointed_id = %(me)s)
  OR (state IN ('open', 'at_once') AND needs = ANY(%(roles)s) AND %(me)s <> ALL(gains) AND %(me)s <> ALL(loses) AND NOT EXISTS (
    SELECT 1 FROM controls_delegation WHERE (giver_id, taker_id) IN ((%(me)s, proposed_by_id), (proposed_by_id, %(me)s))
    AND (ended_at IS NULL OR ended_at > proposed_at) AND from_at <= %(now)s AND until_at > proposed_at)))
"""


def register() -> None:
    """Register the counts of approvals and of what follows from them."""
    navigation.register_count("approvals", _APPROVALS)
    navigation.register_count("waivers", _WAIVERS)
    navigation.register_count("revocations", _REVOCATIONS)
    navigation.register_count("held", _BATCHES)
    navigation.register_count("proposals", _PROPOSALS)
