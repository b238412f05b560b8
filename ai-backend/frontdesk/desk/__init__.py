"""Use cases that web, command line and pipeline share."""
