"""
Put the receivers and clients that other people wrote where the integration tests find them.

Run it as ``python -m tests.interop.install``.  Everything goes into :data:`HOME`, an untracked
folder beside the package: one folder of Node modules, and one virtual environment for each Python
receiver or client.  A part that is already there as it should be is left alone, so a second run
takes no time.

The browser and the proxies alone are the system's.  With ``--browser`` and ``--proxies``, and in
CI, where ``CI`` is set, those that are missing are fetched from Debian.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

__all__ = [
    "BROWSER",
    "ENVIRONMENTS",
    "HOME",
    "NODE_MODULES",
    "NODE_PACKAGES",
    "PROXIES",
    "browser",
    "is_installed",
    "main",
    "python_of",
    "why_no_proxy",
]

HOME: Final = Path(__file__).resolve().parents[2] / ".interop"

NODE: Final = "node"
NODE_MODULES: Final = HOME / NODE / "node_modules"
NODE_PACKAGES: Final = (
    "express@4",
    "connect-multiparty@2",
    "resumablejs@1.1.0",
    "@flowjs/flow.js@2.14.1",
    "simple-uploader.js@0.6.0",
)

BROWSER: Final = "browser"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")

PROXIES: Final = {"tinyproxy": "tinyproxy-bin", "squid": "squid"}
"""The proxies, which are the system's: from each program to Debian's package."""

ENVIRONMENTS: Final[dict[str, tuple[str, ...]]] = {
    "django-async": ("Django==5.2.*", "django-resumable-async-upload==0.1.5"),
    "django-resumable": ("Django==5.2.*", "django-resumable==0.2.0"),
    "flowjs": ("tornado==6.*", "flowjs==0.1.1"),
    "dash": ("dash-uploader-ng==1.3.2",),
    "resumable": ("resumable==0.1.1",),
}
"""What each virtual environment holds; the names are also the names of their folders."""


def python_of(environment: str) -> Path:
    """The interpreter of a virtual environment.

    :param environment: a name from :data:`ENVIRONMENTS`.
    """
    return HOME / environment / "bin" / "python"


def is_installed(part: str) -> bool:
    """Whether a part is there and holds what this version of the tests wants.

    :param part: :data:`NODE`, :data:`BROWSER` or a name from :data:`ENVIRONMENTS`.
    """
    if part == BROWSER:
        return browser() is not None
    try:
        there = part == NODE or python_of(part).exists()
        return there and _stamp(part).read_text("utf-8") == _wanted(part)
    except OSError:
        return False


def browser() -> str | None:
    """The program that is the browser, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def why_no_proxy(program: str) -> str | None:
    """
    Why a proxy cannot be started.

    :param program: one of :data:`PROXIES`.
    :returns: a sentence for people, or :obj:`None` when it can.
    """
    if shutil.which(program) is not None:
        return None
    return f"{program} is not installed: run python -m tests.interop.install --proxies"


def main(arguments: Sequence[str] = ()) -> int:
    """Install what is missing.

    :param arguments: of the command line.
    :return: the exit status: 0, or 1 when a part could not be installed.
    """
    wanted = "--browser" in arguments or os.environ.get("CI")
    if wanted and not is_installed(BROWSER):
        _install_from_debian("chromium")
        if not is_installed(BROWSER):
            _say("there is no Chromium, and none could be installed")
            return 1
    absent = [PROXIES[program] for program in PROXIES if why_no_proxy(program)]
    if absent and ("--proxies" in arguments or os.environ.get("CI")):
        _install_from_debian(*absent)
    missing = [part for part in (NODE, *ENVIRONMENTS) if not is_installed(part)]
    if not missing:
        _say(f"all receivers and clients are in {HOME.name}/")
        return 0
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n", "utf-8")
    if NODE in missing and shutil.which("npm") is None:
        # Where that fails, calling npm will say so.
        _install_from_debian("nodejs", "npm")
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


def _install_from_debian(*packages: str) -> None:
    """Get packages of the system, where it is Debian's kind and may be changed."""
    if shutil.which("apt-get") is not None and os.geteuid() == 0:
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (("update",), ("install", "--yes", "--no-install-recommends", *packages)):
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
    return json.dumps(list(packages))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
