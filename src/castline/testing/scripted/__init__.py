"""A language model that does as it is told: a server of the OpenAI protocol for tests and trials.

::

    with start_scripted("oracle=truth.json") as endpoint:
        ...                        # ask endpoint.url
        stats_of(endpoint)         # what it was asked so far

`scripts()` lists the behaviours: good, bad, late, cut off, refusing, endless.
"""

from castline.testing.scripted.counting import Stats
from castline.testing.scripted.scripts import scripts
from castline.testing.scripted.starting import start_scripted, stats_of

__all__ = ["Stats", "scripts", "start_scripted", "stats_of"]
