"""HTTP with others: signing, retries, breakers."""
