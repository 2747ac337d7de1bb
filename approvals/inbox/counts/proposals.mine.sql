SELECT count(*) FROM approvals_proposal WHERE lapses_at > reader.now AND proposed_by_id = reader.me AND state IN ('open', 'at_once', 'approved')
