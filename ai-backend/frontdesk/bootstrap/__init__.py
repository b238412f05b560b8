"""The only room that builds the concrete parts and wires them."""

from frontdesk.bootstrap.parts import (
    EXAMPLE_BUSINESS,
    analyser_name,
    assessor_of,
    business_of,
    database_of,
    media_of,
    model_client_of,
    opened,
)
from frontdesk.bootstrap.pipelines import Pipeline, alerting
from frontdesk.bootstrap.services import Backend, agent_services, backend, worker

__all__ = [
    "EXAMPLE_BUSINESS",
    "Backend",
    "Pipeline",
    "agent_services",
    "alerting",
    "analyser_name",
    "assessor_of",
    "backend",
    "business_of",
    "database_of",
    "media_of",
    "model_client_of",
    "opened",
    "worker",
]
