"""Reply → Verdict, pure: bytes in, a value out; the rules are data that the caller reads.

One path through it: ``folding`` reads the text → ``template`` replaces what varies, and ``veto`` sees whether we are quoted
→ a known text has its verdict in the cache (``classifier``) → ``folding`` makes one line of a new one → ``nesting`` unwraps
a quoted reply → a ``ruleset`` (read by ``rules`` from ``data/*.toml``, its ``patterns`` followed through the text) names a
category, else ``codes`` do → ``meanings`` and ``classifier`` make the Verdict. ``hints`` reads waiting times.
"""
