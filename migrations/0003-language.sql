-- The whole journey language: keys, control arms, pauses, tags, branches, arms, commands, reversals
-- depends: 0002-journeys

-- migrate: apply

-- A keyed journey has one open run for each key; '' is the key of a journey without one.
ALTER TABLE journey_run
    ADD COLUMN key text NOT NULL DEFAULT '',
    ADD COLUMN control boolean NOT NULL DEFAULT false,
    ADD COLUMN priority integer NOT NULL DEFAULT 50,
    -- The number of the event that led to the entry: of the same instant, only events after it count for the run.
    ADD COLUMN caused_by bigint,
    ADD COLUMN goal_where jsonb,
    ADD COLUMN paused_at timestamptz;
DROP INDEX journey_run_open;
CREATE UNIQUE INDEX journey_run_open ON journey_run (customer_id, journey, key) WHERE ended_at IS NULL;
CREATE INDEX journey_run_by_journey ON journey_run (journey, version) WHERE ended_at IS NULL;

ALTER TABLE entry_decision
    ADD COLUMN key text NOT NULL DEFAULT '',
    ADD COLUMN control boolean NOT NULL DEFAULT false,
    ADD COLUMN displaced jsonb,
    ADD COLUMN inputs jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN offer_again_until timestamptz,
    ADD COLUMN caused_by bigint,
    ADD COLUMN decision_id bigint GENERATED ALWAYS AS IDENTITY;

ALTER TABLE touch ADD COLUMN product text;

-- Which way a `when` or a `repeat` went, and what it looked at. `holds` is the place of the first condition that
-- held, from 0; none if none did.
CREATE TABLE condition_answer (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    step        text NOT NULL,
    occurrence  integer NOT NULL,
    at          timestamptz NOT NULL,
    holds       integer,
    inputs      jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry, step, occurrence)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON condition_answer FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE arm_assignment (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    step        text NOT NULL,
    occurrence  integer NOT NULL,
    split       text NOT NULL,
    arm         text NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry, step, occurrence)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON arm_assignment FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Tags that journeys gave or took away; what a customer has now stands in customer.tags.
CREATE TABLE tag_change (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    step        text NOT NULL,
    occurrence  integer NOT NULL,
    tag         text NOT NULL,
    present     boolean NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry, step, occurrence)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tag_change FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a customer of a control arm would have been given.
CREATE TABLE withheld_award (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    step        text NOT NULL,
    occurrence  integer NOT NULL,
    amount      integer NOT NULL CHECK (amount > 0),
    reason      text NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry, step, occurrence)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON withheld_award FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A run whose goal was undone may reach it again, by another event.
ALTER TABLE conversion DROP CONSTRAINT conversion_pkey, ADD PRIMARY KEY (customer_id, journey, entry, event_id);

-- An event that undid a goal, as a deposit that was sent back: the conversion by the event `converted_by` stands, and
-- this row takes it away.
CREATE TABLE conversion_reversal (
    customer_id  text NOT NULL,
    journey      text NOT NULL,
    entry        integer NOT NULL,
    converted_by text NOT NULL,
    event_id     text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry, converted_by),
    FOREIGN KEY (customer_id, journey, entry, converted_by) REFERENCES conversion (customer_id, journey, entry, event_id)
);
-- The conversions that count: one for a run at most.
CREATE VIEW standing_conversion AS
    SELECT conversion.* FROM conversion
    WHERE NOT EXISTS (SELECT FROM conversion_reversal AS undone
                      WHERE (undone.customer_id, undone.journey, undone.entry, undone.converted_by)
                          = (conversion.customer_id, conversion.journey, conversion.entry, conversion.event_id));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON conversion_reversal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A command that comes twice is written down once.
ALTER TABLE audit ADD COLUMN command_id text;
CREATE UNIQUE INDEX audit_by_command ON audit (subject, command_id) WHERE command_id IS NOT NULL;

-- migrate: rollback
-- Forward only: mend with a new migration.
