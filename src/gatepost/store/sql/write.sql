-- Statements of the writer beside those of the readers. `rows:` before a name says that its VALUES group is repeated, one group a row.

-- rows: insert_names
INSERT INTO name (text) VALUES (?) ON CONFLICT (text) DO NOTHING;

-- names_by_text
SELECT id, text FROM name WHERE text IN (SELECT value FROM json_each(?));

-- known_messages: which of these are here already.
SELECT id FROM message WHERE id IN carray(?);

-- rows: insert_messages
INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- rows: insert_bodies
INSERT INTO body VALUES (?, ?);

-- rows: insert_parts: the same part twice is the same bytes.
INSERT INTO body_part VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- delete_parts
DELETE FROM body_part WHERE message IN carray(?);

-- rows: insert_deliveries
INSERT INTO delivery (id, message, lane, priority, bridge, next_at, status, source, attempts, recipient, key, domain, notify, orcpt)
VALUES (?, ?, ?, ?, ?, ?, 0, ?, 0, ?, ?, ?, ?, ?);

-- rows: insert_events
INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- rows: add_counters
INSERT INTO counter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET n = n + excluded.n;

-- rows: add_ledger
INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  accepted = accepted + excluded.accepted,
  delivered = delivered + excluded.delivered,
  bounced = bounced + excluded.bounced,
  rejected = rejected + excluded.rejected,
  cancelled = cancelled + excluded.cancelled;

-- facts: the open rows of these deliveries with their messages, as one JSON text.
SELECT json_group_array(json_array(
  d.id, d.message, m.account, d.bridge, m.pool, d.source, d.lane, l.provider, d.priority, d.status,
  d.recipient, d.key, d.domain, m.sender_domain, m.list, m.campaign, m.tags, m.received_at, m.expires_at,
  d.next_at, d.attempts, d.seen, d.last_category, hex(d.last_reply), m.recipients, m.parts, m.tell, d.notify))
FROM delivery d
JOIN message m ON m.id = d.message
LEFT JOIN lane l ON l.id = d.lane
WHERE d.id IN carray(?);

-- epochs: of every slot, in order.
SELECT json_group_array(epoch) FROM (SELECT epoch FROM slot ORDER BY slot);

-- rows: put_addresses
INSERT INTO address VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (hash) DO UPDATE SET
  key = excluded.key,
  delivered_at = excluded.delivered_at,
  soft_count = excluded.soft_count,
  unknown_count = excluded.unknown_count,
  soft_first_at = excluded.soft_first_at,
  soft_last_at = excluded.soft_last_at,
  hard_at = excluded.hard_at,
  presumed_at = excluded.presumed_at,
  holds = excluded.holds,
  refusals = excluded.refusals;

-- rows: put_taken
INSERT INTO taken VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at);

-- taken_at: when a Provider last took a Bridge's mail, by any Source.
SELECT max(at) FROM taken WHERE provider = ? AND bridge = ?;

-- host_took_at: when this host last took a mail of a Source and sender domain, of any Bridge.
SELECT max(at) FROM taken WHERE provider = ? AND source = ? AND sender_domain = ? AND host = ?;

-- streaks: of these Providers and domains.
SELECT place, about, incident, counted, first_at, last_at FROM streak
WHERE place IN (SELECT value FROM json_each(?));

-- rows: put_streaks
INSERT INTO streak VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  incident = excluded.incident,
  counted = excluded.counted,
  first_at = excluded.first_at,
  last_at = excluded.last_at;

-- end_streaks: of these Providers and domains.
DELETE FROM streak WHERE place IN (SELECT value FROM json_each(?));

-- delete_streak
DELETE FROM streak WHERE place = ? AND about = ?;

-- old_streaks
DELETE FROM streak WHERE last_at < ?;

-- entries_of_incident
SELECT id, kind, target, scope, owner, list, standing, reason, category, rule, rule_version, reply, created_at, last_at,
  expires_at, delivery, event, account, bridge, incident, note
FROM suppression WHERE incident = ? LIMIT ?;

-- soften: what an incident had confirmed.
UPDATE suppression SET standing = 1, expires_at = ?2 WHERE incident = ?1 AND standing = 2;

-- old_taken
DELETE FROM taken WHERE at < ?;

-- delete_deliveries
DELETE FROM delivery WHERE id IN carray(?);

-- open_of_messages: of each of these messages, whether it still has an open delivery, and whether a notice waits for its end.
SELECT m.id, EXISTS (SELECT 1 FROM delivery d WHERE d.id > m.id AND d.id <= m.id + m.recipients),
  EXISTS (SELECT 1 FROM notice n WHERE n.message = m.id AND n.due_at IS NOT NULL)
FROM message m WHERE m.id IN carray(?);

-- notices_due: these messages have nothing more to wait for.
UPDATE notice SET due_at = min(due_at, ?1) WHERE message IN carray(?2) AND due_at IS NOT NULL;

-- notices_of: what is known of the notices of these messages.
SELECT message, due_at, made FROM notice WHERE message IN carray(?);

-- notice_originals: what may be returned of these messages.
SELECT m.id, m.ret, m.size, b.data FROM message m LEFT JOIN body b ON b.id = m.id WHERE m.id IN carray(?);

-- original_recipients
SELECT id, orcpt FROM delivery WHERE id IN carray(?) AND orcpt IS NOT NULL;

-- delay_told
UPDATE delivery SET notify = notify | 16 WHERE id IN carray(?);

-- rows: put_notice
INSERT INTO notice VALUES (?, ?, ?, ?) ON CONFLICT (message) DO UPDATE SET due_at = excluded.due_at;

-- rows: put_notice_recipient
INSERT INTO notice_recipient VALUES (?, ?, ?, ?, ?);

-- events_to_tell
SELECT event FROM notice_recipient WHERE message = ?;

-- delete_told
DELETE FROM notice_recipient WHERE message = ? AND event IN carray(?);

-- notice_made: due_at: of the next one, where more is to be told, else NULL.
UPDATE notice SET made = made + 1, due_at = ? WHERE message = ?;

-- delete_notices
DELETE FROM notice WHERE message IN carray(?);

-- delete_untold
DELETE FROM notice_recipient WHERE message IN carray(?);

-- put_off_notices
UPDATE notice SET due_at = ?1 WHERE message IN carray(?2) AND due_at IS NOT NULL;

-- old_notices: of messages that have ended, all of which was told.
DELETE FROM notice WHERE message IN (
  SELECT n.message FROM notice n JOIN message m ON m.id = n.message
  WHERE n.due_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id > m.id AND d.id <= m.id + m.recipients) LIMIT 500);

-- delete_bodies
DELETE FROM body WHERE id IN carray(?);

-- reschedule: from one JSON text, a list of rows.
UPDATE delivery SET
  next_at = j.value ->> 1,
  attempts = j.value ->> 2,
  status = j.value ->> 3,
  seen = j.value ->> 4,
  last_category = j.value ->> 5,
  last_reply = unhex(j.value ->> 6),
  reason = j.value ->> 7,
  hold = j.value ->> 8,
  lane = j.value ->> 9,
  source = j.value ->> 10
FROM json_each(?) j
WHERE delivery.id = j.value ->> 0;

-- rows: put_sent
INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (delivery) DO UPDATE SET
  at = excluded.at,
  until = excluded.until,
  before = excluded.before,
  bounced_at = max(bounced_at, excluded.bounced_at),
  complained_at = max(complained_at, excluded.complained_at),
  unsubscribed_at = max(unsubscribed_at, excluded.unsubscribed_at);

-- old_sent: of those accepted before a time when nothing younger can be over; ids follow time.
DELETE FROM sent WHERE delivery IN (SELECT delivery FROM sent WHERE delivery < ? AND until <= ? LIMIT 500);

-- report_of_digest
SELECT id FROM report WHERE digest = ?;

-- rows: insert_transcript
INSERT INTO transcript VALUES (?, ?, ?);

-- rows: insert_transcript_event
INSERT INTO transcript_event VALUES (?, ?);

-- old_transcripts: of the oldest.
DELETE FROM transcript WHERE id IN (SELECT id FROM (SELECT id, at FROM transcript ORDER BY id LIMIT 500) WHERE at < ?);

-- old_transcript_events: of transcripts that are gone.
DELETE FROM transcript_event WHERE seq IN (
  SELECT seq FROM (SELECT seq, transcript FROM transcript_event ORDER BY seq LIMIT 2000)
  WHERE transcript < coalesce((SELECT min(id) FROM transcript), 9223372036854775807));

-- rows: insert_report
INSERT INTO report (digest, at, kind, standing, sender, recipient, peer_ip, size, delivery, event, raw)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- old_reports: of the oldest.
DELETE FROM report WHERE id IN (SELECT id FROM (SELECT id, at FROM report ORDER BY id LIMIT ?) WHERE at < ?);

-- rows: insert_suppression
INSERT INTO suppression (hash, kind, target, scope, owner, list, standing, reason, category, rule, rule_version, reply,
  created_at, last_at, expires_at, delivery, event, account, bridge, incident, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- delete_suppression: by identity.
DELETE FROM suppression WHERE hash = ? AND kind = ? AND target = ? AND scope = ? AND owner = ? AND list = ?;

-- keep_answer
INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?);

-- make_lane
INSERT INTO lane (provider, source) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- keep_pace
UPDATE lane SET pace = ?2 WHERE id = ?1;

-- learn_provider
INSERT INTO domain VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, learned_at = excluded.learned_at;

-- rows_to_move: queued rows of a lane that belong to a domain.
SELECT id FROM delivery WHERE status = 0 AND lane = ? AND domain = ? LIMIT ?;

-- move_rows
UPDATE delivery SET lane = ? WHERE id IN carray(?);

-- workers
SELECT count(*) FROM worker;

-- newest_lease
SELECT max(leased) FROM worker;

-- lease_oldest
SELECT number FROM worker ORDER BY leased LIMIT 1;

-- lease
INSERT INTO worker VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET leased = excluded.leased;

-- newest_message
SELECT max(id) FROM message;

-- rows: assign_slots
INSERT INTO slot VALUES (?, 1, ?) ON CONFLICT (slot) DO UPDATE SET epoch = epoch + 1, worker = excluded.worker;

-- slots_of
SELECT slot, epoch FROM slot WHERE slot IN carray(?) ORDER BY slot;

-- orphan_parts: body parts whose message never came.
DELETE FROM body_part WHERE rowid IN (
  SELECT p.rowid FROM body_part p WHERE p.message < ? AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = p.message)
  LIMIT 500);

-- expired_suppressions
SELECT id, kind, target, scope, owner, list, standing, reason, category, rule, rule_version, reply, created_at, last_at,
  expires_at, delivery, event, account, bridge, incident, note
FROM suppression WHERE expires_at > 0 AND expires_at <= ? LIMIT 500;

-- old_answers
DELETE FROM idempotency WHERE (bridge, key) IN (SELECT bridge, key FROM idempotency WHERE at < ? LIMIT 500);

-- raise_directory
UPDATE meta SET value = value + 1 WHERE key = 'directory';

-- next_directory_id
SELECT coalesce(max(id), 0) + 1 FROM directory WHERE kind = ?;

-- directory_row
SELECT body FROM directory WHERE kind = ? AND id = ?;

-- put_directory
INSERT INTO directory VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner, name = excluded.name, body = excluded.body;

-- audit
INSERT INTO audit (at, actor, what, before, after) VALUES (?, ?, ?, ?, ?);

-- drop_directory
DELETE FROM directory WHERE kind = ? AND id = ?;

-- webhook_there
SELECT cursor FROM webhook WHERE id = ?;

-- new_webhook
INSERT INTO webhook VALUES (?, ?, 0, 0, 0, 0);

-- wake_webhook: as if nothing had failed.
UPDATE webhook SET failures = 0, failing_since = 0, next_at = 0 WHERE id = ?;

-- keep_webhook
UPDATE webhook SET cursor = ?2, failures = ?3, failing_since = ?4, next_at = ?5, last_ok_at = ?6 WHERE id = ?1;

-- drop_webhook
DELETE FROM webhook WHERE id = ?;

-- drop_webhook_requests
DELETE FROM webhook_request WHERE webhook = ?;

-- drop_webhook_replays
DELETE FROM webhook_replay WHERE webhook = ?;

-- drop_webhook_tries
DELETE FROM webhook_try WHERE webhook = ?;

-- rows: add_webhook_requests
INSERT INTO webhook_request (webhook, seqs, first_at, tries, next_at, problem) VALUES (?, ?, ?, ?, ?, ?);

-- change_webhook_request
UPDATE webhook_request SET first_at = ?2, tries = ?3, next_at = ?4, problem = ?5 WHERE id = ?1;

-- end_webhook_requests
DELETE FROM webhook_request WHERE id IN carray(?);

-- hasten_webhook_requests: one that takes mail again need not wait for what was put off.
UPDATE webhook_request SET next_at = ?2 WHERE webhook = ?1 AND next_at > ?2;

-- revive_webhook_requests: what was given up.
UPDATE webhook_request SET first_at = ?2, tries = 0, next_at = ?2 WHERE webhook = ?1 AND next_at IS NULL;

-- cut_webhook_requests: given up, beyond the newest.
DELETE FROM webhook_request WHERE webhook = ?1 AND next_at IS NULL AND id <= (
  SELECT id FROM webhook_request WHERE webhook = ?1 AND next_at IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?2);

-- rows: add_webhook_tries
INSERT INTO webhook_try (webhook, good, at, key, seq, events, tries, status, took_ms, problem, answer)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- cut_webhook_tries
DELETE FROM webhook_try WHERE webhook = ?1 AND good = ?2 AND id <= (
  SELECT id FROM webhook_try WHERE webhook = ?1 AND good = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3);

-- webhook_replay_count
SELECT count(*) FROM webhook_replay WHERE webhook = ?;

-- add_webhook_replay
INSERT INTO webhook_replay (webhook, cursor, until) VALUES (?, ?, ?);

-- keep_webhook_replay
UPDATE webhook_replay SET cursor = ? WHERE id = ?;

-- end_webhook_replay
DELETE FROM webhook_replay WHERE id = ?;

-- open_session
INSERT INTO session VALUES (?, ?, ?, ?, ?);

-- session_taken
DELETE FROM session WHERE mac = ? AND link = 1 RETURNING user, opened_at, expires_at;

-- drop_session
DELETE FROM session WHERE mac = ? AND link = 0 RETURNING user;

-- drop_sessions_of
DELETE FROM session WHERE user = ?;

-- old_sessions
DELETE FROM session WHERE expires_at < ?;

-- last_old_event: of the oldest, the last one before the first that is young enough.
WITH head (seq, at) AS (SELECT seq, at FROM event ORDER BY seq LIMIT ?1)
SELECT max(seq) FROM head WHERE seq < coalesce((SELECT min(seq) FROM head WHERE at >= ?2), 9223372036854775807);

-- carry_ledger: what ledger_recounted would have counted of the events up to here.
INSERT INTO ledger_carried
SELECT coalesce(bridge, 0),
  sum(state = 2 OR (state = 6 AND flags & 4)),
  sum(state = 3),
  sum(state = 5),
  sum(state = 6 AND NOT flags & 8),
  sum(state = 6 AND flags & 8 > 0)
FROM event WHERE seq <= ? AND state BETWEEN 2 AND 6 AND state <> 4 AND NOT coalesce(flags, 0) & 65
GROUP BY coalesce(bridge, 0)
ON CONFLICT DO UPDATE SET
  accepted = accepted + excluded.accepted,
  delivered = delivered + excluded.delivered,
  bounced = bounced + excluded.bounced,
  rejected = rejected + excluded.rejected,
  cancelled = cancelled + excluded.cancelled;

-- old_events
DELETE FROM event WHERE seq <= ?;

-- old_messages: that have ended, and of which nobody is to be told anything any more.
DELETE FROM message WHERE id IN (
  SELECT m.id FROM message m WHERE m.id < ?
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id > m.id AND d.id <= m.id + m.recipients)
  AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.message = m.id)
  ORDER BY m.id LIMIT ?);

-- old_counters: whole minutes, the oldest.
DELETE FROM counter
WHERE minute <= (SELECT max(minute) FROM (SELECT minute FROM counter ORDER BY minute LIMIT ?1)) AND minute < ?2;

-- rolled_to
SELECT value FROM meta WHERE key = ?;

-- roll_to
INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- next_counted: the next minute with counters.
SELECT min(minute) FROM counter WHERE minute > ? AND minute < ?;

-- add_up: a minute, over all writers, into the first of its span.
INSERT INTO counter
SELECT ?1, -1, account, bridge, source, provider, sender_domain, list, state, outcome, category, sum(n)
FROM counter WHERE minute = ?2 AND NOT (minute = ?1 AND writer = -1)
GROUP BY account, bridge, source, provider, sender_domain, list, state, outcome, category
ON CONFLICT DO UPDATE SET n = n + excluded.n;

-- added_up
DELETE FROM counter WHERE minute = ?1 AND NOT (minute = ?2 AND writer = -1);

-- old_webhook_tries: of the oldest.
DELETE FROM webhook_try WHERE id IN (
  SELECT id FROM (SELECT id, at FROM webhook_try ORDER BY id LIMIT ?) WHERE at < ?);

-- old_webhook_requests: that were given up.
DELETE FROM webhook_request WHERE id IN (
  SELECT id FROM webhook_request WHERE next_at IS NULL AND first_at < ? ORDER BY id LIMIT ?);

-- open_audit: lets this transaction do what the triggers forbid.
INSERT INTO meta VALUES ('audit open', 1);

-- close_audit
DELETE FROM meta WHERE key = 'audit open';

-- old_audit: of the oldest.
DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT ?) WHERE at < ?);
