"""What the text model decides about a return."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Verdict(BaseModel):
    """Whether a return is eligible, and what to do about it."""

    model_config = ConfigDict(extra="forbid")

    rationale: str = Field(description="Two sentences at most: the facts and the rule they meet or miss.")
    userRequest: str = Field(description="What the caller wants, in one sentence.")
    isEligible: Literal["true", "false", "need_more_information"]
    additionalInformationNeeded: str = Field(description="What to ask for; empty if nothing is missing.")
    returnNextSteps: str = Field(description="What the caller may expect; empty unless eligible.")
