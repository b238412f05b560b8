"""Frontdesk: a self-hosted AI front desk for WhatsApp."""

__version__ = "0.1.0"
