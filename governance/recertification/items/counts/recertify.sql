-- The number of `cards.NUMBER`.
SELECT count(DISTINCT ROW(
    coalesce(item.automation_id, held.automation_id),
    coalesce(entitlement.resource_id, credential.kept_in_id, credential.opens_id, CASE WHEN item.automation_id IS NOT NULL THEN 0 END),
    question.asks, question.reviewer_id))
FROM recertification_question question
JOIN recertification_item item ON item.id = question.item_id
LEFT JOIN approvals_grant held ON held.id = item.grant_id
LEFT JOIN inventory_entitlement entitlement ON entitlement.id = held.entitlement_id
LEFT JOIN inventory_credential credential ON credential.id = held.credential_id
WHERE question.reviewer_id = ANY(reader.people) AND question.answered_at IS NULL AND item.state IN ('open', 'escalated')
