"""Where mail comes in: submission over SMTP and HTTP, and the acceptance that both share."""
