"""Views: pure folds and rankings over the state, for screens, phones and the live hub."""
