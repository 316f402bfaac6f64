"""Ways to reach a unit: one file per channel, each a `Channel` of `dashboard/ports.py`; channels ignore each other."""
