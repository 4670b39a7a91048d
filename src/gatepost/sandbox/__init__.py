"""An internet in a box on loopback: DNS and receiving servers that play providers, for ``gatepost demo`` and tests."""
