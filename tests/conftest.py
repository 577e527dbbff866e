"""What holds for every test.

A property is judged by what it says, not by the time that one example takes: the tests share few
processors among them, with nodes, archives and browsers.
"""

from hypothesis import settings

settings.register_profile("atlas", deadline=None)
settings.load_profile("atlas")
