"""What went wrong where no server answered: a closed list, so that each one is thought about."""

import enum


class Problem(enum.StrEnum):
    """Why an attempt has no reply to classify."""

    NX_DOMAIN = "nxdomain"  # the domain does not exist
    NO_ADDRESS = "no_address"  # it has neither MX nor address
    NULL_MX = "null_mx"  # RFC 7505: it takes no mail
    DNS_FAILURE = "dns_failure"  # SERVFAIL, REFUSED, time-out: nothing is known
    PROHIBITED_ADDRESS = "prohibited_address"  # private, loopback, our own …
    REFUSED = "refused"  # connection refused
    NO_ROUTE = "no_route"
    TIMEOUT = "timeout"
    RESET = "reset"  # the connection broke
    TLS_FAILED = "tls_failed"
    PROTOCOL = "protocol"  # garbage, or more answers than questions
    AUTH_UNAVAILABLE = "auth_unavailable"  # a smarthost offers no AUTH that we may use
    UNSUPPORTED = "unsupported"  # the content needs an extension that the host lacks
    TOO_LARGE = "too_large"  # larger than the SIZE that the host announced
    UNSIGNED = "unsigned"  # a DKIM key of ours cannot sign it
    INTERNAL = "internal"  # our own bug or a body that cannot be read
