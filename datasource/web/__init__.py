"""The web process: door, API, live hub, plain pages."""
