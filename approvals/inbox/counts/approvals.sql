(SELECT count(DISTINCT submission_id) FROM approvals_approval approval
 WHERE state = 'open' AND asked && reader.people AND EXISTS (
   SELECT 1 FROM unnest(reader.people) candidate WHERE candidate = ANY(asked) AND NOT EXISTS (
     SELECT 1 FROM approvals_decision decision LEFT JOIN approvals_retraction retraction ON retraction.decision_id = decision.id
     WHERE retraction.id IS NULL AND decision.approval_id = approval.id AND decision.round = approval.round
     AND (decision.person_id IN (candidate, reader.me) OR decision.for_person_id IN (candidate, reader.me)))))
+ (SELECT count(*) FROM approvals_sample WHERE state = 'open' AND asked && reader.people)
