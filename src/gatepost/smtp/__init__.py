"""The SMTP wire, both sides, without I/O: bytes in, events out; answers in, bytes out.

One path through it: ``lines`` cuts bytes into lines and replies → ``commands`` and ``extensions`` read and write their
grammar → ``states`` says what is legal → ``server`` and ``client`` are the two conversations; ``data`` is the body's
dots; ``events`` is what comes out.
"""
