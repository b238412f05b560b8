"""Accept a message, then process it: what happens between the webhook and the answer."""
