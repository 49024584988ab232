"""What Telegram can carry, apart from the adapter: reading it must not cost the import of aiogram."""

from __future__ import annotations

from channels.message import Caps, TextUnit

CAPS = Caps(
    # Bot API sendMessage: 1–4096 characters after entity parsing. UTF-16 units are never fewer than
    # characters, however the server counts, and are what its own entity offsets are in.
    text_max=4096,
    text_unit=TextUnit.UTF16,
    # Undocumented, "reply markup is too long" above it: python-telegram-bot
    # InlineKeyboardMarkupLimit.TOTAL_BUTTON_NUMBER.
    buttons_max=100,
    # Not a limit of Telegram: what a row of its own shows in full on a 360 px screen, in Latin letters.
    label_max=34,
    label_unit=TextUnit.GRAPHEME,
    # Bot API InlineKeyboardButton: callback_data 1–64 bytes.
    token_max_bytes=64,
    edits_in=True,
    # Bot API sendChatAction: shown for 5 seconds or less.
    typing_refresh_s=4.0,
    start_link=True,
    # CHANNELS 1.3: about 30 messages a second over all chats, one a second in one chat; short bursts
    # in one chat are let through.
    rate_per_s=30.0,
    chat_rate_per_s=1.0,
    chat_burst=5,
)
