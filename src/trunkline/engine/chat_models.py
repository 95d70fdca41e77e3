"""Chat models of the chat endpoint: one for calls and texts, and others for texts with a role."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.scenario.text_model import TextModelNames
from trunkline.settings import Settings

logger = logging.getLogger(__name__)


class ChatModels:
    """The configured models of one chat endpoint. Close them after their last brain.

    Args:
        base_url: the endpoint's URL up to `/v1`.
        default: the model of calls, and of texts that name no other model.
        names: the models of texts by their roles.
        api_key: None if the endpoint needs no key.
    """

    def __init__(
        self, base_url: str, default: str, names: TextModelNames | None = None, api_key: str | None = None
    ) -> None:
        distinct = dict.fromkeys([default, *(names or TextModelNames()).own().values()])
        self._endpoints = {name: ChatEndpoint(base_url, name, api_key) for name in distinct}
        self.default = self._endpoints[default]
        """The endpoint's default model."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the models, the default one first."""
        return list(self._endpoints)

    def find(self, name: str) -> ChatEndpoint:
        """Return the model of this name; for any other name the default model."""
        return self._endpoints.get(name, self.default)

    async def aclose(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints.values():
            await endpoint.aclose()


def chat_model_names(settings: Settings) -> TextModelNames | None:
    """Return the names of the configured chat models, None without a chat endpoint."""
    if not settings.chat_base_url or not settings.chat_model:
        return None
    return TextModelNames(
        settings.chat_model,
        settings.chat_moderation_model,
        settings.chat_escalation_model,
        settings.chat_supervision_model,
    )


def chat_models(settings: Settings) -> ChatModels | None:
    """Return the configured chat models, or None. The caller must close them."""
    names = chat_model_names(settings)
    if names is None or not settings.chat_base_url or not settings.chat_model:
        if settings.chat_model_problem:
            logger.warning("%s Set both, or neither.", settings.chat_model_problem)
        return None
    key = settings.chat_api_key.get_secret_value() if settings.chat_api_key else None
    return ChatModels(settings.chat_base_url, settings.chat_model, names, key)
