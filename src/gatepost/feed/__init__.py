"""What happened, as it happens: the live stream of events."""
