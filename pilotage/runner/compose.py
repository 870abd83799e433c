"""From an action to the message that leaves: its content rendered, its links signed, its headers set."""

from collections.abc import Callable

import msgspec

from pilotage.channel.channel import Message
from pilotage.channel.links import Hit, HitKind, Links, rewrite, unsubscribe_headers
from pilotage.channel.render import RenderFailed, render
from pilotage.journey.outcome import Action
from pilotage.journey.plan import Content, Plan

WEBHOOK = "webhook"
"""The channel through which calls go."""


class UnknownContent(LookupError):
    """The action names a content that no loaded plan holds. Load the plan it was decided under, then re-drive it."""


def contents_of(plan: Plan) -> dict[str, Content]:
    """A plan's contents as actions name them: `name@digest`."""
    return {f"{content.name}@{content.digest}": content for content in plan.contents}


class Composer:
    """Makes messages. `content_of` finds a content by `name@digest` (None: not loaded); `links` signs (None: links stay
    as they are and nothing can be unsubscribed from by link); `contact_class` gives a purpose's class."""

    def __init__(
        self, content_of: Callable[[str], Content | None], contact_class: Callable[[str], str], links: Links | None = None
    ) -> None:
        self._content_of = content_of
        self._contact_class = contact_class
        self._links = links

    def message(self, action: Action, attempt: int, now_us: int) -> Message:
        """The message of one attempt. `UnknownContent` or `RenderFailed` when there can be none."""
        parts, headers = self._body(action) if action.kind != "send" else self._send(action, now_us)
        return Message(
            idempotency_key=action.effect.hex(),
            recipient=action.recipient,
            parts=parts,
            headers=headers,
            attempt=attempt,
            subject=action.subject.hex(),
            journey=action.journey,
            step=action.step,
            purpose=action.purpose,
            target=action.target if action.kind == "call" else "",
            sender=self._sender(action),
        )

    def _sender(self, action: Action) -> str:
        """Whom a content's brand has the message come from."""
        content = self._content_of(action.content) if action.kind == "send" else None
        return (content.sender or "") if content is not None else ""

    def _body(self, action: Action) -> tuple[dict[str, str], dict[str, str]]:
        return {"body": msgspec.json.encode(action.variables).decode()}, {}

    def _send(self, action: Action, now_us: int) -> tuple[dict[str, str], dict[str, str]]:
        content = self._content_of(action.content)
        if content is None:
            raise UnknownContent(f"content {action.content} is in no loaded plan; load the plan it was decided under, then re-drive it")
        variables = {**action.variables, "message_id": action.effect.hex()}
        if self._links is None:
            return render(content, variables), {}
        hit = Hit(HitKind.UNSUBSCRIBE, action.effect, action.subject, action.target, action.purpose, now_us)
        address = self._links.address(hit)
        parts = render(content, {**variables, "unsubscribe_url": address})
        if "html" in parts:
            parts["html"] = rewrite(parts["html"], self._links, hit)
        marketing = self._contact_class(action.purpose) == "marketing"
        return parts, unsubscribe_headers(address) if marketing else {}


__all__ = ["WEBHOOK", "Composer", "RenderFailed", "UnknownContent", "contents_of"]
