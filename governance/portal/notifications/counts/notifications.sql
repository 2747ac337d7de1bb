-- Unread notices, for the bell; those that say the same count once.
SELECT count(DISTINCT (notice.thread, notice.event, notice.context -> 'page', notice.context -> 'what')) FROM controls_notice notice
WHERE notice.recipient_id = reader.me AND notice.read_at IS NULL AND notice.event <> 'digest'
    AND notice.created_at > reader.now - interval '30 days'
