"""A scenario of two agents who can hand over to each other."""

from __future__ import annotations

from typing import Any

from agents.realtime import RealtimeAgent

from trunkline import Scenario

INSTRUCTIONS = "You answer questions about orders, kindly and in short sentences. " * 20
one: RealtimeAgent[Any] = RealtimeAgent(name="one", instructions=INSTRUCTIONS)
two: RealtimeAgent[Any] = RealtimeAgent(name="two", instructions=INSTRUCTIONS, handoffs=[one])
one.handoffs.append(two)
scenario: Scenario[None] = Scenario("twoAgents", agents=[one, two])
