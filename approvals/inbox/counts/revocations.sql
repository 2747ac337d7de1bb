SELECT count(*) FROM approvals_revocationtask task WHERE state = 'open' AND asked && reader.people AND NOT EXISTS (
  SELECT 1 FROM approvals_revocationword word WHERE word.task_id = task.id
  AND (word.person_id = ANY(reader.people) OR word.for_person_id = ANY(reader.people)))
