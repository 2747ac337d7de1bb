SELECT count(*) FROM approvals_waiver WHERE state = 'asked' AND asked_by_id = reader.me
