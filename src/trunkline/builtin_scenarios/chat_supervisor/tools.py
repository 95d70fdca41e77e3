"""The tools: one of the chat agent, and three of the supervisor."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from agents import RunContextWrapper, function_tool
from pydantic import Field

from trunkline import CallContext
from trunkline.builtin_scenarios.chat_supervisor.prompts import SUPERVISOR
from trunkline.builtin_scenarios.chat_supervisor.sample_data import ACCOUNT, DOCUMENTS, STORES, Document

MAX_STORES = 3
SAME_REGION = 700
"""The largest difference between zip codes of one region."""


@dataclass
class EnquiryState:
    """The lookups of one call."""

    escalations: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)


Context = RunContextWrapper[CallContext[EnquiryState]]


@function_tool(name_override="lookupPolicyDocument")
async def lookup_policy_document(
    ctx: Context, topic: Annotated[str, Field(description="What it is about, in a few words of the caller's.")]
) -> list[dict[str, Any]]:
    """Finds NewTelco's policy documents on a topic. Each has an id and a name to cite it by. The list may be empty."""
    words = {word.strip(".,;:?!'\"") for word in topic.lower().split()}
    found = [document for document in DOCUMENTS if words & document.topics]
    ctx.context.state.documents += [document.id for document in found]
    return [_shown(document) for document in found]


@function_tool(name_override="getUserAccountInfo")
async def get_user_account_info(
    ctx: Context,
    phone_number: Annotated[
        str,
        Field(
            pattern=r"^\(\d{3}\) \d{3}-\d{4}$",
            description="As '(206) 555-0199'. The caller has said it; it is never guessed.",
        ),
    ],
) -> dict[str, Any]:
    """The account of a phone number: plan, balance, and the last bill item by item. Read only."""
    ctx.context.state.accounts.append(phone_number)
    if phone_number != ACCOUNT["phone_number"]:
        return {"found": False, "phone_number": phone_number}
    return {"found": True, **ACCOUNT}


@function_tool(name_override="findNearestStore")
async def find_nearest_store(
    ctx: Context,
    zip_code: Annotated[str, Field(pattern=r"^\d{5}$", description="Five digits. The caller has said them.")],
) -> list[dict[str, Any]]:
    """The stores near a zip code with address and hours, nearest first. The list is empty if none is in reach."""
    distances = sorted((abs(int(store.zip_code) - int(zip_code)), store.name, store) for store in STORES)
    near = [store for distance, _name, store in distances[:MAX_STORES] if distance <= SAME_REGION]
    ctx.context.state.stores += [store.name for store in near[:1]]
    return [asdict(store) for store in near]


SUPERVISORS_TOOLS = [lookup_policy_document, get_user_account_info, find_nearest_store]


@function_tool(name_override="getNextResponseFromSupervisor")
async def get_next_response_from_supervisor(
    ctx: Context,
    relevantContextFromLastUserMessage: Annotated[  # noqa: N803 - the name is part of the tool's schema
        str,
        Field(
            description="The key facts of the caller's last message, such as a phone number or a topic. The supervisor "
            "sees the whole conversation, but may be behind by this message. Empty if it held nothing new."
        ),
    ],
) -> dict[str, str]:
    """Asks the supervisor, who is more capable, what to say next. Say a short neutral filler phrase before the call."""
    ctx.context.state.escalations.append(relevantContextFromLastUserMessage)
    context = relevantContextFromLastUserMessage or "(nothing new)"
    answer = await ctx.context.ask(
        "supervisor",
        SUPERVISOR,
        f"Relevant context from the caller's last message: {context}",
        history=len(ctx.context.history),
        tools=SUPERVISORS_TOOLS,
    )
    return {"nextResponse": answer}


def _shown(document: Document) -> dict[str, Any]:
    return {"id": document.id, "name": document.name, "content": list(document.content)}
