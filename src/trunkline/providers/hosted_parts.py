"""Parts of a scenario that only the hosted services of GA can run: hosted MCP servers and stored prompts."""

from __future__ import annotations

from trunkline.scenario.scenario import AnyScenario


def hosted_only_problem(scenario: AnyScenario, service: str) -> str | None:
    """Return the problem of a scenario that `service` cannot run, None if it can.

    A stored prompt of an agent with instructions is no problem: the instructions serve in its place.
    """
    from agents import HostedMCPTool

    for agent in scenario.agents:
        for tool in agent.tools:
            if isinstance(tool, HostedMCPTool):
                return (
                    f"{service} has no hosted MCP tools, which the agent {agent.name!r} of {scenario.name!r} uses. "
                    "Give the agent the server itself: mcp_servers=[…]."
                )
        if agent.prompt is not None and agent.instructions is None:
            return (
                f"{service} has no stored prompts, and the agent {agent.name!r} of {scenario.name!r} has nothing else. "
                "Give the agent instructions too."
            )
    return None
