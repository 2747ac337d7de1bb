-- H1, H2: tables of recertification whose rows stay on record (the triggers: on_record.sql of governance.core).

CALL keep_append_only(
    'recertification_answer',
    'recertification_joining');

-- The histories.
CALL keep_append_only(
    'recertification_historicalcampaign',
    'recertification_historicalitem',
    'recertification_historicalquestion');

CALL keep_forever(
    'recertification_campaign',
    'recertification_item',
    'recertification_question');
