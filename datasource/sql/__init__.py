"""The truth: events and state in SQL."""
