"""asyncio shells around sockets: connecting, listening, TLS, DNS. They know nothing of SMTP."""
