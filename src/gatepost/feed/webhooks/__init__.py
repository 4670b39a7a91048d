"""Tells other programs of events over HTTP: pure parts (``signature``, ``schedule``, ``payload``) and what drives them."""
