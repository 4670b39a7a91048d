-- One file, whole decisions. Times are milliseconds since 1970; names are numbers of the table `name`.
-- Every adapter of the port keeps these facts; this is SQLite's form of them.

CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- Texts that repeat, each once. Never deleted: an event refers to them for ever.
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  bridge INTEGER NOT NULL,
  pool INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  sender BLOB NOT NULL,
  sender_domain INTEGER NOT NULL,
  size INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  list INTEGER NOT NULL,
  campaign INTEGER NOT NULL,
  tags INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  eight_bit INTEGER NOT NULL,
  utf8 INTEGER NOT NULL,
  parts INTEGER NOT NULL,
  peer_ip INTEGER NOT NULL,
  recipients INTEGER NOT NULL, -- ids of its deliveries: id + 1 … id + recipients
  tell INTEGER NOT NULL,       -- whether its sender is told of what fails
  ret INTEGER NOT NULL,
  envid TEXT NOT NULL
);

-- The first part of a body, by message; gone when the last delivery is final.
CREATE TABLE body (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE body_part (
  message INTEGER NOT NULL,
  part INTEGER NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (message, part)
);

-- Open deliveries only: what is final is its events.
CREATE TABLE delivery (
  id INTEGER PRIMARY KEY,
  message INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  bridge INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  source INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  recipient TEXT NOT NULL,   -- as it goes on the wire
  key TEXT,                  -- its normal form, where that differs
  domain INTEGER NOT NULL,
  seen TEXT,                 -- JSON: [category, first_at, count] of each category met
  last_category TEXT,
  last_reply BLOB,
  reason TEXT,
  notify INTEGER,            -- NOTIFY and ORCPT, where they were given
  orcpt TEXT,
  hold INTEGER               -- the directive that stops it, while status is 2; then next_at is when its lifetime ends
);
CREATE INDEX delivery_due ON delivery (lane, priority, bridge, next_at) WHERE status = 0;
CREATE INDEX delivery_held ON delivery (hold) WHERE status = 2;
CREATE INDEX delivery_held_until ON delivery (next_at) WHERE status = 2;

CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  provider INTEGER NOT NULL,
  source INTEGER NOT NULL,
  pace TEXT,               -- JSON: how it is slowed or paused; NULL: not at all
  UNIQUE (provider, source)
);
CREATE INDEX lane_paced ON lane (id) WHERE pace IS NOT NULL;

-- The last known Provider of a domain.
CREATE TABLE domain (id INTEGER PRIMARY KEY, provider INTEGER NOT NULL, learned_at INTEGER NOT NULL);

CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, without holes, in the order of commits
  at INTEGER NOT NULL,
  state INTEGER NOT NULL,
  about INTEGER,           -- the delivery, or the message where it is about no single one
  message INTEGER,
  attempt INTEGER,
  account INTEGER,
  bridge INTEGER,
  pool INTEGER,
  source INTEGER,
  node INTEGER,
  local_ip INTEGER,
  ehlo INTEGER,
  provider INTEGER,
  domain INTEGER,
  peer_host INTEGER,
  peer_ip INTEGER,
  sender_domain INTEGER,
  list INTEGER,
  campaign INTEGER,
  tags INTEGER,
  outcome INTEGER,
  category INTEGER,
  fault INTEGER,
  action INTEGER,
  stage INTEGER,
  code INTEGER,
  enhanced INTEGER,
  rule INTEGER,
  rule_version INTEGER,
  confidence INTEGER,
  tls INTEGER,
  duration_ms INTEGER,
  next_at INTEGER,
  flags INTEGER,
  scope INTEGER,
  recipient TEXT,
  recipient_hash INTEGER,  -- only where a recipient enters the store
  detail TEXT,
  reply BLOB
);
CREATE INDEX event_about ON event (about) WHERE about IS NOT NULL;
CREATE INDEX event_recipient ON event (recipient_hash) WHERE recipient_hash IS NOT NULL;
CREATE INDEX event_incident ON event (seq) WHERE state = 13;

-- What was said in an attempt that failed, by the seq of its first event; several events of one transaction share it.
CREATE TABLE transcript (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  text BLOB NOT NULL
);
CREATE TABLE transcript_event (
  seq INTEGER PRIMARY KEY,
  transcript INTEGER NOT NULL
);

-- The do-not-send floor. (kind, target, scope, owner, list) is an entry's identity, kept by the writer.
CREATE TABLE suppression (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  target TEXT NOT NULL,
  scope INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  list TEXT NOT NULL,
  standing INTEGER NOT NULL,
  reason TEXT NOT NULL,
  category TEXT NOT NULL,
  rule TEXT NOT NULL,
  rule_version INTEGER NOT NULL,
  reply BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  delivery INTEGER NOT NULL,
  event INTEGER NOT NULL,
  account INTEGER NOT NULL,
  bridge INTEGER NOT NULL,
  incident INTEGER NOT NULL,
  note TEXT NOT NULL
);
CREATE INDEX suppression_hash ON suppression (hash);
CREATE INDEX suppression_network ON suppression (kind) WHERE kind = 3;
CREATE INDEX suppression_incident ON suppression (incident) WHERE incident > 0;
CREATE INDEX suppression_expiry ON suppression (expires_at) WHERE expires_at > 0;

-- What is remembered of an address, by the hash of its normal form.
CREATE TABLE address (
  hash INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  delivered_at INTEGER NOT NULL,
  soft_count INTEGER NOT NULL,
  unknown_count INTEGER NOT NULL,
  soft_first_at INTEGER NOT NULL,
  soft_last_at INTEGER NOT NULL,
  hard_at INTEGER NOT NULL,
  presumed_at INTEGER NOT NULL,
  holds TEXT,     -- JSON, or NULL for none
  refusals TEXT   -- JSON, or NULL for none
);

-- When a Provider's host last took a Bridge's mail, by Source and sender domain, to the minute: what tells a no to one
-- recipient from a no to the sender.
CREATE TABLE taken (
  provider TEXT NOT NULL,
  source INTEGER NOT NULL,
  sender_domain TEXT NOT NULL,
  host TEXT NOT NULL,
  bridge INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (provider, source, sender_domain, host, bridge)
) WITHOUT ROWID;

-- What a Provider or a domain goes on answering; a mail that it takes deletes its rows.
CREATE TABLE streak (
  place TEXT NOT NULL,      -- a Provider, or @ and a domain
  about TEXT NOT NULL,      -- a rule, a category, or a template that no rule knew
  incident INTEGER NOT NULL,
  counted TEXT NOT NULL,    -- JSON: hashes of addresses
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (place, about)
) WITHOUT ROWID;

-- What a delivery leaves behind that was taken with a token, for as long as reports about it may come (until).
CREATE TABLE sent (
  delivery INTEGER PRIMARY KEY,
  message INTEGER NOT NULL,
  account INTEGER NOT NULL,
  bridge INTEGER NOT NULL,
  pool INTEGER NOT NULL,
  source INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  provider INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  key TEXT,                  -- its normal form, where that differs
  domain INTEGER NOT NULL,
  sender_domain INTEGER NOT NULL,
  list INTEGER NOT NULL,
  campaign INTEGER NOT NULL,
  tags INTEGER NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  recipients INTEGER NOT NULL,  -- of the whole message
  before TEXT,               -- JSON: the address's record that it reset, without its key
  bounced_at INTEGER NOT NULL,
  complained_at INTEGER NOT NULL,
  unsubscribed_at INTEGER NOT NULL,
  tell INTEGER NOT NULL      -- whether the sender is told where it bounces after all
);

-- Reports as they came in: each once, by the digest of its bytes and its recipient.
CREATE TABLE report (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  standing INTEGER NOT NULL,
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  peer_ip TEXT NOT NULL,
  size INTEGER NOT NULL,
  delivery INTEGER NOT NULL,
  event INTEGER NOT NULL,    -- the first one that it led to, or 0
  raw BLOB NOT NULL          -- its beginning
);

-- Messages whose sender is to be told something, with what is returned of them: from the first thing to tell until the message's end.
CREATE TABLE notice (
  message INTEGER PRIMARY KEY,
  due_at INTEGER,          -- NULL: all was told
  made INTEGER NOT NULL,
  original BLOB NOT NULL
);
CREATE INDEX notice_due ON notice (due_at) WHERE due_at IS NOT NULL;

-- What is to be told, until it is told.
CREATE TABLE notice_recipient (
  message INTEGER NOT NULL,
  event INTEGER NOT NULL,  -- its seq
  action INTEGER NOT NULL,
  orcpt TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (message, event)
) WITHOUT ROWID;

-- Events per minute and dimensions, one row per writer; readers sum over writers. Old ones are added up, in the first minute of
-- their hour or day, as writer -1.
CREATE TABLE counter (
  minute INTEGER NOT NULL,
  writer INTEGER NOT NULL,
  account INTEGER NOT NULL,
  bridge INTEGER NOT NULL,
  source INTEGER NOT NULL,
  provider INTEGER NOT NULL,
  sender_domain INTEGER NOT NULL,
  list INTEGER NOT NULL,
  state INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  category INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (minute, writer, account, bridge, source, provider, sender_domain, list, state, outcome, category)
) WITHOUT ROWID;

-- accepted = delivered + bounced + rejected + cancelled + open rows, per Bridge, at every commit.
CREATE TABLE ledger (
  bridge INTEGER NOT NULL,
  writer INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  bounced INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  PRIMARY KEY (bridge, writer)
) WITHOUT ROWID;

-- The same sums of events that retention took, so that the recount stays whole.
CREATE TABLE ledger_carried (
  bridge INTEGER PRIMARY KEY,
  accepted INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  bounced INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  cancelled INTEGER NOT NULL
);

CREATE TABLE slot (slot INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, worker INTEGER NOT NULL);
CREATE TABLE worker (number INTEGER PRIMARY KEY, leased INTEGER NOT NULL);  -- leased: counts up over all leases

CREATE TABLE idempotency (
  bridge INTEGER NOT NULL,  -- whose key: a Bridge, or below zero an API key
  key TEXT NOT NULL,
  digest BLOB NOT NULL,
  answer TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (bridge, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

-- Accounts, Bridges, Pools, Sources, sender domains, their DKIM keys, Nodes, API keys, webhooks, directives: one row each, the value as JSON.
CREATE TABLE directory (
  kind TEXT NOT NULL,
  id INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id),
  UNIQUE (kind, owner, name)
) WITHOUT ROWID;

-- How far each webhook has been told: everything up to cursor was, or waits in webhook_request.
CREATE TABLE webhook (
  id INTEGER PRIMARY KEY,       -- of its entry in the directory
  cursor INTEGER NOT NULL,
  failures INTEGER NOT NULL,    -- rounds in a row in which nothing was taken
  failing_since INTEGER NOT NULL,
  next_at INTEGER NOT NULL,     -- nothing is tried before
  last_ok_at INTEGER NOT NULL
);

-- Requests that were refused: tried again at next_at, or given up (NULL).
CREATE TABLE webhook_request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook INTEGER NOT NULL,
  seqs TEXT NOT NULL,           -- JSON: its events
  first_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  next_at INTEGER,
  problem TEXT NOT NULL
);
CREATE INDEX webhook_request_due ON webhook_request (webhook, next_at);

-- Ranges of the feed that are told once more.
CREATE TABLE webhook_replay (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  until INTEGER NOT NULL
);

-- The last tries of each webhook.
CREATE TABLE webhook_try (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook INTEGER NOT NULL,
  good INTEGER NOT NULL,
  at INTEGER NOT NULL,
  key TEXT NOT NULL,            -- the webhook-id
  seq INTEGER NOT NULL,         -- of the first event
  events INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  status INTEGER NOT NULL,
  took_ms INTEGER NOT NULL,
  problem TEXT NOT NULL,
  answer BLOB NOT NULL          -- the beginning of what the receiver said
);
CREATE INDEX webhook_try_of ON webhook_try (webhook, good, id);

-- Who is logged in to the dashboard, and links that log somebody in once. mac: HMAC-SHA-256 of the secret.
CREATE TABLE session (
  mac BLOB PRIMARY KEY,
  user INTEGER NOT NULL,        -- of its entry in the directory
  opened_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  link INTEGER NOT NULL         -- 1: a link
) WITHOUT ROWID;

-- Who changed what: append-only; retention and erasure alone say so first (meta: audit open).
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL,
  before TEXT,
  after TEXT
);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'audit open') BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'audit open') BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
