"""The ``gatepost.toml`` that ``gatepost init`` writes: what is needed, and commented examples of the rest.

Guarantees: it loads as it stands, and so do its examples when they are uncommented.
"""

_TEXT = """\
# Gatepost. Every key may also be set in the environment: GATEPOST_SECTION__KEY=value.
# Who sends (accounts, Bridges, Pools, Sources, sender domains) lives in the store:
# see `gatepost bridge`, `gatepost domain` … or `gatepost apply FILE`.

# Relative paths are relative to this file.
data_dir = "data"
# For EHLO and Received. It should be this machine's public name, with a PTR record that says the same.
hostname = {hostname}
# Processes that accept and deliver; 0: as many as suit this machine.
workers = 0

# Submission on this machine only: AUTH without TLS is allowed because nobody can listen.
[[listener]]
name = "local"
address = "127.0.0.1:2525"
tls = "none"
auth_without_tls = true

# Submission over the network: STARTTLS, then AUTH. A port below 1024 needs root or CAP_NET_BIND_SERVICE.
[[listener]]
name = "submission"
address = "0.0.0.0:587"
tls = "starttls"

# A listener for applications that cannot log in: whoever connects from these networks is this Bridge.
# [[listener]]
# name = "legacy"
# address = "127.0.0.1:2526"
# tls = "none"
# bridge = "app"
# networks = ["127.0.0.0/8"]

# Late bounces, complaints and wishes to unsubscribe come in here (docs/late.md): what an MX record of your bounce domain
# leads to. Port 25 needs root or CAP_NET_BIND_SERVICE.
# [inbound]
# address = "0.0.0.0:25"
# operator = "you@example.com"
# bridge = "default/app"

# POST /v1/send. On any but a loopback address it needs tls = true, or behind_proxy = true.
[http]
address = "127.0.0.1:8025"

# The console: the API with its description (docs/api.md) at /docs. As with [http], a loopback address unless tls = true or
# behind_proxy = true.
[console]
address = "127.0.0.1:8026"

# A self-signed certificate, made by `gatepost init`; put your own here.
[tls]
cert = "tls/cert.pem"
key = "tls/key.pem"

[log]
level = "info"
json = false

# Another resolver than the system's; a local one that caches and validates is best.
# [dns]
# server = "127.0.0.1:53"

# Mail for a domain, or for everything under it, to a host of your choice instead of its MX.
# [[route]]
# domain = "partner.example"
# to = "mail.partner.example:25"
# [[route]]
# domain = ".internal.example"
# to = "127.0.0.1:2600"

# Limits of a lane (a Provider through a Source); the first that fits counts.
# [[delivery.lane]]
# provider = "google"
# connections = 20
# per_second = 50

# How mail is signed; `gatepost dkim new example.com` makes a key (docs/dkim.md).
# [dkim]
# expires_s = 604800

# Your own rules for what replies mean stand above the shipped ones (docs/rules.md); this folder is looked for anyway.
# [classify]
# rules = "rules"

# What follows from replies: see docs/categories.md.
# [policy]
# lifetime_s = 259200
# [policy.suppression]
# provisional_days = 7
# [policy.categories."recipient.disabled"]
# expires_days = 90

# How long what is kept is kept, in days (docs/retention.md); 0: for ever.
# [retention]
# events_days = 90
# counters_days = 400
"""


def text(hostname: str) -> str:
    """The whole file."""
    import msgspec

    # A JSON string is a TOML basic string.
    return _TEXT.replace("{hostname}", msgspec.json.encode(hostname).decode())
