"""WhatsApp webhook bodies by name, in the shapes that Meta documents, and the channel they are for."""

from __future__ import annotations

from typing import Any

import orjson

from channels.whatsapp import WhatsAppChannel

Json = dict[str, Any]

NUMBER_ID = "106540352242922"
PHONE = "8613800138000"
BSUID = "US.13491208655302741918"
SECRETS = ("EAAaccess-token-of-tests", "app secret of tests", "verify token of tests")


def channel(**more: Any) -> WhatsAppChannel:
    token, app_secret, verify_token = SECRETS
    given = {
        "name": "main",
        "phone_number_id": NUMBER_ID,
        "phone": "+852 6000 1111",
        "access_token": token,
        "app_secret": app_secret,
        "verify_token": verify_token,
    }
    return WhatsAppChannel(**{**given, **more})


def change(value: Json, *, name: str = "messages", number: str = NUMBER_ID) -> Json:
    metadata = {"display_phone_number": "+852 6000 1111", "phone_number_id": number}
    return {
        "field": name,
        "value": {"messaging_product": "whatsapp", "metadata": metadata, **value},
    }


def root(*changes: Json) -> Json:
    entry = {"id": "102290129340398", "changes": list(changes)}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def body(*changes: Json) -> bytes:
    return orjson.dumps(root(*changes))


def contact(**ids: str) -> Json:
    return {"profile": {"name": "Kerry Fisher", "username": "@kfisher"}, **ids}


def message(kind: str, **content: Any) -> Json:
    """One message from a person known by phone number."""
    base = {"from": PHONE, "id": "wamid.A1", "timestamp": "1763719200", "type": kind, **content}
    return change({"contacts": [contact(wa_id=PHONE)], "messages": [base]})


def media(kind: str, **content: Any) -> Json:
    return message(kind, **{kind: {"id": "4912661846655238145", **content}})


def status(word: str, **more: Any) -> Json:
    given = {"id": "wamid.B2", "status": word, "timestamp": "1763719300", "recipient_id": PHONE}
    return change({"statuses": [{**given, **more}]})


def preference(**more: Any) -> Json:
    wish = {
        "wa_id": PHONE,
        "detail": "User requested to stop marketing messages",
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": 1763719400,
        **more,
    }
    given = {"contacts": [{"wa_id": PHONE}], "user_preferences": [wish]}
    return change(given, name="user_preferences")


def edit(changed: Json) -> Json:
    return message("edit", edit={"original_message_id": "wamid.A0", "message": changed})


def system(kind: str) -> Json:
    return message("system", system={"body": "changed", "wa_id": "85290000000", "type": kind})


BUTTON_REPLY = {"type": "button_reply", "button_reply": {"id": "tok-1", "title": "Yes"}}
LIST_REPLY = {
    "type": "list_reply",
    "list_reply": {"id": "tok-2", "title": "Fees", "description": "What it costs"},
}
FLOW_REPLY = {
    "type": "nfm_reply",
    "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"},
}

SAMPLES: dict[str, Json] = {
    "text": message("text", text={"body": "四分 🙂"}),
    "reply": message(
        "text", text={"body": "yes"}, context={"from": "85260001111", "id": "wamid.Z"}
    ),
    "both_ids": change(
        {
            "contacts": [contact(wa_id=PHONE, user_id=BSUID)],
            "messages": [
                {
                    "from": PHONE,
                    "from_user_id": BSUID,
                    "id": "wamid.A1",
                    "timestamp": "1763719200",
                    "type": "text",
                    "text": {"body": "hello"},
                }
            ],
        }
    ),
    "user_id_only": change(
        {
            "contacts": [contact(user_id=BSUID, parent_user_id="US.ENT.118157")],
            "messages": [
                {
                    "from_user_id": BSUID,
                    "from_parent_user_id": "US.ENT.118157",
                    "id": "wamid.A1",
                    "timestamp": "1763719200",
                    "type": "text",
                    "text": {"body": "hello"},
                }
            ],
        }
    ),
    "button_reply": message("interactive", interactive=BUTTON_REPLY, context={"id": "wamid.Q"}),
    "list_reply": message("interactive", interactive=LIST_REPLY, context={"id": "wamid.Q"}),
    "flow_reply": message("interactive", interactive=FLOW_REPLY),
    "template_button": message(
        "button", button={"payload": "tok-3", "text": "开始"}, context={"id": "wamid.T"}
    ),
    "image": media("image", mime_type="image/jpeg", sha256="x=", caption="my receipt"),
    "voice": media("audio", mime_type="audio/ogg; codecs=opus", voice=True),
    "audio": media("audio", mime_type="audio/mpeg", voice=False),
    "video": media("video", mime_type="video/mp4"),
    "document": media("document", mime_type="application/pdf", filename="a.pdf", caption="bill"),
    "sticker": media("sticker", mime_type="image/webp", animated=True),
    "location": message("location", location={"latitude": 12.25, "longitude": 43.9}),
    "contacts": message("contacts", contacts=[{"name": {"formatted_name": "Wang"}}]),
    "unsupported": message("unsupported", errors=[{"code": 131051, "title": "Unsupported"}]),
    "reaction": message("reaction", reaction={"message_id": "wamid.Q", "emoji": "👍"}),
    "reaction_removed": message("reaction", reaction={"message_id": "wamid.Q"}),
    "edit_text": edit({"type": "text", "text": {"body": "5"}}),
    "edit_caption": edit({"type": "image", "image": {"id": "65463453", "caption": "new"}}),
    "revoke": message("revoke", revoke={"original_message_id": "wamid.A0"}),
    "order": message("order", order={"catalog_id": "1", "product_items": []}),
    "system_number": system("user_changed_number"),
    "system_identity": system("customer_identity_changed"),
    "welcome": message("request_welcome"),
    "stop": preference(),
    "resume": preference(value="resume"),
    "preference_unknown": preference(category="other"),
    "sent": status("sent", pricing={"billable": True}),
    "delivered": status("delivered"),
    "read": status("read"),
    "played": status("played"),
    "deleted": status("deleted"),
    "failed": status("failed", errors=[{"code": 131047, "title": "Re-engagement message"}]),
    "value_error": change({"errors": [{"code": 130429, "title": "Rate limit hit"}]}),
    "echo": change(
        {"message_echoes": [{"from": "85260001111", "to": PHONE, "id": "w", "type": "text"}]},
        name="smb_message_echoes",
    ),
    "template_paused": change({"event": "PAUSED"}, name="message_template_status_update"),
}
