"""Makes .venv from the lock files when it is missing or out of date, and shows how far it is.

Run by deploy/setup.sh with the system's Python: python3 deploy/make_venv.py runtime|dev.
Needs the standard library only, and either ensurepip or an installed pip to put packages in place.
"""

from __future__ import annotations

import hashlib
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
LOCKS = {
    "runtime": [ROOT / "requirements.txt"],
    "dev": [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"],
}
PIP = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check"]
# The lock files are complete, so nothing is left to resolve; Python compiles what it imports.
INSTALL = ["install", "--no-deps", "--no-compile", "--progress-bar=off"]
PACKAGE_LINE = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([\w.-]+)")
PINNED = re.compile(r"^[\w.-]+==", re.MULTILINE)
LINES_WITHOUT_TERMINAL = 10


class SetupError(Exception):
    """A step went wrong; the text says what to do. What pip printed has been shown in full."""


def main(kind: str) -> int:
    """Bring .venv up to date for `kind` (runtime or dev); return the exit code."""
    stamps = {name: stamp_of(name) for name in LOCKS}
    # A development environment contains all that the runtime needs.
    if any(is_current(name, stamps[name]) for name in (kind, "dev")):
        return 0
    started = time.monotonic()
    try:
        print(f"Setting up Huifang ({kind}) with Python {sys.version.split()[0]}", flush=True)
        make_environment()
        install_packages(LOCKS[kind])
        install_project()
    except SetupError as failure:
        print(f"Setup failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSetup interrupted; run it again to continue.", file=sys.stderr)
        return 130
    stamp_path(kind).write_text(stamps[kind], encoding="utf-8")
    print(f"Ready in {time.monotonic() - started:.0f} s: .venv/bin/huifang", flush=True)
    return 0


def stamp_path(kind: str) -> Path:
    """The file that says for which lock files .venv was made."""
    return VENV / f"huifang-{kind}.stamp"


def stamp_of(kind: str) -> str:
    """What .venv depends on: the place (scripts name it), the project file and the lock files."""
    parts = [f"place {ROOT}"]
    for path in [ROOT / "pyproject.toml", *LOCKS[kind]]:
        parts.append(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return "\n".join(parts) + "\n"


def is_current(kind: str, stamp: str) -> bool:
    """Whether .venv was made from these very files, in this place, and its Python still starts."""
    path = stamp_path(kind)
    return path.is_file() and path.read_text(encoding="utf-8") == stamp and python_works()


def python_works() -> bool:
    """Whether .venv's Python starts and is new enough; not after an upgrade of the system's Python."""
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([VENV_PYTHON, "-c", test], capture_output=True).returncode == 0
    except OSError:
        return False


def was_moved() -> bool:
    """Whether a stamp names another place: scripts in .venv/bin would then start something else."""
    stamps = [stamp_path(kind) for kind in LOCKS]
    places = [p.read_text(encoding="utf-8").split("\n")[0] for p in stamps if p.is_file()]
    return any(place != f"place {ROOT}" for place in places)


def make_environment() -> None:
    """Step 1: an environment with or without a pip of its own."""
    if python_works() and not was_moved():
        print("[1/3] .venv is there", flush=True)
        return
    print("[1/3] making .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    made = run([sys.executable, "-m", "venv", str(VENV)])
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if run([sys.executable, "-m", "pip", "--version"]).returncode != 0:
        raise SetupError(
            f"{sys.executable} has neither venv with ensurepip nor pip: run 'apt-get install python3-venv'."
        )
    made = run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    if made.returncode != 0:
        raise SetupError(f"{sys.executable} cannot make a virtual environment:\n{made.stdout}")


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run quietly, both outputs together."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def install_pip(lock: Path) -> None:
    """Put the locked pip into .venv first: an older one takes three times the work for the rest."""
    block = re.search(
        r"^pip==(\S+)(?:.*\n)(?:    .*\n?)*", lock.read_text(encoding="utf-8"), re.MULTILINE
    )
    if block is None:
        raise SetupError(f"{lock.name} does not lock pip: run 'make lock' where .venv works.")
    own = run([*PIP, "--version"])
    if own.stdout.startswith(f"pip {block[1]} "):
        return
    bootstrap = (
        PIP if own.returncode == 0 else [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON)]
    )
    wanted = VENV / "pip.txt"
    wanted.write_text(block[0], encoding="utf-8")
    watch([*bootstrap, *INSTALL, "--require-hashes", f"--requirement={wanted}"], lambda line: None)
    wanted.unlink()


def install_packages(locks: list[Path]) -> None:
    """Step 2: the locked packages, each checked against its sha256."""
    total = sum(len(PINNED.findall(lock.read_text(encoding="utf-8"))) for lock in locks)
    print(f"[2/3] installing {total} packages", flush=True)
    install_pip(locks[0])
    progress = Progress(total)
    wanted = [f"--requirement={lock}" for lock in locks]
    watch([*PIP, *INSTALL, "--require-hashes", *wanted], progress.see)
    progress.close()


def install_project() -> None:
    """Step 3: the command and a path to this folder; no network, setuptools is locked."""
    print("[3/3] linking the huifang command", flush=True)
    # compat: one plain path line instead of an import hook, so new packages appear by themselves.
    local = ["--no-build-isolation", "--no-index", "--config-settings=editable_mode=compat"]
    watch([*PIP, *INSTALL, *local, f"--editable={ROOT}"], lambda line: None)


class Progress:
    """Turns pip's lines into a count: one line that changes on a terminal, else one in ten packages."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen: set[str] = set()
        self.text = ""
        self.started = time.monotonic()

    def see(self, line: str) -> None:
        """Read one line of pip; an empty line only moves the clock."""
        package = PACKAGE_LINE.match(line)
        if package and package[1].lower() not in self.seen:
            self.seen.add(package[1].lower())
            self.text = f"{min(len(self.seen), self.total):4}/{self.total} {package[1]}"
            self.show(last=len(self.seen) % LINES_WITHOUT_TERMINAL == 0)
        elif line.startswith("Installing collected packages"):
            self.text = f"{self.total:4}/{self.total} unpacking"
            self.show(last=True)
        elif not line:
            self.show(last=False)

    def show(self, *, last: bool) -> None:
        """Print where we are; without a terminal only if `last` says the line is worth keeping."""
        if sys.stdout.isatty():
            seconds = time.monotonic() - self.started
            print(f"\r\033[K      {self.text}  {seconds:.0f} s", end="", flush=True)
        elif last:
            print(f"      {self.text}", flush=True)

    def close(self) -> None:
        """Clear the changing line."""
        if sys.stdout.isatty():
            print("\r\033[K", end="", flush=True)


def watch(command: list[str], see: Callable[[str], None]) -> None:
    """Run pip and hand over its lines; on failure show all that it printed and raise SetupError."""
    printed = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    ) as process:
        assert process.stdout is not None
        while True:
            if select.select([process.stdout], [], [], 1.0)[0]:
                line = process.stdout.readline().decode(errors="replace")
                if not line:
                    break
                printed.append(line)
                see(line.rstrip() or " ")
            else:
                see("")
    if process.returncode != 0:
        print("\n" + "".join(printed), file=sys.stderr)
        raise SetupError(
            "pip stopped; its output is above. Once repaired, run the same command again."
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "dev"))
