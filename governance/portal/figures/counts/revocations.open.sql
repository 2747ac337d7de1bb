-- Of the organisation, for readers of the whole register; a delegate sees none.
SELECT coalesce(sum(value), 0) FROM portal_figure
WHERE team_id IS NULL AND day = (SELECT max(day) FROM portal_figure) AND name IN ('removals.24', 'removals.48', 'removals.older')
AND reader.people = ARRAY[reader.me] AND reader.roles && ARRAY['security_reviewer', 'auditor', 'admin', 'on_call']
