-- Customers: who they are, what they did, where they stand, what they allow
-- depends:

-- migrate: apply

-- One row a customer. Its lock serialises everything that is decided about the customer; `version` goes up
-- with every change of a fact that a gate looks at, so that a claim can see that its facts still hold.
CREATE TABLE customer (
    customer_id   text PRIMARY KEY CHECK (customer_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    version       bigint NOT NULL DEFAULT 0,
    last_sequence bigint NOT NULL DEFAULT 0,
    state         jsonb,
    stage         text CHECK (stage IN ('introduction', 'growth', 'maturity', 'decline', 'churned', 'closed')),
    stage_since   timestamptz,
    zone          text NOT NULL DEFAULT 'Asia/Shanghai',
    language      text NOT NULL DEFAULT 'zh-CN' CHECK (language IN ('zh-CN', 'en')),
    risk_class    text CHECK (risk_class IN ('C1', 'C2', 'C3', 'C4', 'C5')),
    tags          text[] NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE customer_event (
    customer_id text NOT NULL REFERENCES customer,
    sequence    bigint NOT NULL,
    event_id    text NOT NULL,
    name        text NOT NULL,
    occurred_at timestamptz NOT NULL,
    data        jsonb NOT NULL,
    source      text NOT NULL DEFAULT 'signal' CHECK (source IN ('signal', 'fact')),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, sequence),
    UNIQUE (customer_id, event_id)
);
CREATE INDEX customer_event_by_name ON customer_event (customer_id, name, occurred_at);

-- What the broker's own books say, filled by a nightly file; asked before `otherwise` is taken.
CREATE TABLE customer_fact (
    customer_id text NOT NULL,
    name        text NOT NULL,
    occurred_at timestamptz NOT NULL,
    fact_id     text NOT NULL,
    data        jsonb NOT NULL DEFAULT '{}',
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, fact_id)
);
CREATE INDEX customer_fact_by_name ON customer_fact (customer_id, name, occurred_at);

-- What did not parse, kept until it expires. `content` is masked where it might name a person.
CREATE TABLE rejected_event (
    rejected_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL,
    digest      text NOT NULL,
    reason      text NOT NULL,
    content     text NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    resent_at   timestamptz,
    UNIQUE (customer_id, digest)
);
CREATE INDEX rejected_event_by_expiry ON rejected_event (expires_at);

CREATE TABLE stage_change (
    customer_id text NOT NULL REFERENCES customer,
    from_stage  text,
    to_stage    text NOT NULL,
    at          timestamptz NOT NULL,
    cause       text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, at, to_stage)
);

-- Consent and its withdrawal, each with its evidence; the latest row of a (class, channel) counts.
CREATE TABLE consent (
    customer_id   text NOT NULL REFERENCES customer,
    message_class text NOT NULL CHECK (message_class IN ('service', 'education', 'marketing', 'advice')),
    channel       text NOT NULL,
    given         boolean NOT NULL,
    source        text NOT NULL,
    text_version  text NOT NULL,
    at            timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, message_class, channel, at)
);

-- Opt-out by scope: 'marketing', 'all' or a channel; the latest row of a scope counts.
CREATE TABLE opt_out (
    customer_id text NOT NULL REFERENCES customer,
    scope       text NOT NULL,
    active      boolean NOT NULL,
    source      text NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, scope, at)
);

CREATE TABLE reachability (
    customer_id text NOT NULL REFERENCES customer,
    channel     text NOT NULL,
    reachable   boolean NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (customer_id, channel)
);

-- Every command that a person gave: who, when, why, before and after.
CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    actor    text NOT NULL,
    command  text NOT NULL,
    subject  text NOT NULL,
    reason   text NOT NULL,
    before   jsonb NOT NULL DEFAULT '{}',
    after    jsonb NOT NULL DEFAULT '{}'
);

-- A book is only ever written on.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a new row that corrects the old one', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON customer_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON stage_change FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON opt_out FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- migrate: rollback
-- Forward only: mend with a new migration.
