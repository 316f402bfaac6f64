"""Everything that runs without anyone looking."""
