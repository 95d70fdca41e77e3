"""The client events and items that a call sends to the model, typed. Received events stay plain dicts (`Event`)."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from trunkline.realtime.events import Event


class TextPart(TypedDict):
    """A text of a message: `output_text` in the agents' messages, `input_text` in all others."""

    type: Literal["input_text", "output_text"]
    text: str


class ImagePart(TypedDict):
    """An image of the caller: a data URL."""

    type: Literal["input_image"]
    image_url: str


class MessageItem(TypedDict):
    """A message of the caller, of an agent, or of the system."""

    id: str
    type: Literal["message"]
    role: Literal["user", "assistant", "system"]
    content: list[TextPart | ImagePart]


class FunctionCallItem(TypedDict):
    """A tool call of the model, which a new session receives again. `arguments` is JSON text."""

    id: str
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class FunctionCallOutputItem(TypedDict):
    """The output of a tool call."""

    id: str
    type: Literal["function_call_output"]
    call_id: str
    output: str


class McpApprovalItem(TypedDict):
    """The caller's decision on a tool call of a hosted MCP server."""

    id: str
    type: Literal["mcp_approval_response"]
    approval_request_id: str
    approve: bool


ClientItem = MessageItem | FunctionCallItem | FunctionCallOutputItem | McpApprovalItem


class SessionUpdate(TypedDict):
    """A change of the session's configuration."""

    type: Literal["session.update"]
    event_id: NotRequired[str]
    session: Event


class ItemCreate(TypedDict):
    """A new item at the end of the conversation."""

    type: Literal["conversation.item.create"]
    event_id: NotRequired[str]
    item: ClientItem


class ItemRetrieve(TypedDict):
    """A request for an item, which `conversation.item.retrieved` answers."""

    type: Literal["conversation.item.retrieve"]
    event_id: NotRequired[str]
    item_id: str


class ItemDelete(TypedDict):
    """An order to remove an item from the conversation."""

    type: Literal["conversation.item.delete"]
    event_id: NotRequired[str]
    item_id: str


class ItemTruncate(TypedDict):
    """The position in ms up to which the caller has heard the audio of a message."""

    type: Literal["conversation.item.truncate"]
    event_id: NotRequired[str]
    item_id: str
    content_index: Literal[0]
    audio_end_ms: int


class InputAudioClear(TypedDict):
    """An order to drop the caller's audio that is not committed."""

    type: Literal["input_audio_buffer.clear"]


class InputAudioCommit(TypedDict):
    """The end of the caller's turn, in push-to-talk."""

    type: Literal["input_audio_buffer.commit"]
    event_id: str


class OutputAudioClear(TypedDict):
    """An order to stop the playout; over WebRTC only."""

    type: Literal["output_audio_buffer.clear"]


class ResponseCreate(TypedDict):
    """A request for a response."""

    type: Literal["response.create"]
    event_id: str


class ResponseCancel(TypedDict):
    """An order to cancel a response; without an id, the one in progress."""

    type: Literal["response.cancel"]
    event_id: str
    response_id: NotRequired[str]


ClientEvent = (
    SessionUpdate
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | InputAudioClear
    | InputAudioCommit
    | OutputAudioClear
    | ResponseCreate
    | ResponseCancel
)
