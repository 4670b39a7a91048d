"""What people and programs ask of a running gateway: the HTTP API, who may use it, and what it changes."""
