"""The people behind the fake WhatsApp: their phones, and what they send and tap."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.whatsapp_rules import Button, Content, Json

if TYPE_CHECKING:
    from tests.fakes.whatsapp import FakeWhatsApp


@dataclass(frozen=True, slots=True)
class Received:
    """One message on a person's phone; `at` is aware."""

    wamid: str
    at: datetime
    content: Content

    @property
    def text(self) -> str:
        return self.content.text

    @property
    def kind(self) -> str:
        """text, button, list or template."""
        return self.content.kind

    @property
    def buttons(self) -> tuple[Button, ...]:
        return self.content.buttons


@dataclass(eq=False)
class FakeUser:
    """A person. With `phone` "" only the business-scoped id reaches the business, and back."""

    fake: FakeWhatsApp
    phone: str
    bsuid: str
    name: str
    messages: list[Received] = field(default_factory=list)
    last_inbound: datetime | None = None
    stopped_marketing: bool = False
    blocked: bool = False
    typing_seen: int = 0

    async def say(self, text: str, *, reply_to: str = "") -> str:
        """Send a text; returns its wamid, as all of these do."""
        return await self._send("text", {"text": {"body": text}}, reply_to)

    async def tap(self, label: str) -> str:
        """Tap the newest button, row or quick reply that is titled `label`."""
        for message in reversed(self.messages):
            for button in message.buttons:
                if label in (button.title, button.description):
                    return await self._tap(message, button)
        raise LookupError(f"nothing to tap is called {label!r}")

    async def _tap(self, message: Received, button: Button) -> str:
        if message.kind == "template":
            quick = {"payload": button.token, "text": button.title}
            return await self._send("button", {"button": quick}, message.wamid)
        reply = {"id": button.token, "title": button.title}
        if button.description:
            reply["description"] = button.description
        kind = f"{message.kind}_reply"
        body = {"interactive": {"type": kind, kind: reply}}
        return await self._send("interactive", body, message.wamid)

    async def send_voice(self) -> str:
        return await self.send_media("audio", mime_type="audio/ogg; codecs=opus", voice=True)

    async def send_media(self, kind: str, **content: Any) -> str:
        """An image, video, document, sticker, location …; `content` beside a media id."""
        media = {"id": self.fake.next_number(), **content}
        return await self._send(kind, {kind: media})

    async def react(self, wamid: str, emoji: str) -> str:
        return await self._send("reaction", {"reaction": {"message_id": wamid, "emoji": emoji}})

    async def edit(self, wamid: str, text: str) -> str:
        message = {"type": "text", "text": {"body": text}}
        edit = {"original_message_id": wamid, "message": message}
        return await self._send("edit", {"edit": edit})

    async def revoke(self, wamid: str) -> str:
        return await self._send("revoke", {"revoke": {"original_message_id": wamid}})

    async def open_chat(self) -> str:
        return await self._send("request_welcome", {})

    async def opt_out(self) -> None:
        """Stop marketing messages in the app's settings of the business."""
        self.stopped_marketing = True
        await self._prefer("stop")

    async def opt_in(self) -> None:
        self.stopped_marketing = False
        await self._prefer("resume")

    async def read(self) -> None:
        """Open the chat: every message that was not read yet is."""
        for message in self.messages:
            if "read" not in self.fake.statuses[message.wamid]:
                self.fake.report(message.wamid, "read")
        await self.fake.flush_unless_held()

    async def _prefer(self, value: str) -> None:
        wish = {
            "detail": f"User requested to {value} marketing messages",
            "category": "marketing_messages",
            "value": value,
            "timestamp": int(self.fake.clock().timestamp()),
        }
        if self.phone:
            wish["wa_id"] = self.phone
        if self.bsuid:
            wish["user_id"] = self.bsuid
        self.fake.enqueue(
            "user_preferences", {"contacts": [self._contact()], "user_preferences": [wish]}
        )
        await self.fake.flush_unless_held()

    async def _send(self, kind: str, content: Json, reply_to: str = "") -> str:
        fake = self.fake
        wamid = fake.next_wamid()
        message: Json = {"id": wamid, "timestamp": fake.timestamp(), "type": kind, **content}
        if self.phone:
            message["from"] = self.phone
        if self.bsuid:
            message["from_user_id"] = self.bsuid
        if reply_to:
            message["context"] = {"from": fake.phone, "id": reply_to}
        self.last_inbound = fake.clock()
        fake.inbound[wamid] = self
        fake.enqueue("messages", {"contacts": [self._contact()], "messages": [message]})
        await fake.flush_unless_held()
        return wamid

    def _contact(self) -> Json:
        contact: Json = {"profile": {"name": self.name}}
        if self.phone:
            contact["wa_id"] = self.phone
        if self.bsuid:
            contact["user_id"] = self.bsuid
        return contact
