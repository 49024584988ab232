"""The compose file, the image, the units and the proxy's example say only what is true."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot import metrics
from bot.runtime import STOP_S
from bot.settings import Settings, variable_names
from bot.web.guard import LARGEST_BODY
from bot.web.server import GRACE_S
from tests.test_docs import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
ROOT = DEPLOY.parent
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTING = re.compile(r"\bHUIFANG_[A-Z0-9_]+\b")
LONGEST_STOP_S = GRACE_S + STOP_S  # requests, then tasks, sends and small work


def test_a_stop_drains_within_ten_seconds() -> None:
    assert LONGEST_STOP_S <= 10


def compose() -> Any:
    return YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text("utf-8"))


def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text("utf-8")


def seconds(span: str) -> float:
    return float(span.removesuffix("s"))


def unit(path: Path) -> dict[str, list[str]]:
    """Every key of a unit with its values; keys are not repeated between its sections here."""
    found: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(
    "path", [*DEPLOY.glob("*.*"), *UNITS, DEPLOY / "Dockerfile"], ids=lambda path: path.name
)
def test_every_setting_that_is_named_is_read(path: Path) -> None:
    assert set(SETTING.findall(path.read_text("utf-8"))) <= set(variable_names())


def test_the_settings_of_the_compose_file_fit_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "url").write_text("postgresql://huifang:x@postgres/huifang\n")
    image = dict(re.findall(r"(HUIFANG_\w+)=(\S+)", dockerfile()))
    for name in ("migrate", "web", "worker"):
        for key, value in {**image, **compose()["services"][name]["environment"]}.items():
            given = str(value).replace("/run/secrets/database_url", str(tmp_path / "url"))
            given = re.sub(r"\$\{.*\}", "https://bot.example.com", given)
            monkeypatch.setenv(key, given)
        settings = Settings.load()
        assert settings.database == "postgresql://huifang:x@postgres/huifang"
        assert settings.bus == "redis"
        assert settings.health_port == (9100 if name == "worker" else None)


def test_the_commands_of_the_containers_exist() -> None:
    services = compose()["services"]
    for name in ("migrate", "web", "worker"):
        parse(shlex.join(services[name]["command"]))
    assert '\nENTRYPOINT ["huifang"]\n' in dockerfile()


def test_there_are_two_workers_and_all_wait_for_the_migration() -> None:
    services = compose()["services"]
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in ("web", "worker"):
        wanted = services[name]["depends_on"]
        assert wanted["migrate"]["condition"] == "service_completed_successfully"
        assert set(wanted) <= set(services)


def test_no_container_is_root_or_writes_outside_its_volumes() -> None:
    for name, one in compose()["services"].items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in one["security_opt"], name
        assert one.get("user", "huifang") not in ("root", "0"), name
    assert "\nUSER huifang\n" in dockerfile()


def test_only_the_web_is_published_and_on_this_machine_alone() -> None:
    services = compose()["services"]
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert published == {"web": ["127.0.0.1:8000:8000"]}
    assert compose()["networks"]["inside"] == {"internal": True}
    assert services["postgres"]["networks"] == services["valkey"]["networks"] == ["inside"]


def test_secrets_are_files_and_none_is_written_here() -> None:
    tree = compose()
    named = {name for one in tree["services"].values() for name in one.get("secrets", [])}
    assert named == set(tree["secrets"])
    assert all("file" in one for one in tree["secrets"].values())
    assert "PASSWORD:" not in (DEPLOY / "compose.yaml").read_text("utf-8")


def test_volumes_and_networks_are_declared() -> None:
    tree = compose()
    for one in tree["services"].values():
        assert {volume.partition(":")[0] for volume in one.get("volumes", [])} <= set(
            tree["volumes"]
        )
        assert set(one["networks"]) <= set(tree["networks"])


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_health_checks_run_and_ask_what_the_process_answers(name: str) -> None:
    one = compose()["services"][name]
    kind, program, option, code = one["healthcheck"]["test"]
    assert (kind, program, option) == ("CMD", "python", "-c")
    compile(code, name, "exec")
    port = one["environment"].get("HUIFANG_HEALTH_PORT", 8000)
    assert f"http://127.0.0.1:{port}/readyz" in code


def test_a_process_gets_the_time_that_it_needs_to_drain() -> None:
    services = compose()["services"]
    for name in ("web", "worker"):
        assert seconds(services[name]["stop_grace_period"]) > LONGEST_STOP_S
    for path in UNITS:
        if "serve" in path.read_text("utf-8"):
            assert float(unit(path)["TimeoutStopSec"][0]) > LONGEST_STOP_S


def test_the_image_installs_the_locked_packages_and_has_all_of_ours() -> None:
    text = dockerfile()
    assert "--require-hashes -r requirements.txt" in text
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.M))
    assert copied == {"bot", "channels", "dialogs", "kb"}
    allowed = set(re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.M))
    sources = {
        word for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.M) for word in line.split()
    }
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_commands_of_the_units_exist(path: Path) -> None:
    program, _, rest = unit(path)["ExecStart"][0].partition(" ")
    assert program == "/opt/huifang/.venv/bin/huifang"
    parse(rest)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_units_are_hardened_alike(path: Path) -> None:
    found = unit(path)
    for key, value in {
        "User": "huifang",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "SystemCallFilter": "@system-service",
    }.items():
        assert found[key] == [value], key


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text("utf-8").replace("/opt/huifang/.venv/bin/huifang", sys.executable)
        (tmp_path / path.name.replace("@.", "@1.")).write_text(text)
    made = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run([program, "verify", *made], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_proxy_hides_the_probes_passes_the_host_and_lets_streams_flow() -> None:
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for path in ("/metrics", "/readyz"):
        assert re.search(rf"location = {path}\s+{{ return 404; }}", text)
    assert "proxy_set_header Host $host;" in text
    assert "X-Forwarded-For" in text
    (streams,) = re.findall(r"location ~ (\S+) \{([^}]*)\}", text)
    for path in ("/w/v1/events", "/desk/events"):
        assert re.match(streams[0], path)
    assert "proxy_buffering off;" in streams[1]
    (size,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(size) * 1024 * 1024 >= LARGEST_BODY
    assert text.count("{") == text.count("}")


def known_samples() -> set[str]:
    found = set()
    for family in metrics.REGISTRY.collect():
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        found |= {family.name + end for end in ends.get(family.type, ("",))}
    return found


def test_every_alert_asks_for_numbers_that_exist_and_is_explained() -> None:
    (group,) = YAML(typ="safe").load((DEPLOY / "alerts.yaml").read_text("utf-8"))["groups"]
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for rule in group["rules"]:
        names = set(re.findall(r"\b(?:huifang|process)_\w+", rule["expr"]))
        assert names <= known_samples()
        assert rule["alert"].removeprefix("Huifang") in guide
    (questions,) = re.findall(r"```promql\n(.*?)```", guide, re.S)
    assert set(re.findall(r"\b(?:huifang|process)_\w+", questions)) <= known_samples()


def test_promtool_accepts_the_alerts() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    rules = str(DEPLOY / "alerts.yaml")
    done = subprocess.run(
        [program, "check", "rules", rules], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
