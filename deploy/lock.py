"""Writes requirements.txt and requirements-dev.txt: every package pinned, with the sha256 of all its files.

Run by `make lock`, with .venv's Python. Options are handed to pip-compile: --upgrade, --upgrade-package NAME.
Versions already locked stay unless asked. This machine's pip configuration is left aside, so that
nothing of it gets into the files; PIP_INDEX_URL in the environment names another package index.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import tomllib
from pathlib import Path

# Before pip is imported: it reads its configuration once.
os.environ["PIP_CONFIG_FILE"] = os.devnull
for setting in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
    os.environ.pop(setting, None)

from pip._internal.models.link import Link  # noqa: E402
from piptools.repositories import pypi  # noqa: E402
from piptools.scripts import compile as pip_compile  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "requirements.txt"
DEV = ROOT / "requirements-dev.txt"
HEADER = "# Written by `make lock` from pyproject.toml: versions, and the sha256 of every file of each package."
ADDED = "# Installed after requirements.txt; only what tests and checks add to it."
OPTIONS = ["--quiet", "--generate-hashes", "--allow-unsafe", "--strip-extras", "--no-config"]
OPTIONS += ["--no-header", "--no-annotate", "--no-emit-options", "--no-emit-index-url"]
OPTIONS += ["--no-emit-trusted-host", "--no-emit-find-links"]
BLOCK = re.compile(r"^[\w.-]+==.*(?:\n    --hash=\S+(?: \\)?)*", re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Compile both files; the second holds only what development and the optional parts add, since
    the tests drive those too."""
    take_hashes_from_the_index()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # deploy/make_venv.py installs with a pip of known age, and the project without build isolation.
        build = folder / "build.in"
        build.write_text(
            "\n".join(["pip", *project["build-system"]["requires"], ""]), encoding="utf-8"
        )
        sources = [*arguments, str(ROOT / "pyproject.toml"), str(build)]
        runtime = compiled(folder, [RUNTIME], sources)

        pins = folder / "runtime.txt"
        pins.write_text("".join(block.split()[0] + "\n" for block in runtime), encoding="utf-8")
        everything = compiled(
            folder,
            [RUNTIME, DEV],
            ["--extra=dev", "--extra=embeddings", f"--constraint={pins}", *sources],
        )
    added = [block for block in everything if block not in set(runtime)]
    RUNTIME.write_text("\n".join([HEADER, *runtime, ""]), encoding="utf-8")
    DEV.write_text("\n".join([HEADER, ADDED, *added, ""]), encoding="utf-8")
    print(f"requirements.txt: {len(runtime)} packages; requirements-dev.txt: {len(added)} more")


def compiled(folder: Path, known: list[Path], arguments: list[str]) -> list[str]:
    """Run pip-compile; return one block of text per package: name, version, hashes.

    `known` files give the versions to keep.
    """
    output = folder / "output.txt"
    output.write_text(
        "".join(p.read_text(encoding="utf-8") for p in known if p.exists()), encoding="utf-8"
    )
    pip_compile.cli.main([*OPTIONS, f"--output-file={output}", *arguments], standalone_mode=False)
    return BLOCK.findall(output.read_text(encoding="utf-8"))


def take_hashes_from_the_index() -> None:
    """Use the sha256 that the index states for a file.

    pip-compile asks PyPI's JSON interface, which mirrors lack or change, and then downloads every
    file of every package only to compute what the index has already said.
    """
    compute = pypi.PyPIRepository._get_file_hash

    def stated(repository: pypi.PyPIRepository, link: Link) -> str:
        return f"sha256:{link.hash}" if link.hash_name == "sha256" else compute(repository, link)

    pypi.PyPIRepository._get_file_hash = stated  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    main(sys.argv[1:])
