SELECT count(*) FROM approvals_waiver WHERE state = 'asked' AND 'security_reviewer' = ANY(reader.roles)
AND asked_by_id <> reader.me AND reader.me <> ALL(beneficiaries)
