"""Reply → Verdict, pure: bytes in, a value out; the rules are data that the caller reads.

One path through it: ``folding`` makes one matchable line of a reply → ``nesting`` unwraps a quoted reply → ``veto`` sees
whether we are quoted → ``rules`` (read from ``data/*.toml``, matched by ``patterns``) name a category, else ``codes`` do →
``meanings`` and ``classifier`` make the Verdict. ``hints`` reads waiting times, ``template`` groups near-copies.
"""
