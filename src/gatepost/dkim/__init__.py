"""DKIM signatures (RFC 6376, RFC 8463) over bytes: canonical forms, the body's hash, keys and their DNS records."""
