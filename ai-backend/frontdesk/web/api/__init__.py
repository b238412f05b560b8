"""The API for connectors, programs and monitoring."""
