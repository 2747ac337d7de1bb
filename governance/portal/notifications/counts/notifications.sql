-- Unread notices, for the bell.
SELECT count(*) FROM controls_notice notice
WHERE notice.recipient_id = reader.me AND notice.read_at IS NULL AND notice.event <> 'digest'
    AND notice.created_at > reader.now - interval '30 days'
