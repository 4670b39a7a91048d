"""Mails that report about mail: bounces, complaints, automatic answers, from bytes to values (``parser.parse``).

Pure: no I/O, no clock, no log. What a diagnostic text means is said by ``gatepost.classify``, what follows from it by
``gatepost.policy``, and whether the report may be believed by whoever checks its token.
"""
