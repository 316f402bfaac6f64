"""Everything that speaks to the outside: feeds in, channels out, Redis streams, SQL, the web."""
