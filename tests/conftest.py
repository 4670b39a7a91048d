"""What holds for all tests."""

import hypothesis

# How long one example takes says nothing on a machine that does other things as well.
hypothesis.settings.register_profile("shared", deadline=None)
hypothesis.settings.load_profile("shared")
