-- Rights: the running product writes books and cannot rewrite them
-- depends: 0004-gate

-- migrate: apply

-- Who runs the product takes this role (activities/database.py). It owns nothing. Whoever migrates may not be allowed to
-- make roles: then an administrator makes it and calls grant_to_application().
DO $$
BEGIN
    CREATE ROLE sojourn_app NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'the role sojourn_app is to be made by an administrator; see "Database rights" in docs/production.md';
END $$;

-- Only the owner of the tables may call it; it is called again by each migration that adds a table.
CREATE FUNCTION grant_to_application() RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- Databases older than PostgreSQL 15 let everybody put functions there, which those of the owner could then call.
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sojourn_app') THEN
        RETURN false;
    END IF;
    -- Since PostgreSQL 16 whoever makes a role may give it away, and has to be given it to take it.
    IF NOT pg_has_role(current_user, 'sojourn_app',
                       CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
        BEGIN
            EXECUTE format('GRANT sojourn_app TO %I', current_user);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
    END IF;
    GRANT USAGE ON SCHEMA public TO sojourn_app;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO sojourn_app;

    -- Books: written on, never changed.
    GRANT INSERT ON customer_event, customer_fact, stage_change, consent, opt_out, suppression, risk_assessment, audit, entry_decision,
        template_content, inbox_read, points_ledger, withheld_award, conversion, conversion_reversal, condition_answer,
        arm_assignment, tag_change, template_recall, receipt, brake, touch, touch_judgement, payload_key
        TO sojourn_app;
    -- A record moves forward, and says nothing new of what was decided.
    GRANT UPDATE (outcome, reason, settled_at, provider_id) ON touch TO sojourn_app;
    GRANT UPDATE (released_at) ON brake TO sojourn_app;
    GRANT UPDATE (noted_at) ON payload_key TO sojourn_app;

    -- What is now: a newer truth takes the place of the older one.
    GRANT INSERT, UPDATE ON customer, journey_run, touch_hold, reachability, product, channel_address TO sojourn_app;
    GRANT INSERT, UPDATE, DELETE ON rejected_event TO sojourn_app;
    GRANT INSERT, DELETE ON touch_postponed TO sojourn_app;
    GRANT EXECUTE ON FUNCTION tell_address(text, text, text, boolean), name_at_provider(bigint, text) TO sojourn_app;
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION grant_to_application() FROM PUBLIC;
SELECT grant_to_application();

-- That only an open record is settled is a matter of rights, too, whatever becomes of the trigger.
ALTER TABLE touch ENABLE ROW LEVEL SECURITY;
CREATE POLICY touch_is_read ON touch FOR SELECT USING (true);
CREATE POLICY touch_is_decided ON touch FOR INSERT WITH CHECK (true);
CREATE POLICY touch_is_settled ON touch FOR UPDATE
    USING (outcome IN ('claimed', 'in_doubt')) WITH CHECK (outcome IN ('in_doubt', 'sent', 'failed'));

-- The numbers of gate changes are given out under a lock that the role may not take by itself.
ALTER FUNCTION note_gate_change() SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION note_gate_change() FROM PUBLIC;

-- migrate: rollback
-- Forward only: mend with a new migration.
