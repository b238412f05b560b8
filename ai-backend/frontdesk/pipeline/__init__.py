"""Accept a message, process it, send what is in the outbox, and tell what happened."""
