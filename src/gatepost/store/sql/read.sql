-- Statements of the readers.

-- names
SELECT id, text FROM name WHERE id IN carray(?);

-- name_id
SELECT id FROM name WHERE text = ?;

-- lane
SELECT l.id FROM lane l JOIN name n ON n.id = l.provider WHERE n.text = ? AND l.source = ?;

-- provider_of
SELECT p.text FROM name n JOIN domain d ON d.id = n.id JOIN name p ON p.id = d.provider WHERE n.text = ?;

-- due_bridges: the Bridges of a lane and priority with queued rows that are due, one seek each.
WITH RECURSIVE turn (bridge) AS (
  SELECT min(bridge) FROM delivery WHERE status = 0 AND lane = ?1 AND priority = ?2
  UNION ALL
  SELECT (SELECT min(bridge) FROM delivery WHERE status = 0 AND lane = ?1 AND priority = ?2 AND bridge > turn.bridge)
  FROM turn WHERE turn.bridge IS NOT NULL)
SELECT bridge FROM turn WHERE bridge IS NOT NULL AND EXISTS (
  SELECT 1 FROM delivery WHERE status = 0 AND lane = ?1 AND priority = ?2 AND bridge = turn.bridge AND next_at <= ?3);

-- due: the first rows of one Bridge that are due.
SELECT d.id, d.message, d.lane, m.account, d.bridge, d.source, d.priority, d.next_at, m.expires_at, d.attempts,
  m.sender, d.recipient, coalesce(d.key, d.recipient), d.domain, m.list, m.size, m.parts, m.eight_bit, m.utf8,
  m.sender_domain, m.campaign, m.tags, d.hold, m.ret, m.envid, d.notify, d.orcpt
FROM delivery d JOIN message m ON m.id = d.message
WHERE d.status = 0 AND d.lane = ? AND d.priority = ? AND d.bridge = ? AND d.next_at <= ?
ORDER BY d.next_at LIMIT ?;

-- heads: every group of the due index with its first row, one seek a group.
WITH RECURSIVE head (id) AS (
  SELECT (SELECT id FROM delivery WHERE status = 0 ORDER BY lane, priority, bridge, next_at LIMIT 1)
  UNION ALL
  SELECT (
    SELECT n.id FROM delivery n
    WHERE n.status = 0 AND (n.lane, n.priority, n.bridge) > (d.lane, d.priority, d.bridge)
    ORDER BY n.lane, n.priority, n.bridge, n.next_at LIMIT 1)
  FROM head JOIN delivery d ON d.id = head.id)
SELECT d.lane, l.source, n.text, min(d.next_at)
FROM head JOIN delivery d ON d.id = head.id LEFT JOIN lane l ON l.id = d.lane LEFT JOIN name n ON n.id = l.provider
GROUP BY d.lane;

-- bodies
SELECT id, data FROM body WHERE id IN carray(?);

-- body_parts
SELECT message, part, data FROM body_part WHERE message IN carray(?) ORDER BY message, part;

-- suppressions_by_hash
SELECT id, kind, target, scope, owner, list, standing, reason, category, rule, rule_version, reply, created_at, last_at,
  expires_at, delivery, event, account, bridge, incident, note
FROM suppression WHERE hash IN carray(?);

-- networks: the suppressed ones, as far as they hold now.
SELECT id, kind, target, scope, owner, list, standing, reason, category, rule, rule_version, reply, created_at, last_at,
  expires_at, delivery, event, account, bridge, incident, note
FROM suppression WHERE kind = 3 AND (expires_at = 0 OR expires_at > ?) LIMIT ?;

-- addresses
SELECT json_group_array(json_array(
  key, delivered_at, soft_count, unknown_count, soft_first_at, soft_last_at, hard_at, presumed_at, holds, refusals))
FROM address WHERE hash IN carray(?);

-- list_suppressions: where:
SELECT id, kind, target, scope, owner, list, standing, reason, category, rule, rule_version, reply, created_at, last_at,
  expires_at, delivery, event, account, bridge, incident, note
FROM suppression WHERE id > ? AND {where} ORDER BY id LIMIT ?;

-- sent_of: what these deliveries left behind, as one JSON text.
SELECT json_group_array(json_array(
  delivery, message, account, bridge, pool, source, priority, provider, recipient, key, domain, sender_domain, list,
  campaign, tags, at, until, recipients, before, bounced_at, complained_at, unsubscribed_at, tell))
FROM sent WHERE delivery IN carray(?);

-- neighbours: of what was taken around a delivery, how many to its Provider, and how many of those bounced afterwards.
SELECT count(*), coalesce(sum(bounced_at > 0), 0) FROM (
  SELECT * FROM (SELECT provider, bounced_at FROM sent WHERE delivery < ?1 ORDER BY delivery DESC LIMIT 100)
  UNION ALL
  SELECT * FROM (SELECT provider, bounced_at FROM sent WHERE delivery > ?1 ORDER BY delivery LIMIT 100)
) WHERE provider = ?2;

-- reports: the newest first, without their bytes.
SELECT id, digest, at, kind, standing, sender, recipient, peer_ip, size, delivery, event, x''
FROM report WHERE id < ? ORDER BY id DESC LIMIT ?;

-- report
SELECT * FROM report WHERE id = ?;

-- notices: messages whose notice is due, the longest due first.
SELECT message, made, original FROM notice WHERE due_at <= ? ORDER BY due_at, message LIMIT ?;

-- notice_recipients: what is to be told of a message.
SELECT event, action, orcpt, detail FROM notice_recipient WHERE message = ? ORDER BY event LIMIT ?;

-- events_by_seq
SELECT * FROM event WHERE seq IN carray(?) ORDER BY seq;

-- exact_message
SELECT * FROM message WHERE id = ?;

-- directory_version
SELECT value FROM meta WHERE key = 'directory';

-- directory_rows
SELECT kind, body FROM directory ORDER BY kind, id;

-- feed: where:
SELECT * FROM event WHERE seq > ? AND seq <= ? AND {where} ORDER BY seq LIMIT ?;

-- tail
SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?;

-- first_seq
SELECT seq FROM event ORDER BY seq LIMIT 1;

-- audited: where:
SELECT id, at, actor, what, before, after FROM audit WHERE id < ? AND {where} ORDER BY id DESC LIMIT ?;

-- idempotent_answer
SELECT digest, answer FROM idempotency WHERE bridge = ? AND key = ?;

-- last_seq
SELECT seq FROM sqlite_sequence WHERE name = 'event';

-- message
SELECT * FROM message WHERE id <= ? ORDER BY id DESC LIMIT 1;

-- list_messages: where:
SELECT m.* FROM message m WHERE m.id < ? AND m.id >= ? AND {where} ORDER BY m.id DESC LIMIT ?;

-- message_behind: so many messages before an id.
SELECT id FROM message WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?;

-- trace
SELECT * FROM event WHERE about IS NOT NULL AND about BETWEEN ? AND ? ORDER BY seq;

-- messages_to
SELECT DISTINCT message FROM event
WHERE recipient_hash = ? AND recipient IS NOT NULL ORDER BY message DESC LIMIT ?;

-- open_delivery
SELECT json_group_array(json_array(
  d.id, d.message, m.account, d.bridge, m.pool, d.source, d.lane, l.provider, d.priority, d.status,
  d.recipient, d.key, d.domain, m.sender_domain, m.list, m.campaign, m.tags, m.received_at, m.expires_at,
  d.next_at, d.attempts, d.seen, d.last_category, hex(d.last_reply), m.recipients, m.parts, m.tell, d.notify))
FROM delivery d JOIN message m ON m.id = d.message LEFT JOIN lane l ON l.id = d.lane
WHERE d.id = ?;

-- open_reason
SELECT reason FROM delivery WHERE id = ?;

-- open_ids: where:
SELECT d.id FROM delivery d JOIN message m ON m.id = d.message WHERE d.id > ? AND {where} ORDER BY d.id LIMIT ?;

-- transcripts: of events.
SELECT e.seq, t.text FROM carray(?) j JOIN transcript_event e ON e.seq = j.value JOIN transcript t ON t.id = e.transcript;

-- holds: the directives that hold something, one seek each.
WITH RECURSIVE turn (hold) AS (
  SELECT min(hold) FROM delivery WHERE status = 2
  UNION ALL
  SELECT (SELECT min(hold) FROM delivery WHERE status = 2 AND hold > turn.hold) FROM turn WHERE turn.hold IS NOT NULL)
SELECT hold FROM turn WHERE hold IS NOT NULL;

-- open_matching: where: how many.
SELECT count(*) FROM delivery d JOIN message m ON m.id = d.message WHERE {where};

-- held: how many each directive holds.
SELECT hold, count(*) FROM delivery WHERE status = 2 GROUP BY hold;

-- held_by: what a directive holds.
SELECT id FROM delivery WHERE status = 2 AND hold = ? AND id > ? ORDER BY id LIMIT ?;

-- held_to_end: what is held and has come to its end.
SELECT id FROM delivery WHERE status = 2 AND next_at <= ? LIMIT ?;

-- paces: lanes that go slower than their limits.
SELECT id, pace FROM lane WHERE pace IS NOT NULL;

-- queues: where:
SELECT n.text, d.source, p.text, sum(d.status = 0), sum(d.status = 2), min(m.received_at), min(d.next_at), max(l.pace)
FROM delivery d
JOIN message m ON m.id = d.message
JOIN name n ON n.id = d.domain
LEFT JOIN lane l ON l.id = d.lane
JOIN name p ON p.id = l.provider
WHERE {where}
GROUP BY d.domain, d.source, l.provider
ORDER BY count(*) DESC LIMIT ?;

-- counted
SELECT minute, state, outcome, category, provider, sum(n) FROM counter
WHERE minute >= ? GROUP BY minute, state, outcome, category, provider;

-- open_count
SELECT coalesce(sum(accepted - delivered - bounced - rejected - cancelled), 0) FROM ledger;

-- ledger_kept
SELECT bridge, sum(accepted), sum(delivered), sum(bounced), sum(rejected), sum(cancelled) FROM ledger GROUP BY bridge;

-- ledger_recounted: accepted: queued, or rejected in the accepting transaction; late events and refusals at RCPT are outside.
SELECT bridge, sum(accepted), sum(delivered), sum(bounced), sum(rejected), sum(cancelled) FROM (
  SELECT coalesce(bridge, 0) AS bridge,
    sum(state = 2 OR (state = 6 AND flags & 4)) AS accepted,
    sum(state = 3) AS delivered,
    sum(state = 5) AS bounced,
    sum(state = 6 AND NOT flags & 8) AS rejected,
    sum(state = 6 AND flags & 8 > 0) AS cancelled
  FROM event WHERE state BETWEEN 2 AND 6 AND state <> 4 AND NOT coalesce(flags, 0) & 65 GROUP BY 1
  UNION ALL
  SELECT * FROM ledger_carried)
GROUP BY bridge;

-- ledger_open
SELECT bridge, count(*) FROM delivery GROUP BY bridge;

-- stuck
SELECT id FROM delivery
WHERE (status = 0 AND next_at < ?) OR (status = 2 AND coalesce(reason, '') = '') LIMIT ?;

-- wal_pages
PRAGMA page_count;

-- webhook_progress
SELECT id, cursor, failures, failing_since, next_at, last_ok_at FROM webhook;

-- webhook_due
SELECT id, webhook, seqs, first_at, tries, next_at, problem FROM webhook_request
WHERE webhook = ? AND next_at <= ? ORDER BY next_at LIMIT ?;

-- webhook_waiting
SELECT count(*) FROM webhook_request WHERE webhook = ? AND next_at > 0;

-- webhook_counts
SELECT webhook, count(next_at), count(*) - count(next_at) FROM webhook_request GROUP BY webhook;

-- webhook_dead
SELECT id, webhook, seqs, first_at, tries, 0, problem FROM webhook_request
WHERE webhook = ? AND next_at IS NULL AND id < ? ORDER BY id DESC LIMIT ?;

-- webhook_tries
SELECT id, webhook, at, key, seq, events, tries, status, took_ms, problem, answer FROM webhook_try
WHERE webhook = ? AND id < ? ORDER BY id DESC LIMIT ?;

-- webhook_failed_tries
SELECT id, webhook, at, key, seq, events, tries, status, took_ms, problem, answer FROM webhook_try
WHERE webhook = ? AND good = 0 AND id < ? ORDER BY id DESC LIMIT ?;

-- webhook_replays
SELECT id, webhook, cursor, until FROM webhook_replay WHERE webhook = ? ORDER BY id;

-- events_by_seq
SELECT * FROM event WHERE seq IN carray(?) ORDER BY seq;

-- messages_by_id
SELECT * FROM message WHERE id IN carray(?);

-- session
SELECT user, opened_at, expires_at FROM session WHERE mac = ? AND link = 0;

-- breakdown: where: ?1 … ?3: from, until and width of a step in minutes; ?4 … ?7: by which dimensions.
SELECT (minute - ?1) / ?3,
  CASE ?4 WHEN 1 THEN account WHEN 2 THEN bridge WHEN 3 THEN source WHEN 4 THEN provider WHEN 5 THEN sender_domain WHEN 6 THEN list WHEN 7 THEN category ELSE 0 END,
  CASE ?5 WHEN 1 THEN account WHEN 2 THEN bridge WHEN 3 THEN source WHEN 4 THEN provider WHEN 5 THEN sender_domain WHEN 6 THEN list WHEN 7 THEN category ELSE 0 END,
  CASE ?6 WHEN 1 THEN account WHEN 2 THEN bridge WHEN 3 THEN source WHEN 4 THEN provider WHEN 5 THEN sender_domain WHEN 6 THEN list WHEN 7 THEN category ELSE 0 END,
  CASE ?7 WHEN 1 THEN account WHEN 2 THEN bridge WHEN 3 THEN source WHEN 4 THEN provider WHEN 5 THEN sender_domain WHEN 6 THEN list WHEN 7 THEN category ELSE 0 END,
  state, outcome, sum(n)
FROM counter WHERE minute >= ?1 AND minute < ?2 AND {where}
GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- slow_lanes
SELECT n.text, l.source, l.pace FROM lane l JOIN name n ON n.id = l.provider
WHERE l.pace IS NOT NULL ORDER BY l.id LIMIT ?;

-- incidents
SELECT * FROM event WHERE state = 13 AND at >= ? ORDER BY seq DESC LIMIT ?;
