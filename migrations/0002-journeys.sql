-- Journeys: who entered and who did not, what was sent and what was not, points, conversions, brakes
-- depends: 0001-customers

-- migrate: apply

-- One row for every decision on entry, entered or refused with the reason.
CREATE TABLE entry_decision (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    cause       text NOT NULL,
    at          timestamptz NOT NULL,
    version     integer NOT NULL,
    definition  text NOT NULL,
    entry       integer NOT NULL DEFAULT 0,
    refused     text NOT NULL DEFAULT '',
    decided_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, cause),
    CHECK ((entry > 0) = (refused = ''))
);

CREATE TABLE journey_run (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    entry       integer NOT NULL CHECK (entry > 0),
    version     integer NOT NULL,
    definition  text NOT NULL,
    entered_at  timestamptz NOT NULL,
    goal_event  text,
    goal_until  timestamptz,
    exit_events text[] NOT NULL DEFAULT '{}',
    ended_at    timestamptz,
    outcome     text,
    PRIMARY KEY (customer_id, journey, entry),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
-- One run of a journey at a time.
CREATE UNIQUE INDEX journey_run_open ON journey_run (customer_id, journey) WHERE ended_at IS NULL;

-- Every text ever sent, once, by the hash of its template.
CREATE TABLE template_content (
    content_hash text PRIMARY KEY,
    template     text NOT NULL,
    content      jsonb NOT NULL,
    first_seen   timestamptz NOT NULL DEFAULT now()
);

-- One decision record for every planned touch, sent or not. A record only moves forward:
-- claimed -> in_doubt -> sent or failed; withheld from the start.
CREATE TABLE touch (
    touch_id     bigint GENERATED ALWAYS AS IDENTITY,
    customer_id  text NOT NULL REFERENCES customer,
    journey      text NOT NULL,
    entry        integer NOT NULL,
    step         text NOT NULL,
    occurrence   integer NOT NULL DEFAULT 1,
    definition   text NOT NULL,
    template     text NOT NULL,
    content_hash text NOT NULL REFERENCES template_content,
    message_class text NOT NULL,
    channel      text NOT NULL,
    language     text NOT NULL,
    variables    jsonb NOT NULL DEFAULT '{}',
    approval     text,
    planned_at   timestamptz NOT NULL,
    judged_at    timestamptz NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('claimed', 'in_doubt', 'sent', 'failed', 'withheld')),
    reason       text NOT NULL DEFAULT '',
    facts        jsonb NOT NULL,
    verdicts     jsonb NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    settled_at   timestamptz,
    PRIMARY KEY (customer_id, journey, entry, step, occurrence),
    FOREIGN KEY (customer_id, journey, entry) REFERENCES journey_run
);
CREATE UNIQUE INDEX touch_by_id ON touch (touch_id);
CREATE INDEX touch_inbox ON touch (customer_id, settled_at DESC) WHERE channel = 'inbox' AND outcome = 'sent';

CREATE FUNCTION touch_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome = 'claimed' AND NEW.outcome IN ('in_doubt', 'sent', 'failed')
        OR OLD.outcome = 'in_doubt' AND NEW.outcome IN ('sent', 'failed') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a touch that is % does not become %', OLD.outcome, NEW.outcome;
END $$;
CREATE TRIGGER moves_forward BEFORE UPDATE ON touch FOR EACH ROW EXECUTE FUNCTION touch_moves_forward();
CREATE TRIGGER append_only BEFORE DELETE ON touch FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entry_decision FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON template_content FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE inbox_read (
    touch_id bigint PRIMARY KEY REFERENCES touch (touch_id),
    read_at  timestamptz NOT NULL DEFAULT now()
);

-- The points ledger: balance = sum. One row for each step of a run, however often it is written.
CREATE TABLE points_ledger (
    ledger_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer,
    amount      integer NOT NULL CHECK (amount <> 0),
    reason      text NOT NULL,
    at          timestamptz NOT NULL,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    step        text NOT NULL,
    occurrence  integer NOT NULL DEFAULT 1,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (customer_id, journey, entry, step, occurrence)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON points_ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A goal reached in its window: once for a run. `credited` marks the one run that an event is credited to.
CREATE TABLE conversion (
    customer_id text NOT NULL,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    event_id    text NOT NULL,
    occurred_at timestamptz NOT NULL,
    step        text,
    credited    boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry),
    FOREIGN KEY (customer_id, journey, entry) REFERENCES journey_run
);
CREATE UNIQUE INDEX conversion_credit ON conversion (customer_id, event_id) WHERE credited;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON conversion FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The stop button. A brake is on until it is released; an empty column stands for all.
CREATE TABLE brake (
    brake_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode        text NOT NULL CHECK (mode IN ('hold', 'drop')),
    reason      text NOT NULL CHECK (reason <> ''),
    journey     text,
    template    text,
    channel     text,
    set_by      text NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz
);
CREATE INDEX brake_on ON brake (set_at) WHERE released_at IS NULL;

-- migrate: rollback
-- Forward only: mend with a new migration.
