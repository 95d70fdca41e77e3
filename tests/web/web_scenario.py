"""The scenario that the server's tests play."""

from agents.realtime import RealtimeAgent

from trunkline import Scenario

poet: RealtimeAgent[None] = RealtimeAgent(name="poet", handoff_description="Writes poems.", instructions="Be brief.")
host: RealtimeAgent[None] = RealtimeAgent(name="host", instructions="Greet.", handoffs=[poet])


def _fails() -> None:
    raise RuntimeError("no database")


web: Scenario[None] = Scenario("web", agents=[host, poet], description="For tests.", voice="sage")
failing: Scenario[None] = Scenario("failing", agents=[poet], state=_fails)
