"""The command line: what people and scripts call.

Guarantees: a failure is one clear line on standard error and a status other than zero; data goes to standard output, as
JSON lines where ``--json`` asks for it; what servers said is shown escaped. Commands import the rest of the program when
they run, so that ``--help`` is quick. Not here: anything that decides (``policy``, ``classify``) or writes (``app``).
"""
