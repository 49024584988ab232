"""The people in the fake Telegram: what they do becomes updates, what they see can be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.fakes.telegram_markup import Button, Keyboard

if TYPE_CHECKING:
    from tests.fakes.telegram import FakeTelegram


class ChatState(StrEnum):
    NEW = "new"  # has never started the bot
    STARTED = "started"
    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"


@dataclass(slots=True)
class SeenMessage:
    """One message as it stands in the person's chat."""

    message_id: int
    text: str
    keyboard: Keyboard
    from_bot: bool
    at: datetime
    deleted: bool = False

    @property
    def buttons(self) -> list[Button]:
        return [button for row in self.keyboard for button in row]

    @property
    def labels(self) -> list[str]:
        return [button.label for button in self.buttons]


class FakeUser:
    """One person and their private chat with the bot. Actions come back at once; the bot's answer
    is there when `await fake.until(…)` says so."""

    def __init__(
        self,
        fake: FakeTelegram,
        user_id: int,
        first_name: str = "Test",
        last_name: str = "",
        language_code: str = "en",
    ) -> None:
        self.id = user_id
        self.state = ChatState.NEW
        self.history: list[SeenMessage] = []
        self.actions: list[str] = []  # chat actions shown, such as "typing"
        self._fake = fake
        self._profile = {
            "first_name": first_name,
            "last_name": last_name,
            "language_code": language_code,
        }

    @property
    def messages(self) -> list[SeenMessage]:
        """The bot's messages that are in the chat, oldest first."""
        return [message for message in self.history if message.from_bot and not message.deleted]

    @property
    def own_messages(self) -> list[SeenMessage]:
        """The person's own messages that are still in the chat, oldest first."""
        return [message for message in self.history if not message.from_bot and not message.deleted]

    def user_json(self) -> dict[str, Any]:
        named = {key: value for key, value in self._profile.items() if value}
        return {"id": self.id, "is_bot": False, "first_name": "", **named}

    def chat_json(self) -> dict[str, Any]:
        return {"id": self.id, "type": "private", "first_name": self._profile["first_name"]}

    def start(self, payload: str = "") -> int:
        """Press START, or follow a start link; unblocks the bot if it was blocked."""
        if self.state is ChatState.BLOCKED:
            self.unblock()
        self.state = ChatState.STARTED
        return self.say(f"/start {payload}".strip())

    def say(self, text: str, reply_to: SeenMessage | None = None) -> int:
        """Write a message; the update_id."""
        return self._send(text, {}, reply_to)

    def send_voice(self, seconds: int = 3) -> int:
        file = {"duration": seconds, "mime_type": "audio/ogg", "file_size": 9000, **_FILE}
        return self._send("", {"voice": file})

    def send_photo(self, caption: str = "") -> int:
        sizes = [
            {
                "width": width,
                "height": width,
                "file_size": width * 100,
                **_FILE,
                "file_id": f"P{width}",
            }
            for width in (90, 320, 1280)
        ]
        return self._send("", {"photo": sizes} | ({"caption": caption} if caption else {}))

    def send_sticker(self, emoji: str = "👍") -> int:
        look = {"width": 512, "height": 512, "is_animated": False, "is_video": False}
        return self._send(
            "",
            {"sticker": {"type": "regular", "emoji": emoji, "file_size": 20_000, **look, **_FILE}},
        )

    def send_location(self, latitude: float = 31.2, longitude: float = 121.5) -> int:
        return self._send("", {"location": {"latitude": latitude, "longitude": longitude}})

    def edit(self, text: str, of: SeenMessage | None = None) -> int:
        """Change an own message, the last one unless `of` names another."""
        self._require_started()
        message = of or self.own_messages[-1]
        message.text = text
        now = int(self._fake.clock().timestamp())
        edited = {**self._fake.message_json(self, message), "edit_date": now}
        return self._fake.push("edited_message", edited)

    def tap(self, what: str | int, of: SeenMessage | None = None) -> str:
        """Tap a button by its label, or its place from 0; the callback query's id.

        Of the newest message with buttons, unless `of` names another.
        """
        self._require_started()
        message = of or next(seen for seen in reversed(self.messages) if seen.keyboard)
        if isinstance(what, int):
            button = message.buttons[what]
        else:
            button = next((found for found in message.buttons if found.label == what), Button(""))
            assert button.label, f"no button {what!r} among {message.labels}"
        assert button.data, f"{button.label!r} opens {button.url}: the bot hears nothing of it"
        callback_id = self._fake.open_callback(button.label)
        self._fake.push(
            "callback_query",
            {
                "id": callback_id,
                "from": self.user_json(),
                "message": self._fake.message_json(self, message),
                "chat_instance": str(-self.id),
                "data": button.data,
            },
        )
        return callback_id

    def block(self) -> int:
        self.state = ChatState.BLOCKED
        return self._membership("member", "kicked")

    def unblock(self) -> int:
        self.state = ChatState.STARTED
        return self._membership("kicked", "member")

    def deactivate(self) -> None:
        """Delete the account; Telegram tells the bot nothing."""
        self.state = ChatState.DEACTIVATED

    def _require_started(self) -> None:
        assert self.state is ChatState.STARTED, f"cannot write: {self.state.value}, call start()"

    def _send(self, text: str, content: dict[str, Any], reply_to: SeenMessage | None = None) -> int:
        self._require_started()
        message = SeenMessage(
            self._fake.take_message_id(), text, (), from_bot=False, at=self._fake.clock()
        )
        self.history.append(message)
        shown = {**self._fake.message_json(self, message), **content}
        if reply_to is not None:
            shown["reply_to_message"] = self._fake.message_json(self, reply_to)
        return self._fake.push("message", shown)

    def _membership(self, old: str, new: str) -> int:
        bot = {"id": 4242, "is_bot": True, "first_name": "Huifang"}
        until = {"until_date": 0}
        states = [
            {"user": bot, "status": status, **(until if status == "kicked" else {})}
            for status in (old, new)
        ]
        return self._fake.push(
            "my_chat_member",
            {
                "chat": self.chat_json(),
                "from": self.user_json(),
                "date": int(self._fake.clock().timestamp()),
                "old_chat_member": states[0],
                "new_chat_member": states[1],
            },
        )


_FILE = {"file_id": "F1", "file_unique_id": "U1"}
