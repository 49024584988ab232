from __future__ import annotations

import os
from datetime import time
from pathlib import Path

import pytest

from bot.settings import Bus, Settings, SettingsError, unknown_variables, variable_names

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("HUIFANG_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_with_nothing_set_everything_has_a_default() -> None:
    settings = Settings.load()
    assert settings.database == "sqlite+aiosqlite:///data/huifang.db"
    assert settings.keys_file == Path("data/keys.toml")
    assert settings.base_url == "http://127.0.0.1:8000"
    assert (settings.send_window.start, settings.send_window.end) == (time(9), time(20))
    caps = settings.caps
    assert (caps.per_day, caps.per_week, caps.unanswered) == (1, 3, 2)
    assert not settings.telegram.enabled
    assert not settings.whatsapp.enabled


def test_variables_win_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("huifang.toml").write_text(
        'port = 9000\nlocale = "en"\n[telegram]\ntoken = "1:from-file"\nmode = "polling"\n'
        '[duty]\nsaturday = ["10:00-12:00"]\n[duty.exceptions]\n2027-01-01 = []\n'
    )
    monkeypatch.setenv("HUIFANG_PORT", "9001")
    monkeypatch.setenv("HUIFANG_BUS", "redis")
    settings = Settings.load()
    assert (settings.port, settings.locale, settings.bus) == (9001, "en", Bus.REDIS)
    assert [str(each) for each in settings.duty.saturday] == ["10:00-12:00"]
    assert len(settings.duty.exceptions) == 1
    assert _token(settings) == "1:from-file"
    monkeypatch.setenv("HUIFANG_TELEGRAM_TOKEN", "1:short")
    assert _token(Settings.load()) == "1:short"
    monkeypatch.setenv("HUIFANG_TELEGRAM__TOKEN", "1:long")
    assert _token(Settings.load()) == "1:long"


def _token(settings: Settings) -> str:
    assert settings.telegram.token
    return settings.telegram.token.get_secret_value()


def test_another_file_is_chosen_by_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "other.toml"
    path.write_text("port = 9002\n")
    monkeypatch.setenv("HUIFANG_CONFIG", str(path))
    assert Settings.load().port == 9002
    path.unlink()
    with pytest.raises(SettingsError, match=r"other\.toml cannot be read.*HUIFANG_CONFIG"):
        Settings.load()


def test_secrets_come_from_files_and_never_show(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("1:hush-hush\n")
    (tmp_path / "database").write_text("postgresql://bot:hush-hush@db/huifang\n")
    for name, value in {
        "TELEGRAM__TOKEN_FILE": str(tmp_path / "token"),
        "DATABASE_URL_FILE": str(tmp_path / "database"),
        "REDIS_URL": "redis://:hush-hush@redis:6379/0",
        "WHATSAPP__PHONE_NUMBER_ID": "1",
        "WHATSAPP__TOKEN": "hush-hush",
        "WHATSAPP__APP_SECRET": "hush-hush",
        "WHATSAPP__VERIFY_TOKEN": "hush-hush",
        "TELEGRAM__WEBHOOK_SECRET": "hush-hush",
    }.items():
        monkeypatch.setenv(f"HUIFANG_{name}", value)
    settings = Settings.load()
    assert _token(settings) == "1:hush-hush"
    assert settings.database == "postgresql://bot:hush-hush@db/huifang"
    assert "hush-hush" not in repr(settings)
    assert "hush-hush" not in str(settings)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "tcp://10.0.0.1", "port in HUIFANG_PORT: .*valid integer.*1-65535"),
        ("PORT", "0", "port in HUIFANG_PORT: .*greater than"),
        ("BUS", "kafka", "bus in HUIFANG_BUS: .*'local' or 'redis'"),
        ("ZONE", "Mars", "zone in HUIFANG_ZONE: 'Mars' is no IANA time zone"),
        ("REGION", "China", "region in HUIFANG_REGION: "),
        ("PUBLIC_URL", "bot.example.com", "public_url in HUIFANG_PUBLIC_URL: is no address"),
        ("SEND_WINDOW__END", "08:00", r"send_window\.end in HUIFANG_SEND_WINDOW__END: .*after"),
        ("CAPS__PER_DAY", "-1", r"caps\.per_day in HUIFANG_CAPS__PER_DAY"),
        ("DUTY__MONDAY", "9-5", r"duty\.monday in HUIFANG_DUTY__MONDAY: '9-5' is no interval"),
        ("DUTY__EXCEPTIONS", "{", "HUIFANG_DUTY__EXCEPTIONS is not valid JSON"),
        ("TELEGRAM", "on", "HUIFANG_TELEGRAM is not valid JSON"),
        ("TELEGRAM__MODE", "webhook", r"telegram\.webhook_secret in huifang\.toml or HUIFANG_"),
        ("TELEGRAM__WEBHOOK_SECRET", "ä", r"telegram\.webhook_secret in .*: use 1-256"),
        ("TELEGRAM__TOKEN_FILE", "/nowhere", r"telegram\.token_file in .*: cannot read /nowhere"),
        ("TELEGRAM__TOKN", "x", r"telegram\.tokn in .*is no setting; did you mean token\?"),
        ("WHATSAPP__PHONE_NUMBER_ID", "1", r"whatsapp\.token in .*: needed with phone_number_id"),
        ("WEBCHAT__EMBED_ORIGINS", "*", r"webchat\.embed_origins.*: '\*' is no origin"),
    ],
)
def test_a_wrong_variable_is_said_in_one_line_with_its_name_and_the_fix(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"HUIFANG_{name}", value)
    with pytest.raises(SettingsError, match=said) as raised:
        Settings.load()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 'x'", r"port in huifang\.toml: .*valid integer"),
        ("prot = 1", r"prot in huifang\.toml: is no setting; did you mean port\?"),
        ("[telegram]\nmode = 'pull'", r"telegram\.mode in huifang\.toml: .*'polling'"),
        ("[nonsense]\na = 1", r"nonsense in huifang\.toml: is no setting; remove it"),
        ("port = ", r"huifang\.toml is not valid TOML: .*Correct that line"),
        ("port = 0\nlocale = ''", r"\(1 more after it\)"),
    ],
)
def test_a_wrong_line_of_the_file_is_said_in_one_line(text: str, said: str) -> None:
    Path("huifang.toml").write_text(text)
    with pytest.raises(SettingsError, match=said) as raised:
        Settings.load()
    assert "\n" not in str(raised.value)


def test_an_error_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIFANG_TELEGRAM__WEBHOOK_SECRET", "hush hush")
    monkeypatch.setenv("HUIFANG_DATABASE_URL", "postgresql://bot:hush hush@db/x")
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    assert "hush hush" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_telegrams_webhook_needs_a_public_https_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOKEN": "1:x", "MODE": "webhook", "WEBHOOK_SECRET": "s"}.items():
        monkeypatch.setenv(f"HUIFANG_TELEGRAM__{name}", value)
    with pytest.raises(SettingsError, match=r"public_url in .*HUIFANG_PUBLIC_URL.*https"):
        Settings.load()
    monkeypatch.setenv("HUIFANG_PUBLIC_URL", "https://bot.example.com/")
    assert Settings.load().base_url == "https://bot.example.com"


def test_misspelt_variables_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIFANG_TELEGRAM_TOKN", "x")
    monkeypatch.setenv("HUIFANG_WHATSAPP__TEMPLATES__ZH", "hello")
    assert unknown_variables() == ["HUIFANG_TELEGRAM_TOKN"]
    assert Settings.load().whatsapp.templates == {"zh": "hello"}


def test_the_example_names_every_variable_once_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    given = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert sorted(name for name, _ in given) == sorted(variable_names())
    default = Settings.load()
    for name, value in given:
        monkeypatch.setenv(name, value)
    assert Settings.load() == default
