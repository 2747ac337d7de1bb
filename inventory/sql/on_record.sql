-- H1, H2: tables of inventory whose rows stay on record (the triggers: on_record.sql of governance.core).

CALL keep_append_only(
    'inventory_assessment',
    'inventory_hostconsent',
    'inventory_privilege',
    'inventory_trigger',
    'inventory_version',
    'inventory_versionauthor',
    'inventory_versioncredential',
    'inventory_versionidentity');

-- The histories.
CALL keep_append_only(
    'inventory_historicalbinding',
    'inventory_historicalcredential',
    'inventory_historicalentitlement',
    'inventory_historicalincident',
    'inventory_historicalinterimowner',
    'inventory_historicalnonhumanidentity',
    'inventory_historicalresource',
    'inventory_historicaltransfer');

CALL keep_forever(
    'inventory_automation',
    'inventory_binding',
    'inventory_credential',
    'inventory_entitlement',
    'inventory_finding',
    'inventory_incident',
    'inventory_interimowner',
    'inventory_nonhumanidentity',
    'inventory_resource',
    'inventory_transfer');

CALL keep_from_truncation(
    'inventory_historicalautomation');

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON inventory_historicalautomation
    FOR EACH ROW EXECUTE FUNCTION append_only_but_erasure('escalation_contact');
