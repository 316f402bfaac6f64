"""``muster replay``: feed a file of incidents or positions through the API, as its source would have.

A mapping (TOML) says what the columns mean; some are shipped in ``mappings/``.  The file is read twice as a
stream: once to understand every row and put what it says into a temporary file (``spool``), once in the order of
time to send it (``send``).  What cannot be used is counted and listed with its line and reason.

``mapping`` the TOML · ``rows`` the file · ``translate`` rows into events · ``spool`` events by time ·
``timing`` past to present · ``send`` to the API · ``summary`` what came of it
"""

from workers.replay.mapping import Mapping, MappingError, load_mapping
from workers.replay.run import replay
from workers.replay.summary import Summary

__all__ = ["Mapping", "MappingError", "Summary", "load_mapping", "replay"]
