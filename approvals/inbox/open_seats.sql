-- The candidates of the open seats of submissions, by stage, approval and seat, then in the order of asking.
-- In SQL: building it from models took longer than answering it. Decisions and carried decisions are two conditions, so that each
-- uses an index by approval.
SELECT approval.submission_id, approval.id, seat.id, seat.label, approval.due_at,
person.id, person.name, GREATEST(candidate.at, approval.opened_at)
FROM approvals_approval approval
JOIN approvals_submission submission ON submission.id = approval.submission_id
JOIN approvals_seat seat ON seat.approval_id = approval.id
JOIN approvals_candidate candidate ON candidate.seat_id = seat.id
JOIN controls_person person ON person.id = candidate.person_id
WHERE approval.submission_id = ANY(%(submissions)s) AND approval.state = 'open' AND person.is_active AND person.left_at IS NULL
AND NOT EXISTS (
    SELECT FROM approvals_decision decision JOIN approvals_seat filled ON filled.id = decision.seat_id
    LEFT JOIN approvals_retraction retraction ON retraction.decision_id = decision.id
    WHERE decision.approval_id = approval.id AND decision.round = approval.round AND decision.outcome = 'approve' AND retraction.id IS NULL
    AND (filled.label = seat.label OR decision.person_id = person.id OR decision.for_person_id = person.id))
AND NOT EXISTS (
    SELECT FROM approvals_carrieddecision carried JOIN approvals_decision decision ON decision.id = carried.decision_id
    JOIN approvals_seat filled ON filled.id = decision.seat_id
    LEFT JOIN approvals_retraction retraction ON retraction.decision_id = decision.id
    WHERE carried.approval_id = approval.id AND carried.round = approval.round AND decision.outcome = 'approve' AND retraction.id IS NULL
    AND (filled.label = seat.label OR decision.person_id = person.id OR decision.for_person_id = person.id))
AND NOT EXISTS (
    SELECT FROM approvals_party party WHERE party.submission_id = approval.submission_id AND party.person_id = person.id)
AND NOT EXISTS (
    SELECT FROM approvals_decisionperson decider
    WHERE decider.submission_id = approval.submission_id AND decider.person_id = person.id AND decider.stage <> approval.stage)
AND NOT (approval.stage = 2 AND EXISTS (
    SELECT FROM approvals_decisionperson decider JOIN approvals_decision decision ON decision.id = decider.decision_id
    WHERE decision.approval_id = submission.app_approval_id AND decider.person_id = person.id))
ORDER BY approval.stage, approval.id, seat.id, candidate."order", candidate.id
