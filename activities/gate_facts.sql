-- Everything that the gates look at, in one statement, so that it is of one moment; and the record, if there is one.
-- $1-$5 the touch: customer, journey, entry, step, occurrence
-- $6    with a simulated clock the time of the touch, else none: what happened after it is not known yet
-- $7 $9 the events that would overtake it, and since when each counts
-- $8 $11 with a simulated clock the number up to which events have taken effect, and those ahead that have
-- $10   account_closed   $12 the product   $13 $14 the template and its content
-- $15 $16 since when touches count against caps, and of which classes
-- $17   whether the text has variables   $18 the split in whose arm the step stands, if it does
SELECT customer.version, customer.language, customer.zone, customer.risk_class, customer.lowest_class,
       customer.professional, customer.assessed_at, customer.assessed_until, customer.longest_term,
       customer.product_types,
  CASE WHEN decided.touch_id IS NOT NULL THEN jsonb_build_object(
    'outcome', decided.outcome, 'reason', decided.reason, 'definition', decided.definition,
    'channel', decided.channel, 'language', decided.language,
    'tried_for', extract(epoch FROM clock_timestamp() - decided.recorded_at),
    'variables', decided.variables, 'plain', decided.plain, 'postponed', postponed.reason) END AS record,
  run.goal_event, run.goal_where, run.exit_events, run.paused_at IS NOT NULL AS paused,
  CASE WHEN run.ended_at <= coalesce($6::timestamptz, 'infinity') THEN run.outcome END AS outcome,
  (SELECT jsonb_agg(jsonb_build_array(event.name, event.data) ORDER BY event.sequence)
     FROM customer_event AS event
    WHERE event.customer_id = $1 AND event.name = ANY(run.exit_events || run.goal_event || $10::text)
      AND (event.occurred_at, event.sequence) > (run.entered_at, coalesce(run.caused_by, event.sequence))
      AND (event.sequence <= coalesce($8, event.sequence) OR event.sequence = ANY($11::bigint[]))) AS ending,
  (SELECT jsonb_agg(jsonb_build_array(event.name, event.data) ORDER BY event.sequence)
     FROM customer_event AS event
     JOIN unnest($7::text[], $9::timestamptz[]) AS awaited (name, since) ON awaited.name = event.name
    WHERE event.customer_id = $1
      AND (event.sequence <= coalesce($8, event.sequence) OR event.sequence = ANY($11::bigint[]))
      AND (awaited.since IS NULL OR event.occurred_at >= awaited.since AND
           (event.occurred_at, event.sequence) > (run.entered_at, coalesce(run.caused_by, event.sequence)))
  ) AS awaited,
  ARRAY(SELECT reason FROM (SELECT DISTINCT ON (reason) reason, active FROM suppression
          WHERE customer_id = $1 AND ($6 IS NULL OR at <= $6)
          ORDER BY reason, at DESC, active DESC) AS latest WHERE active ORDER BY reason) AS suppressed,
  (SELECT jsonb_build_object('product_id', product_id, 'risk_level', risk_level, 'product_type', product_type,
                             'valid_from', valid_from, 'valid_until', valid_until, 'term', extract(epoch FROM term))
     FROM product WHERE product_id = $12) AS product,
  EXISTS (SELECT FROM template_recall
           WHERE template = $13 AND (content_hash IS NULL OR content_hash = $14)) AS recalled,
  ARRAY(SELECT scope FROM (SELECT DISTINCT ON (scope) scope, active FROM opt_out
          WHERE customer_id = $1 AND ($6 IS NULL OR at <= $6)
          ORDER BY scope, at DESC, active DESC) AS latest WHERE active) AS opted_out,
  ARRAY(SELECT ARRAY[message_class, channel] FROM (
          SELECT DISTINCT ON (message_class, channel) message_class, channel, given FROM consent
          WHERE customer_id = $1 AND ($6 IS NULL OR at <= $6)
          ORDER BY message_class, channel, at DESC, given) AS latest WHERE given) AS consents,
  ARRAY(SELECT channel FROM reachability WHERE customer_id = $1 AND NOT reachable) AS unreachable,
  (SELECT jsonb_agg(jsonb_build_object('mode', mode, 'reason', reason, 'journey', journey,
                                       'template', template, 'channel', channel) ORDER BY brake_id)
     FROM brake WHERE released_at IS NULL) AS brakes,
  (SELECT jsonb_agg(jsonb_build_array(judged_at, message_class, channel) ORDER BY judged_at)
     FROM touch
    WHERE customer_id = $1 AND judged_at > $15 AND ($6 IS NULL OR judged_at <= $6)
      AND message_class = ANY($16::text[]) AND (journey, entry, step, occurrence) <> ($2, $3, $4, $5)
      AND (outcome IN ('claimed', 'in_doubt', 'sent')
           OR run.control AND outcome = 'withheld' AND reason = 'holdout' AND journey = $2 AND entry = $3)) AS heard,
  (SELECT arm FROM arm_assignment
    WHERE customer_id = $1 AND journey = $2 AND entry = $3
    ORDER BY step IS NOT DISTINCT FROM $18 DESC, at DESC, recorded_at DESC LIMIT 1) AS arm,
  (SELECT jsonb_agg(jsonb_build_array(channel, address) ORDER BY at DESC, address)
     FROM channel_address WHERE customer_id = $1 AND active) AS addresses,
  customer.personalised,
  CASE WHEN $17 THEN jsonb_build_object(
    'points', (SELECT coalesce(sum(amount), 0) FROM points_ledger
                WHERE customer_id = $1 AND ($6 IS NULL OR at <= $6)),
    'product', (SELECT jsonb_build_object('product_id', product_id, 'name', name, 'risk_level', risk_level)
                  FROM product WHERE product_id = $12),
    'event', (SELECT data FROM customer_event WHERE customer_id = $1 AND sequence = run.caused_by)
  ) END AS told,
  (SELECT coalesce(max(change_id), 0) FROM gate_change) AS last_change
FROM customer JOIN journey_run AS run USING (customer_id)
LEFT JOIN touch AS decided
  ON (decided.customer_id, decided.journey, decided.entry, decided.step, decided.occurrence) = ($1, $2, $3, $4, $5)
LEFT JOIN touch_postponed AS postponed
  ON (postponed.customer_id, postponed.journey, postponed.entry, postponed.step, postponed.occurrence)
   = ($1, $2, $3, $4, $5)
WHERE customer.customer_id = $1 AND run.journey = $2 AND run.entry = $3
