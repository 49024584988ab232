"""Every table. Personal data stands in Sealed columns only; look-ups go through keyed hashes."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
    or_,
    text,
)

from bot.store.columns import BigId, Json, Moment, Sealed

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(26)
Hash = LargeBinary(32)

# ── people ──────────────────────────────────────────────────────────────────────────────────────

person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Sealed),
    Column("phone", Sealed),
    Column("phone_hash", Hash, index=True),
    Column("last4", Sealed),  # last four characters of the identity document, never more
    Column("fields", Sealed),  # JSON of further values for texts
    Column("reference_hash", Hash, unique=True),  # the wallet's own id of the person
    Column("reference", Sealed),
    Column("locale", String(16), nullable=False),
    Column("zone", String(64), nullable=False),  # IANA time zone
    Column("region", String(2), nullable=False),
    Column("provisional", Boolean, nullable=False),  # wrote to us and is bound to nobody yet
    Column("opted_out_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("erased_at", Moment),
)

vault_key = Table(
    "vault_key",  # which keys belong to this database; the keys themselves are in the keys file
    metadata,
    Column("id", String(16), primary_key=True),  # of a master key, or "lookup"
    Column("fingerprint", Hash, nullable=False),
)

person_key = Table(
    "person_key",  # the data key of a person, wrapped by a master key; dropping it erases
    metadata,
    Column("person_id", Id, ForeignKey("person.id"), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    # Which master key wraps it; the reference keeps a key that is still needed from being retired.
    Column("master", String(16), ForeignKey("vault_key.id"), nullable=False, index=True),
)

erasure = Table(
    "erasure",  # replayed on a restored backup
    metadata,
    Column("person_id", Id, primary_key=True),
    Column("at", Moment, nullable=False),
)

suppression = Table(
    "suppression",  # salted hashes of addresses that must not be contacted again
    metadata,
    Column("value_hash", Hash, primary_key=True),
    Column("at", Moment, nullable=False),
)

address = Table(
    "address",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("account", String(64), nullable=False),
    Column("value", Sealed, nullable=False),
    Column("value_hash", Hash, nullable=False),
    Column("name", Sealed),  # display name as the platform tells it
    Column("bound_at", Moment),  # bound to an applicant by a start link
    Column("last_in_at", Moment),  # opens the channel's reply window
    Column("unreachable_at", Moment),
    UniqueConstraint("account", "value_hash"),
)

address_alias = Table(
    "address_alias",  # every id by which the account names the address, its own value among them
    metadata,
    Column("account", String(64), primary_key=True),
    Column("value_hash", Hash, primary_key=True),
    Column("address_id", Id, ForeignKey("address.id"), nullable=False, index=True),
)

consent = Table(
    "consent",  # append-only
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("account", String(64), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("action", String(16), nullable=False),  # given | withdrawn
    Column("wording", String(64), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("source", String(32), nullable=False),
    Column("at", Moment, nullable=False),
)

start_link = Table(
    "start_link",
    metadata,
    Column("token_hash", Hash, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("followup_id", Id, ForeignKey("followup.id"), nullable=False),
    Column("account", String(64), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("used_by", Id),  # the address that used it
)

# ── follow-ups and conversations ────────────────────────────────────────────────────────────────

script_version = Table(
    "script_version",
    metadata,
    Column("script", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("checksum", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

followup = Table(
    "followup",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("script", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("flow", String(16), nullable=False),  # see bot.pipeline.flow.Flow
    Column("outcome", String(16)),
    Column("stopped_reason", String(32)),
    Column("account", String(64)),  # the channel account that it runs on, once bound
    Column("locale", String(16)),
    Column("source", String(32), nullable=False),
    Column("approved_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),  # the chat was bound and the script began
    Column("delivered_at", Moment),  # the first message was delivered
    Column("replied_at", Moment),  # the person's first reply
    Column("ended_at", Moment),
    Index("ix_followup_created", "created_at"),
)

conversation = Table(
    "conversation",  # one chat with one address; the current follow-up runs in it
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("address_id", Id, ForeignKey("address.id"), nullable=False, unique=True),
    Column("account", String(64), nullable=False),
    Column("followup_id", Id, ForeignKey("followup.id"), index=True),
    Column("state", Sealed),  # dialogs.state.State as JSON
    Column("control", String(8), nullable=False),  # bot | queued | human | closed
    Column("control_epoch", Integer, nullable=False),  # grows with every change of control
    Column("revision", Integer, nullable=False),  # grows with every turn
    Column("feed", Integer, nullable=False, default=0),  # the newest number of its live feed
    Column("locale", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_in_at", Moment),
    Column("last_out_at", Moment),
    Column("closed_at", Moment),
    CheckConstraint("control IN ('bot','queued','human','closed')", name="control"),
)

message = Table(
    "message",  # the transcript
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("conversation_id", Id, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("followup_id", Id),
    Column("author", String(8), nullable=False),  # person | bot | agent | system | note
    Column("agent_id", Id),
    Column("kind", String(16), nullable=False),  # text | tap | media | start | event
    Column("body", Sealed, nullable=False),  # JSON: text, options, media, secrets removed
    Column("outbox_id", BigId, index=True),
    Column("feed", Integer),  # its place in the live feed; set when it became visible to the person
    Column("at", Moment, nullable=False),
    Index("ix_message_conversation", "conversation_id", "id"),
    Index("ix_message_feed", "conversation_id", "feed"),
)

# Rows that a turn writes name their conversation without a foreign key: it is locked by then, and
# checking it again for every row took a sixth of PostgreSQL's time (m).

# ── the life of a message ───────────────────────────────────────────────────────────────────────

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("account", String(64), nullable=False),
    Column("external_id", String(160), nullable=False),
    Column("conversation_id", Id, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload", Sealed, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("processed_at", Moment),
    Column("error", Text),  # parked: the turn failed, the desk shows it
    UniqueConstraint("account", "external_id"),
    Index(
        "ix_inbox_waiting",
        "conversation_id",
        "id",
        postgresql_where=text("processed_at IS NULL"),
        sqlite_where=text("processed_at IS NULL"),
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("conversation_id", Id, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("followup_id", Id),
    Column("account", String(64), nullable=False),
    Column("author", String(8), nullable=False),  # bot | agent | system
    Column("cause", String(12), nullable=False),  # reply | proactive
    Column("control_epoch", Integer, nullable=False),
    Column("payload", Sealed, nullable=False),  # channels.message.Outgoing as JSON
    Column("on_delivered", Json),  # timers that start when it was delivered
    Column("due_at", Moment, nullable=False),
    Column("status", String(10), nullable=False),  # see bot.pipeline.flow.SendStatus
    Column("attempts", Integer, nullable=False, default=0),
    Column("parts_done", Integer, nullable=False, default=0),
    Column("provider_id", String(160)),
    Column("detail", Text),
    Column("claimed_at", Moment),
    Column("sent_at", Moment),
    Column("receipt", String(10)),
    Column("receipt_at", Moment),
    Column("created_at", Moment, nullable=False),
    Index(
        "ix_outbox_due",  # of each cause: replies come first, whatever else is due
        "cause",
        "due_at",
        "id",
        postgresql_where=text("status IN ('pending','claimed') AND attempts >= 0"),
        sqlite_where=text("status IN ('pending','claimed') AND attempts >= 0"),
    ),
    Index("ix_outbox_provider", "account", "provider_id"),
    Index("ix_outbox_person", "person_id", "sent_at"),
    Index(
        "ix_outbox_unsent",
        "conversation_id",
        "id",
        postgresql_where=text("status IN ('pending','claimed')"),
        sqlite_where=text("status IN ('pending','claimed')"),
    ),
)

# Literal, so that PostgreSQL knows that the partial indexes apply.
UNSENT = or_(
    outbox.c.status == literal_column("'pending'"), outbox.c.status == literal_column("'claimed'")
)

# What every row fulfils, and only who wants the texts of all conversations by their time says: so
# PostgreSQL, which takes unsent texts for few until it has counted them, cannot read all of a
# campaign by this index where those of ten conversations are asked for (m).
UNSENT_BY_TIME = and_(UNSENT, outbox.c.attempts >= literal_column("0"))

timer = Table(
    "timer",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("conversation_id", Id, nullable=False),
    Column("person_id", Id, nullable=False, index=True),
    Column("followup_id", Id, index=True),
    Column("kind", String(8), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("due_at", Moment, nullable=False, index=True),
)

# ── records ─────────────────────────────────────────────────────────────────────────────────────

result = Table(
    "result",  # the current answers of a follow-up; corrections keep the first one
    metadata,
    Column("followup_id", Id, ForeignKey("followup.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("person_id", Id, nullable=False),
    Column("step", String(64), nullable=False),
    Column("value", Sealed, nullable=False),
    Column("first_value", Sealed, nullable=False),
    Column("corrections", Integer, nullable=False, default=0),
    Column("withdrawn", Boolean, nullable=False, default=False),
    Column("at", Moment, nullable=False),
    Column("number", Float),  # of ratings only, so that reports need no key
)

record = Table(
    "record",  # what happened, in order, without personal data
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("conversation_id", Id, nullable=False, index=True),
    Column("followup_id", Id, index=True),
    Column("kind", String(24), nullable=False),
    Column("actor", String(8), nullable=False),  # bot | person | agent | system
    Column("data", Json, nullable=False),
    Column("at", Moment, nullable=False),
)

offer = Table(
    "offer",  # a thank-you that was promised; issued later, once
    metadata,
    Column("followup_id", Id, ForeignKey("followup.id"), primary_key=True),
    Column("offer", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("issued_at", Moment),
)

# ── knowledge base ──────────────────────────────────────────────────────────────────────────────

article = Table(
    "article",  # immutable versions; the highest published one of a locale is live
    metadata,
    Column("id", String(64), primary_key=True),
    Column("locale", String(16), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("category", String(32), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("review", String(10), nullable=False),
    Column("body", Text, nullable=False),
    Column("phrasings", Json, nullable=False),
    Column("extra", Json, nullable=False),  # related, links, video
    Column("state", String(10), nullable=False),
    Column("created_at", Moment, nullable=False),
)

answer_use = Table(
    "answer_use",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("conversation_id", Id, ForeignKey("conversation.id"), nullable=False),
    Column("article", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("locale", String(16), nullable=False),
    Column("score", Float, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("helpful", Boolean),
    Column("at", Moment, nullable=False),
    Index("ix_answer_use_article", "article", "locale"),
)

gap = Table(
    "gap",  # a question without an answer: work for an editor, until somebody closes it
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("conversation_id", Id, ForeignKey("conversation.id"), nullable=False),
    Column("person_id", Id, nullable=False),
    Column("locale", String(16), nullable=False),
    Column("question", Sealed, nullable=False),
    Column("state", String(10), nullable=False),  # open | drafted | answered | ignored
    Column("at", Moment, nullable=False),
)

# ── desk and access ─────────────────────────────────────────────────────────────────────────────

case = Table(
    "case",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, ForeignKey("conversation.id"), nullable=False, index=True),
    Column("person_id", Id, nullable=False),
    Column("followup_id", Id),
    Column("reason", String(16), nullable=False),
    Column("status", String(10), nullable=False),  # queued | claimed | resolved | given_back
    Column("agent_id", Id, ForeignKey("account_user.id")),
    Column("opened_at", Moment, nullable=False),
    Column("claimed_at", Moment),
    Column("first_reply_at", Moment),
    Column("ended_at", Moment),
    Column("previous_id", Id),
    Index("ix_case_status", "status", "opened_at"),
)

user = Table(
    "account_user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("login", String(128), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("role", String(12), nullable=False),  # admin | supervisor | agent | editor | analyst
    Column("locale", String(16), nullable=False),
    Column("password", Text, nullable=False),  # argon2
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", Hash, primary_key=True),
    Column("user_id", Id, ForeignKey("account_user.id"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key_hash", Hash, nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("api_key_id", Id, primary_key=True),
    Column("key_hash", Hash, primary_key=True),
    Column("request_hash", Hash, nullable=False),
    Column("status", Integer, nullable=False),
    Column("followup_id", Id),
    Column("at", Moment, nullable=False),
)

audit = Table(
    "audit",  # who did and who saw what; the application only appends
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(48), nullable=False),
    Column("object", String(96), nullable=False),
    Column("data", Json, nullable=False),
)

web_session = Table(
    "web_session",  # a browser that chats through the web widget
    metadata,
    Column("token_hash", Hash, primary_key=True),
    Column("visitor", String(64), nullable=False, unique=True),  # the address value
    Column("account", String(64), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)
