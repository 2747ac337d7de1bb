SELECT count(*) FROM approvals_heldbatch batch JOIN approvals_endcause cause ON cause.id = batch.cause_id
WHERE state = 'open' AND reader.roles && ARRAY['security_reviewer', 'admin'] AND cause.person_id IS DISTINCT FROM reader.me
AND NOT EXISTS (SELECT 1 FROM approvals_batchanswer answer WHERE answer.batch_id = batch.id AND answer.person_id = reader.me)
