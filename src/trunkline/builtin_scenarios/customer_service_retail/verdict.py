"""The text model's decision on a return."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Verdict(BaseModel):
    """The eligibility of a return, and the next steps."""

    model_config = ConfigDict(extra="forbid")

    rationale: str = Field(description="Two sentences at most: the facts and the rule they meet or miss.")
    userRequest: str = Field(description="What the caller wants, in one sentence.")
    isEligible: Literal["true", "false", "need_more_information"]
    additionalInformationNeeded: str = Field(description="What to ask for; empty if nothing is missing.")
    returnNextSteps: str = Field(description="What the caller may expect; empty unless eligible.")
