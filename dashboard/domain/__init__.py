"""The rules of the trade: pure, no input or output, time comes in as a value."""
