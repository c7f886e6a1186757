"""
Put the receivers that other people wrote where the integration tests find them.

Run it as ``python -m tests.interop.install``.  Everything goes into :data:`HOME`, an untracked
folder beside the package: one folder of Node modules, and one virtual environment for each Python
receiver.  A part that is already there as it should be is left alone, so a second run takes no
time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

__all__ = [
    "ENVIRONMENTS",
    "HOME",
    "NODE_MODULES",
    "NODE_PACKAGES",
    "is_installed",
    "main",
    "python_of",
]

HOME: Final = Path(__file__).resolve().parents[2] / ".interop"

NODE: Final = "node"
NODE_MODULES: Final = HOME / NODE / "node_modules"
NODE_PACKAGES: Final = (
    "express@4",
    "connect-multiparty@2",
    "resumablejs@1.1.0",
    "@flowjs/flow.js@2.14.1",
)

ENVIRONMENTS: Final[dict[str, tuple[str, ...]]] = {
    "django-async": ("Django==5.2.*", "django-resumable-async-upload==0.1.5"),
    "django-resumable": ("Django==5.2.*", "django-resumable==0.2.0"),
    "flowjs": ("tornado==6.*", "flowjs==0.1.1"),
    "dash": ("dash-uploader-ng==1.3.2",),
}
"""What each virtual environment holds; the names are also the names of their folders."""


def python_of(environment: str) -> Path:
    """The interpreter of a virtual environment.

    :param environment: a name from :data:`ENVIRONMENTS`.
    """
    return HOME / environment / "bin" / "python"


def is_installed(part: str) -> bool:
    """Whether a part is there and holds what this version of the tests wants.

    :param part: :data:`NODE` or a name from :data:`ENVIRONMENTS`.
    """
    try:
        return _stamp(part).read_text("utf-8") == _wanted(part)
    except OSError:
        return False


def main() -> int:
    """Install what is missing.

    :return: the exit status: 0, or 1 when a part could not be installed.
    """
    missing = [part for part in (NODE, *ENVIRONMENTS) if not is_installed(part)]
    if not missing:
        _say(f"all receivers are in {HOME.name}/")
        return 0
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n", "utf-8")
    if NODE in missing:
        _ensure_npm()
    with ThreadPoolExecutor(max_workers=2) as pool:
        return 0 if all(list(pool.map(_try, missing))) else 1


def _try(part: str) -> bool:
    try:
        _install(part)
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "output", None) or ""
        _say(f"{part} could not be installed: {error}\n{output}")
        return False
    _say(f"installed {part}")
    return True


def _install(part: str) -> None:
    folder = HOME / part
    shutil.rmtree(folder, ignore_errors=True)
    if part == NODE:
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true}\n', "utf-8")
        _run(
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--prefix",
            str(folder),
            *NODE_PACKAGES,
        )
    else:
        venv.create(folder, symlinks=True)
        pip = (sys.executable, "-m", "pip", "--python", str(python_of(part)))
        _run(*pip, "install", "--quiet", "--disable-pip-version-check", *ENVIRONMENTS[part])
    _stamp(part).write_text(_wanted(part), "utf-8")


def _ensure_npm() -> None:
    """Get Node.js from Debian when npm is missing; where that fails, calling npm will say so."""
    if shutil.which("npm") is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (
            ("update",),
            ("install", "--yes", "--no-install-recommends", "nodejs", "npm"),
        ):
            subprocess.run(("apt-get", "-qq", *command), env=quiet, check=False)


def _say(text: str) -> None:
    sys.stdout.write(f"interop: {text}\n")
    sys.stdout.flush()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _stamp(part: str) -> Path:
    return HOME / part / "installed.json"


def _wanted(part: str) -> str:
    packages = NODE_PACKAGES if part == NODE else ENVIRONMENTS[part]
    return json.dumps([list(packages), "" if part == NODE else sys.version.split()[0]])


if __name__ == "__main__":
    sys.exit(main())
