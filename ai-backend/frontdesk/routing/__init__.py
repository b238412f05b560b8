"""Which agent, and the call to it."""
