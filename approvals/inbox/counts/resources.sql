SELECT count(*) FROM inventory_resource resource LEFT JOIN controls_person answering ON answering.id = coalesce(named_owner_id, owner_id)
WHERE state = 'proposed' AND NOT unresolved AND CASE
  WHEN answering.id IS NULL OR answering.left_at IS NOT NULL OR NOT answering.is_active THEN 'admin' = ANY(reader.roles)
  WHEN named_owner_id IS NOT NULL THEN named_owner_id = reader.me
  WHEN data_class = '' THEN owner_id = reader.me
  ELSE 'admin' = ANY(reader.roles) AND reader.me <> ALL(array_remove(ARRAY[owner_id, deputy_id, proposed_by_id, classed_by_id, (
    SELECT was.named_by_id FROM inventory_historicalresource was WHERE was.id = resource.id AND was.named_by_id IS NOT NULL
    ORDER BY history_id DESC LIMIT 1)], NULL)) END
