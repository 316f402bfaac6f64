"""Parts that several screens share: pure functions from values to components."""
