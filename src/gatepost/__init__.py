"""Gatepost: a self-hosted sending gateway that classifies every bounce inside the SMTP conversation."""

__version__ = "0.1.0"
