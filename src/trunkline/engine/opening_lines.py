"""Opening lines of rehearsals, made before a call needs them: the first caller's greeting then begins at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from trunkline.engine.brains import BrainError, BrainRequest
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.session.configuration import DEFAULT_VOICE
from trunkline.engine.session.output_message import Sentence, first_sentence
from trunkline.engine.speech import PreparingTts, SpeechError, Tts
from trunkline.engine.speech.tts.pronouncing import PronouncingTts
from trunkline.scenario.scenario import AnyScenario

logger = logging.getLogger(__name__)


async def prepare_opening_lines(scenarios: Iterable[AnyScenario], tts: Tts) -> None:
    """Make the beginning of each agent's first line, one after the other, the scenarios' first agents first.

    Do nothing for a voice that cannot prepare audio. A caller waits for one such
    clause at most.
    """
    if not isinstance(tts, PreparingTts):
        return
    rehearsed = [scenario for scenario in scenarios if scenario.rehearsal is not None]
    first = [(scenario, scenario.agents[0].name) for scenario in rehearsed]
    others = [(scenario, agent.name) for scenario in rehearsed for agent in scenario.agents[1:]]
    for scenario, agent in (*first, *others):
        try:
            if line := await _opening_line(scenario, agent):
                spellings = scenario.pronunciations
                voice = PronouncingTts(tts, spellings) if spellings else tts
                await voice.prepare(
                    line.text, voice=scenario.voice or DEFAULT_VOICE, speed=line.speed_in(1.0), language=line.language
                )
        except SpeechError as error:
            logger.debug("No opening line was prepared: %s", error)  # the first turn reports it
            return


async def _opening_line(scenario: AnyScenario, agent: str) -> Sentence | None:
    """Return the first sentence of an agent that begins a call; None if it waits for the caller or fails."""
    if scenario.rehearsal is None:
        return None
    variables = {"agent": agent, "first_agent": agent}
    request = BrainRequest(scenario.name, prompt_id=scenario.name, prompt_variables=variables)
    try:
        brain = RehearsalBrain(scenario, scenario.rehearsal)
        return first_sentence([output async for output in brain.prepare(request)])
    except BrainError as error:
        logger.debug("No opening line of %s is known: %s", agent, error)  # the first turn reports it
        return None
