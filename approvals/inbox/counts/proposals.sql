SELECT count(*) FROM approvals_proposal proposal WHERE lapses_at > reader.now AND proposed_by_id <> reader.me AND (
  (state = 'approved' AND appointed_id = reader.me)
  OR (state IN ('open', 'at_once') AND needs = ANY(reader.roles) AND reader.me <> ALL(gains) AND reader.me <> ALL(loses) AND NOT EXISTS (
    SELECT 1 FROM controls_delegation WHERE (giver_id, taker_id) IN ((reader.me, proposed_by_id), (proposed_by_id, reader.me))
    AND (ended_at IS NULL OR ended_at > proposed_at) AND from_at <= reader.now AND until_at > proposed_at)))
