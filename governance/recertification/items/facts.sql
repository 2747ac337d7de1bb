-- What the facts of items say about a grant or an automation (`queries.load_facts`, R3), one row an item.
-- A grant that has not ended counts as held (`GrantQuerySet.standing`); only open conflicts and closed reviews count.
-- The keys are materialized, so that the statement has one plan for all: planning it takes longer than running it.
WITH keys AS MATERIALIZED (SELECT %(items)s::bigint[] AS items),
reviewed AS MATERIALIZED (
  SELECT
    item.id AS item, held.id AS held, held.approval_id, held.app_approval_id, held.entitlement_id,
    automation.id AS automation, automation.team_id, automation.created_at
  FROM keys JOIN recertification_item item ON item.id = ANY(keys.items)
  LEFT JOIN approvals_grant held ON held.id = item.grant_id
  JOIN inventory_automation automation ON automation.id = coalesce(item.automation_id, held.automation_id)
)
SELECT
  reviewed.item,
  coalesce((SELECT min(earlier.begins_at) FROM approvals_grant earlier WHERE earlier.approval_id = reviewed.approval_id), reviewed.created_at) AS held_since,
  (
    SELECT origin.asked FROM approvals_approval app JOIN approvals_submission origin ON origin.id = app.submission_id
    WHERE app.id = coalesce(reviewed.app_approval_id, (
      SELECT app_approval_id FROM approvals_submission
      WHERE automation_id = reviewed.automation AND state = 'in_force' ORDER BY id DESC LIMIT 1))
  ) AS asked,
  coalesce((SELECT max(number) FROM inventory_version version WHERE version.automation_id = reviewed.automation), 0) AS newest,
  CASE WHEN reviewed.held IS NULL
    THEN ARRAY(SELECT id FROM approvals_conflict WHERE state = 'open' AND automations @> ARRAY[reviewed.automation] ORDER BY id)
    ELSE ARRAY(SELECT id FROM approvals_conflict WHERE state = 'open' AND grants @> ARRAY[reviewed.held] ORDER BY id)
  END AS conflicts,
  CASE WHEN reviewed.held IS NULL
    THEN EXISTS (SELECT FROM recertification_item closed WHERE closed.automation_id = reviewed.automation AND closed.state = 'closed')
    ELSE EXISTS (
      SELECT FROM approvals_grant same JOIN recertification_item closed ON closed.grant_id = same.id
      WHERE same.approval_id = reviewed.approval_id AND closed.state = 'closed')
  END AS was_reviewed,
  EXISTS (SELECT FROM approvals_grant standing WHERE standing.automation_id = reviewed.automation AND standing.state <> 'ended') AS holds,
  peers.*
FROM reviewed, LATERAL (
  SELECT count(*) AS peers, coalesce(max(cardinality(peer.scope)), 0) AS widest, coalesce(array_agg(DISTINCT peer.level), '{}') AS levels
  FROM approvals_grant peer JOIN inventory_automation other ON other.id = peer.automation_id
  WHERE peer.entitlement_id = reviewed.entitlement_id AND peer.state = 'active'
    AND other.team_id = reviewed.team_id AND other.id <> reviewed.automation
) peers
