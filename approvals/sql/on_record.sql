-- H1, H2: tables of approvals whose rows stay on record (the triggers: on_record.sql of governance.core).

CALL keep_append_only(
    'approvals_batchanswer',
    'approvals_candidate',
    'approvals_carrieddecision',
    'approvals_conflictrule',
    'approvals_conflictsignature',
    'approvals_decision',
    'approvals_decisionperson',
    'approvals_endcause',
    'approvals_heldgrant',
    'approvals_letthrough',
    'approvals_likeness',
    'approvals_likenessanswer',
    'approvals_party',
    'approvals_policyversion',
    'approvals_retraction',
    'approvals_revocationword',
    'approvals_seat');

-- The histories.
CALL keep_append_only(
    'approvals_historicalapproval',
    'approvals_historicalcomment',
    'approvals_historicalconflict',
    'approvals_historicalgrant',
    'approvals_historicalheldbatch',
    'approvals_historicalproposal',
    'approvals_historicalrevocationtask',
    'approvals_historicalsample',
    'approvals_historicalsubmission',
    'approvals_historicalwaiver');

CALL keep_forever(
    'approvals_approval',
    'approvals_comment',
    'approvals_conflict',
    'approvals_grant',
    'approvals_heldbatch',
    'approvals_proposal',
    'approvals_revocationtask',
    'approvals_sample',
    'approvals_submission',
    'approvals_waiver',
    'approvals_whatif');
