"""The built-in scenarios, in their order in the console. They use only the public API."""

# The first scenario is the default.
# isort: off
from trunkline.builtin_scenarios.simple_handoff import simple_handoff
from trunkline.builtin_scenarios.customer_service_retail import customer_service_retail
from trunkline.builtin_scenarios.chat_supervisor import chat_supervisor

__all__ = ["chat_supervisor", "customer_service_retail", "simple_handoff"]
