-- The open questions of a reviewer as cards (`cards.Card`), with totals over all of them. It says in SQL what
-- `cards.AUTOMATION`, `cards.RESOURCE`, `item.DUE` and `rules.TAKES_BULK_ANSWERS` say; tests compare the two.
-- The reader is materialized, so that the statement has one plan for all: planning it takes longer than running it.
WITH reader AS MATERIALIZED (SELECT %(me)s::bigint AS me, %(people)s::bigint[] AS people)
SELECT * FROM (
  SELECT *, count(*) OVER () AS total, sum(done) OVER ()::int AS done_total, sum(drafted) OVER ()::int AS drafted_total FROM (
    SELECT
      automation.id AS automation,
      coalesce(resource.id, CASE WHEN item.automation_id IS NOT NULL THEN 0 END) AS resource,
      question.asks,
      question.reviewer_id AS reviewer,
      automation.name AS automation_name,
      coalesce(resource.name, '') AS resource_name,
      reviewer.name AS reviewer_name,
      min(question.id) AS first,
      min(question.item_id) AS first_item,
      count(*) AS count,
      count(*) FILTER (WHERE draft.person_id = reader.me) AS drafted,
      count(*) FILTER (WHERE held.tier = 'low' AND held.raised_to = '') AS low,
      count(*) FILTER (WHERE item.state = 'escalated') AS escalated,
      min(item.opened_at) AS opened_at,
      min(CASE item.state WHEN 'escalated' THEN item.grace_until ELSE item.deadline END) AS deadline,
      coalesce(min(held.sentence), '') AS sentence,
      min(CASE WHEN held.id IS NULL THEN '' WHEN held.entitlement_id IS NULL THEN 'secret' ELSE held.level END) AS level,
      coalesce(array_agg(DISTINCT draft.answer) FILTER (WHERE draft.person_id = reader.me), '{}') AS answers,
      (count(*) = count(*) FILTER (WHERE draft.person_id = reader.me))::int AS done
    FROM reader
    JOIN recertification_question question ON question.reviewer_id = ANY(reader.people) AND question.answered_at IS NULL
    JOIN recertification_item item ON item.id = question.item_id
    JOIN controls_person reviewer ON reviewer.id = question.reviewer_id
    LEFT JOIN recertification_draft draft ON draft.question_id = question.id
    LEFT JOIN approvals_grant held ON held.id = item.grant_id
    JOIN inventory_automation automation ON automation.id = coalesce(item.automation_id, held.automation_id)
    LEFT JOIN inventory_entitlement entitlement ON entitlement.id = held.entitlement_id
    LEFT JOIN inventory_credential credential ON credential.id = held.credential_id
    LEFT JOIN inventory_resource resource
      ON resource.id = coalesce(entitlement.resource_id, credential.kept_in_id, credential.opens_id)
    WHERE item.state IN ('open', 'escalated')
    GROUP BY 1, 2, 3, 4, 5, 6, 7
  ) grouped
) card
WHERE (done, deadline, first) > (%(done)s, %(deadline)s, %(first)s)
ORDER BY done, deadline, first
LIMIT %(most)s
