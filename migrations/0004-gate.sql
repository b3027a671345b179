-- The gate: who a customer is to the law, products, recalled templates, held touches, addresses, receipts
-- depends: 0003-language

-- migrate: apply

-- The suitability assessment (compliance.md): class C1 to C5, in C1 the lowest sub-class, when it was made and until
-- when it holds; what the customer wants to invest in and for how long.
ALTER TABLE customer
    ADD COLUMN lowest_class boolean NOT NULL DEFAULT false,
    ADD COLUMN professional boolean NOT NULL DEFAULT false,
    ADD COLUMN assessed_at timestamptz,
    ADD COLUMN assessed_until timestamptz,
    ADD COLUMN longest_term interval,
    ADD COLUMN product_types text[] NOT NULL DEFAULT '{}',
    ADD COLUMN personalised boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT lowest_class_is_of_c1 CHECK (NOT lowest_class OR risk_class = 'C1');

-- Each assessment, and whatever else was found out of an investor; a null is what was not asked. The latest of each
-- counts, at one instant the most cautious; `customer` has what stands. One that is not dated counts from when it was
-- written down; its class only as long as no dated one is on record, and no product is shown on it.
CREATE TABLE risk_assessment (
    assessment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   text NOT NULL REFERENCES customer,
    at            timestamptz NOT NULL,
    dated         boolean NOT NULL,
    risk_class    text CHECK (risk_class IN ('C1', 'C2', 'C3', 'C4', 'C5')),
    lowest_class  boolean NOT NULL DEFAULT false CHECK (NOT lowest_class OR risk_class = 'C1'),
    valid_until   timestamptz,
    professional  boolean,
    longest_term  interval,
    product_types text[],
    source        text NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (customer_id, at, dated, risk_class, lowest_class, valid_until, professional,
                               longest_term, product_types)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON risk_assessment
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
INSERT INTO risk_assessment (customer_id, at, dated, risk_class, source)
SELECT customer_id, created_at, false, risk_class, 'before 0004' FROM customer WHERE risk_class IS NOT NULL;

-- Who a customer is to the law as of a time. Of whom no assessment is on record, what the row says.
CREATE FUNCTION investor_at(who text, as_of timestamptz)
RETURNS TABLE (risk_class text, lowest_class boolean, assessed_at timestamptz, assessed_until timestamptz,
               professional boolean, longest_term interval, product_types text[])
LANGUAGE sql STABLE AS $$
    SELECT class.risk_class, coalesce(class.lowest_class, false), class.assessed_at, class.valid_until,
           coalesce(standing.professional, false), term.longest_term, coalesce(kinds.product_types, '{}')
    FROM (SELECT WHERE EXISTS (SELECT FROM risk_assessment WHERE customer_id = who)) AS known
    LEFT JOIN LATERAL (
        SELECT one.risk_class, one.lowest_class, CASE WHEN one.dated THEN one.at END AS assessed_at,
               CASE WHEN one.dated THEN one.valid_until END AS valid_until
        FROM risk_assessment AS one
        WHERE one.customer_id = who AND one.risk_class IS NOT NULL AND (one.at <= as_of OR NOT one.dated)
        ORDER BY one.dated DESC, one.at DESC, one.risk_class, one.lowest_class DESC, one.valid_until LIMIT 1
    ) AS class ON true
    LEFT JOIN LATERAL (
        SELECT one.professional FROM risk_assessment AS one
        WHERE one.customer_id = who AND one.professional IS NOT NULL AND (one.at <= as_of OR NOT one.dated)
        ORDER BY one.at DESC, one.professional LIMIT 1
    ) AS standing ON true
    LEFT JOIN LATERAL (
        SELECT one.longest_term FROM risk_assessment AS one
        WHERE one.customer_id = who AND one.longest_term IS NOT NULL AND (one.at <= as_of OR NOT one.dated)
        ORDER BY one.at DESC, one.longest_term LIMIT 1
    ) AS term ON true
    LEFT JOIN LATERAL (
        SELECT one.product_types FROM risk_assessment AS one
        WHERE one.customer_id = who AND one.product_types IS NOT NULL AND (one.at <= as_of OR NOT one.dated)
        ORDER BY one.at DESC, one.product_types = '{}', one.product_types COLLATE "C" LIMIT 1
    ) AS kinds ON true
    UNION ALL
    SELECT customer.risk_class, customer.lowest_class, customer.assessed_at, customer.assessed_until,
           customer.professional, customer.longest_term, customer.product_types
    FROM customer
    WHERE customer.customer_id = who
      AND NOT EXISTS (SELECT FROM risk_assessment WHERE risk_assessment.customer_id = who)
$$;

-- At one instant a refusal and its lifting may both be on record: then the refusal counts.
ALTER TABLE consent DROP CONSTRAINT consent_pkey, ADD PRIMARY KEY (customer_id, message_class, channel, at, given);
ALTER TABLE opt_out DROP CONSTRAINT opt_out_pkey, ADD PRIMARY KEY (customer_id, scope, at, active);

-- Nobody is sent anything while a suppression of theirs is active; the latest row of a reason counts.
CREATE TABLE suppression (
    customer_id text NOT NULL REFERENCES customer,
    reason      text NOT NULL CHECK (reason IN ('complaint', 'deceased', 'closed', 'legal')),
    active      boolean NOT NULL,
    source      text NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, reason, at, active)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON suppression FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE product (
    product_id   text PRIMARY KEY CHECK (product_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name         text NOT NULL,
    risk_level   text NOT NULL CHECK (risk_level IN ('R1', 'R2', 'R3', 'R4', 'R5')),
    product_type text NOT NULL,
    term         interval,
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_until > valid_from)
);

-- A text that must not leave any more, by its name and, if not all its versions, by its content.
CREATE TABLE template_recall (
    recall_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    template     text NOT NULL,
    content_hash text,
    reason       text NOT NULL CHECK (reason <> ''),
    recalled_by  text NOT NULL,
    recalled_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON template_recall FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What the gates look at beside the customer (brakes, recalls, products): a row for each change, so that a claim can
-- see that what it was judged on still holds.
CREATE TABLE gate_change (
    change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what       text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION note_gate_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One after the other: a number must not become visible after a higher one.
    LOCK TABLE gate_change IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO gate_change (what) VALUES (TG_TABLE_NAME);
    RETURN NULL;
END $$;
-- The latest as of the call, also in a statement that began before it: a volatile function sees what is committed.
CREATE FUNCTION latest_gate_change() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(max(change_id), 0) FROM gate_change
$$;
CREATE TRIGGER gate_changes AFTER INSERT ON brake FOR EACH STATEMENT EXECUTE FUNCTION note_gate_change();
CREATE TRIGGER gate_changes AFTER INSERT ON template_recall FOR EACH STATEMENT EXECUTE FUNCTION note_gate_change();
CREATE TRIGGER gate_changes AFTER INSERT OR UPDATE OR DELETE ON product
    FOR EACH STATEMENT EXECUTE FUNCTION note_gate_change();

-- A touch that a gate keeps back for a while: not decided yet, so no record of it stands in `touch`. One row for each
-- reason on each channel; it moves with every look at it.
CREATE TABLE touch_hold (
    customer_id text NOT NULL REFERENCES customer,
    journey     text NOT NULL,
    entry       integer NOT NULL,
    step        text NOT NULL,
    occurrence  integer NOT NULL,
    channel     text NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    template    text NOT NULL,
    planned_at  timestamptz NOT NULL,
    held_at     timestamptz NOT NULL,
    looked_at   timestamptz NOT NULL,
    held_until  timestamptz NOT NULL,
    looks       integer NOT NULL DEFAULT 1,
    planned     jsonb NOT NULL DEFAULT '{}',
    facts       jsonb NOT NULL,
    verdicts    jsonb NOT NULL,
    PRIMARY KEY (customer_id, journey, entry, step, occurrence, channel, reason),
    FOREIGN KEY (customer_id, journey, entry) REFERENCES journey_run
);

-- Where a channel finds a customer, when the customer's id is not enough: an openid, the app's registration ids.
CREATE TABLE channel_address (
    customer_id text NOT NULL REFERENCES customer,
    channel     text NOT NULL,
    address     text NOT NULL CHECK (address <> ''),
    active      boolean NOT NULL DEFAULT true,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, channel, address)
);
CREATE INDEX channel_address_active ON channel_address (customer_id, channel) WHERE active;

-- Whoever writes an address: the gates judge anew. One that is told later than the customer was lost opens the channel.
-- Of this and of every function that runs as the owner: where tables are looked for is pinned, temporary ones last, and
-- nobody may call it who was not given that. Else a login could plant a table, and triggers of its own with it.
CREATE FUNCTION note_address() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE customer SET version = version + 1 WHERE customer_id = NEW.customer_id;
    UPDATE reachability SET reachable = true, at = NEW.at
    WHERE customer_id = NEW.customer_id AND channel = NEW.channel AND NEW.active AND NOT reachable AND at < NEW.at;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION note_address() FROM PUBLIC;
CREATE TRIGGER addresses AFTER INSERT OR UPDATE ON channel_address FOR EACH ROW EXECUTE FUNCTION note_address();

-- How a backend tells an address, or with `is_active` false that it is gone. The customer is locked first, as by everybody
-- who writes about one: a statement that locked the address first could wait for an import that waits for it.
-- What it refuses it does not quote: errors stand in logs. A number is what activities/customers.py takes for one.
CREATE FUNCTION tell_address(who text, by_channel text, told text, is_active boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (by_channel IN ('app_push', 'wechat')) IS NOT TRUE THEN
        RAISE EXCEPTION 'such a channel has no addresses: only app_push and wechat have'
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF (length(told) BETWEEN 1 AND 256) IS NOT TRUE THEN
        RAISE EXCEPTION 'an address has 1 to 256 characters' USING ERRCODE = 'invalid_parameter_value';
    ELSIF told ~ '^[0-9+._-]+$'
        AND told ~ '(?<![0-9])((0[._-]*0[._-]*)?8[._-]*6[._-]*)?1[._-]*[3-9]([._-]*[0-9]){9}(?![0-9])' THEN
        RAISE EXCEPTION 'this looks like a phone number: Sojourn keeps none' USING ERRCODE = 'invalid_parameter_value';
    ELSIF is_active IS NULL THEN
        RAISE EXCEPTION 'say whether the address is active' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM customer WHERE customer_id = who FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such customer: load it first, with starter.py customers'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    -- Not now(): whoever has waited for the lock is the later one.
    INSERT INTO channel_address (customer_id, channel, address, active, at)
    VALUES (who, by_channel, told, is_active, clock_timestamp())
    ON CONFLICT (customer_id, channel, address) DO UPDATE SET active = excluded.active, at = excluded.at;
END $$;
REVOKE EXECUTE ON FUNCTION tell_address(text, text, text, boolean) FROM PUBLIC;

-- A claimed touch that no provider has taken so far, for certain: it may be handed over again, however short a while
-- the channel remembers a key. The row goes before a provider is asked again.
CREATE TABLE touch_postponed (
    customer_id  text NOT NULL,
    journey      text NOT NULL,
    entry        integer NOT NULL,
    step         text NOT NULL,
    occurrence   integer NOT NULL,
    reason       text NOT NULL,
    postponed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, journey, entry, step, occurrence),
    FOREIGN KEY (customer_id, journey, entry, step, occurrence) REFERENCES touch
);

-- Each further judgement of a claimed touch, before a provider is asked once more; the first stands in `touch`. Of one
-- that no provider had taken (`untaken`) all gates were asked, else only those that people can close.
CREATE TABLE touch_judgement (
    judgement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    touch_id     bigint NOT NULL REFERENCES touch (touch_id),
    untaken      boolean NOT NULL,
    judged_at    timestamptz NOT NULL,
    decision     text NOT NULL CHECK (decision IN ('send', 'withhold', 'hold', 'next_channel')),
    reason       text NOT NULL,
    held_until   timestamptz CHECK ((held_until IS NOT NULL) = (decision = 'hold')),
    facts        jsonb NOT NULL,
    verdicts     jsonb NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX touch_judgement_by_touch ON touch_judgement (touch_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON touch_judgement FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a provider says later of a message: delivered, opened, clicked, bounced, unsubscribed. `permanent` is of a
-- bounce: the customer is not to be reached there any more; `scope` is of an opt-out.
CREATE TABLE receipt (
    channel     text NOT NULL,
    receipt_id  text NOT NULL,
    touch_id    bigint NOT NULL REFERENCES touch (touch_id),
    customer_id text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('delivered', 'opened', 'clicked', 'bounced', 'unsubscribed')),
    at          timestamptz NOT NULL,
    permanent   boolean NOT NULL DEFAULT false,
    scope       text CHECK ((scope IS NOT NULL) = (kind = 'unsubscribed')),
    detail      text NOT NULL DEFAULT '',
    source      text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, receipt_id),
    CHECK (NOT permanent OR kind = 'bounced')
);
CREATE INDEX receipt_by_touch ON receipt (touch_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a record shows beside: the touch as the gates saw it, the arm it was sent on.
ALTER TABLE touch
    ADD COLUMN planned jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN arm text,
    ADD COLUMN provider_id text,
    ADD COLUMN critical boolean NOT NULL DEFAULT false;
-- The variant for customers who want nothing personalised was taken.
ALTER TABLE touch ADD COLUMN plain boolean NOT NULL DEFAULT false;
-- SHA-256 of the words as the channel was handed them (title, body, template id, data), of what was claimed to be sent.
ALTER TABLE touch ADD COLUMN text_hash text;
-- A receipt may settle a touch before the provider's answer is written down: its id is filled in then, and nothing else.
CREATE OR REPLACE FUNCTION touch_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome = 'claimed' AND NEW.outcome IN ('in_doubt', 'sent', 'failed')
        OR OLD.outcome = 'in_doubt' AND NEW.outcome IN ('sent', 'failed')
        OR OLD.provider_id IS NULL AND to_jsonb(NEW) - 'provider_id' = to_jsonb(OLD) - 'provider_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a touch that is % does not become %', OLD.outcome, NEW.outcome;
END $$;
CREATE FUNCTION name_at_provider(which bigint, name text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE touch SET provider_id = name WHERE touch_id = which AND provider_id IS NULL AND name IS NOT NULL;
    RETURN FOUND;
END $$;
REVOKE EXECUTE ON FUNCTION name_at_provider(bigint, text) FROM PUBLIC;
-- Which keys of SOJOURN_PAYLOAD_KEYS workers run with, so that a command with another one is refused before it sends
-- what no worker could read. An empty id stands for a worker without keys. The digest tells two keys of one id apart.
-- Workers move `noted_at` on while they run: a key that they do not have any more falls behind the others.
CREATE TABLE payload_key (
    key_id    text NOT NULL,
    key_check text NOT NULL,
    noted_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key_id, key_check)
);
CREATE INDEX touch_by_provider_id ON touch (channel, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX touch_heard ON touch (customer_id, judged_at) WHERE outcome IN ('claimed', 'in_doubt', 'sent');

-- migrate: rollback
-- Forward only: mend with a new migration.
