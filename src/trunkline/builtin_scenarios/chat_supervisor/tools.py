"""The tools: one of the chat agent, and three of the supervisor."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from agents import RunContextWrapper, function_tool
from pydantic import Field

from trunkline import CallContext
from trunkline.builtin_scenarios.chat_supervisor.places import miles_between
from trunkline.builtin_scenarios.chat_supervisor.prompts import SUPERVISOR
from trunkline.builtin_scenarios.chat_supervisor.sample_data import ACCOUNT, DOCUMENTS, STORES, Document
from trunkline.builtin_scenarios.chat_supervisor.word_stems import stems

MAX_STORES = 3
MAX_MILES = 250
"""The greatest distance of a store that is called near."""


def documents_about(topic: str) -> list[Document]:
    """Return the documents with a topic's words in their topics or names, else in their sentences, else all."""
    wanted = stems(topic)
    for text_of in (_headline, _sentences):
        if found := [document for document in DOCUMENTS if wanted & stems(text_of(document))]:
            return found
    return list(DOCUMENTS)


def _headline(document: Document) -> str:
    return " ".join((document.name, *document.topics))


def _sentences(document: Document) -> str:
    return " ".join(document.content)


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
    """Finds NewTelco's policy documents on a topic, or all of them. Each has an id and a name to cite it by."""
    found = documents_about(topic)
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
    """The stores near a zip code, nearest first, with address, phone number, hours and distance. It may be empty."""
    distances = sorted(
        (miles_between(zip_code, store.zip_code), abs(int(zip_code) - int(store.zip_code)), place)
        for place, store in enumerate(STORES)
    )
    near = [(STORES[place], miles) for miles, _codes, place in distances[:MAX_STORES] if miles <= MAX_MILES]
    ctx.context.state.stores += [store.name for store, _miles in near[:1]]
    return [{**asdict(store), "distance_miles": miles} for store, miles in near]


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
        model="supervision",
    )
    return {"nextResponse": answer}


def _shown(document: Document) -> dict[str, Any]:
    return {"id": document.id, "name": document.name, "content": list(document.content)}
