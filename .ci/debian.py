"""
Build the package for Debian, install it, use it and take it out again.

That happens in a copy of this system that is gone afterwards: an overlay over ``/``, in a namespace
of its own, which root may make.  Who may not only has the package built, and runs what is in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import require, run

ROOT = Path(__file__).resolve().parent.parent
NEEDED = {
    "/usr/bin/python3": "python3",
    "/usr/bin/dpkg-deb": "dpkg",
    "/usr/sbin/adduser": "adduser",
    "/usr/bin/unshare": "util-linux",
}
"""Programs, and Debian's packages that have them."""
LEFT = ("var/lib/dpkg", "var/log", "var/cache", "etc/passwd-", "etc/group-", "etc/shadow-")
"""What dpkg and adduser leave of themselves."""
OURS = ("srv", "tmp", "dev", "proc", "etc/gshadow-", "etc/subuid-", "etc/subgid-")
"""What this program makes, and what some versions of adduser do."""
UNIT = "usr/lib/systemd/system/txresumable-push.service"
CONFIG = """
state = "/var/lib/txresumable"
[target.lab]
url = "http://127.0.0.1:{port}/"
[folder.scans]
path = "/srv/scans"
target = "lab"
settle = "1s"
after = "move:/srv/sent"
"""


def main() -> None:
    """Build it, then do all else in a copy of the system."""
    if sys.argv[1:2] == ["--inside"]:
        inside(*map(Path, sys.argv[2:]))
    elif missing := install_missing():
        print(f"Debian: skipped, as there is no {' and no '.join(missing)}")
    else:
        with tempfile.TemporaryDirectory() as scratch:
            built = run([sys.executable, str(ROOT / "contrib/debian/build.py"), scratch])
            package = Path(built.split()[-1])
            check_content(package, Path(scratch))
            print("Debian: the package is built, and its command runs", flush=True)
            go_inside(package, scratch)


def install_missing() -> list[str]:
    """What is needed and not there; in CI it is fetched."""
    missing = {path: name for path, name in NEEDED.items() if not os.path.exists(path)}
    if missing and os.environ.get("CI") and shutil.which("apt-get") and not os.getuid():
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in ["update"], ["install", "--yes", "--no-install-recommends", *missing.values()]:
            subprocess.run(["apt-get", "-qq", *words], env=quiet, check=True)
        return []
    return list(missing)


def go_inside(package: Path, scratch: str) -> None:
    """Have the rest done in a namespace, where that may be made."""
    alone = ["unshare", "--mount", "--propagation", "private"]
    may = subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", scratch], capture_output=True)
    if may.returncode:
        print(f"Debian: it is not installed here: {may.stderr.decode().strip()}")
    else:
        words = [sys.executable, str(Path(__file__).resolve()), "--inside", str(package), scratch]
        if subprocess.run([*alone, *words]).returncode:
            sys.exit("the package for Debian is not as it should be")


def check_content(package: Path, scratch: Path) -> None:
    """It is root's, says nowhere where it was made, and works from anywhere."""
    listed = run(["dpkg-deb", "--contents", str(package)]).splitlines()
    others = [line for line in listed if line.split()[1] != "root/root" or line[7:9] == "-w"]
    require(not others, f"not root's alone: {others[:5]}")
    libraries = [line for line in listed if ".so" in line.split()[5]]
    runnable = [line for line in libraries if line[0] == "-" and "x" in line[:10]]
    require(libraries and not runnable, f"libraries that can be run: {runnable[:5]}")
    if shutil.which("lintian"):
        run(["lintian", "--allow-root", "--fail-on=error", str(package)])
    there = scratch / "extracted"
    run(["dpkg-deb", "--extract", str(package), str(there)])
    home = there / "usr/lib/txresumable"
    for path in [*home.glob("bin/*"), home / "pyvenv.cfg", *home.glob("lib/*/*/*.dist-info/*")]:
        if path.is_file() and not path.is_symlink():
            require(b"/tmp/" not in path.read_bytes(), f"{path} says where it was made")
    run([str(home / "bin/python3"), "-IBm", "txresumable", "--version"])
    shutil.rmtree(there)


def inside(package: Path, scratch: Path) -> None:
    """Install it in a copy of the system, use it, and remove it."""
    changed, root = overlay(scratch)
    system = System(root)
    require(not (root / "usr/lib/txresumable").exists(), "it is installed here already")
    shutil.copy(package, root / "tmp/txresumable.deb")
    for word in "installed", "installed once more":
        system.run("dpkg", "--install", "/tmp/txresumable.deb")
        print(f"Debian: {word}", flush=True)
    listed = system.run("/usr/lib/txresumable/bin/twistd", "--help")
    require("resumable-upload" in listed and "resumable-receive" in listed, "no plugins")
    if (root / "usr/bin/systemd-analyze").exists():
        system.run("systemd-analyze", "verify", "--man=no", f"/{UNIT}")
    use(system)
    print("Debian: a file that was dropped into a folder has arrived", flush=True)
    system.run("dpkg", "--remove", "txresumable")
    require(not (root / "usr/lib/txresumable").exists(), "removed, and files are left")
    require((root / "etc/txresumable.toml").exists(), "removed, and so is the configuration")
    others = root / "var/lib/txresumable/received"
    others.mkdir()
    (others / "file").write_text("of somebody")
    system.run("dpkg", "--purge", "txresumable")
    found = [path.name for path in others.parent.rglob("*")]
    require(found == ["received", "file"], f"purged, and of the state and others is left: {found}")
    shutil.rmtree(others.parent)
    left = [name for name in new_in(changed) if not name.startswith((*LEFT, *OURS))]
    require(not left, f"purged, and these are left: {left}")
    print("Debian: removed, and nothing is left", flush=True)


def overlay(scratch: Path) -> tuple[Path, Path]:
    """Lay a folder over the system: where changes are, and the system with them."""
    top, root = scratch / "top", scratch / "root"
    for folder in top, root:
        folder.mkdir()
    run(["mount", "-t", "tmpfs", "tmpfs", str(top)])
    changed, work = top / "changed", top / "work"
    for folder in changed, work:
        folder.mkdir()
    layers = f"lowerdir=/,upperdir={changed},workdir={work}"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)])
    for name in "dev", "proc":
        run(["mount", "--rbind", f"/{name}", str(root / name)])
    run(["mount", "-t", "tmpfs", "tmpfs", str(root / "tmp")])
    return changed, root


def new_in(changed: Path) -> Iterator[str]:
    """The paths that the system does not have otherwise."""
    for folder, folders, names in os.walk(changed):
        for name in (*folders, *names):
            path = os.path.relpath(os.path.join(folder, name), changed)
            if not os.path.lexists(f"/{path}"):
                yield path


class System:
    """A system, whose programs are run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

    def words(self, *words: str) -> list[str]:
        """A command, as this system can be given it."""
        return ["chroot", str(self.root), "/usr/bin/env", "-i", *self._given(), *words]

    def _given(self) -> list[str]:
        return [f"{name}={value}" for name, value in self._environment.items()]

    def run(self, *words: str) -> str:
        """What a program of it prints."""
        return run(self.words(*words))

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a program of it run, and end well when it is told to."""
        log = self.root / "tmp" / "log"
        with log.open("ab") as said:
            process = subprocess.Popen(self.words(*words), stdout=said, stderr=said)
        try:
            yield process
            process.terminate()
            status = process.wait(30)
            ended = status in (0, -signal.SIGTERM)
            require(ended, f"{words} ended with {status}:\n{log.read_text()}")
        finally:
            process.kill()
            process.wait()


def use(system: System) -> None:
    """Drop a file into a folder, with the service as the unit starts it."""
    port, root = unused_port(), system.root
    as_user = ("setpriv", "--reuid=txresumable", "--regid=txresumable", "--clear-groups", "--")
    for folder in "srv/scans", "srv/sent", "srv/received", "var/lib/txresumable":
        (root / folder).mkdir(parents=True)
        (root / folder).chmod(0o700)
        system.run("chown", "txresumable:txresumable", f"/{folder}")
    (root / "etc/txresumable.toml").write_text(CONFIG.format(port=port))
    receiver = (
        *as_user,
        *("/usr/lib/txresumable/bin/twistd", "--nodaemon", "--pidfile=", "resumable-receive"),
        *("--listen", f"tcp:{port}:interface=127.0.0.1"),
        *("--directory", "/srv/received"),
    )
    content = os.urandom(3_000_000)
    unit = (root / UNIT).read_text()
    [started] = [line[10:].split() for line in unit.splitlines() if line.startswith("ExecStart=")]
    with system.running(*receiver):
        until(lambda: is_there(port), "the receiver")
        system.run(*as_user, "txresumable", "check")
        with system.running(*as_user, *started):
            (root / "srv/scans/.copy").write_bytes(content)
            system.run("chown", "txresumable:txresumable", "/srv/scans/.copy")
            (root / "srv/scans/.copy").rename(root / "srv/scans/file.bin")
            until((root / "srv/sent/file.bin").exists, "the file")
            system.run("txresumable", "status")
    wanted = hashlib.sha256(content).digest()
    received = list((root / "srv/received").rglob("file.bin"))
    found = [hashlib.sha256(path.read_bytes()).digest() for path in received]
    require(found == [wanted], f"the receiver has not the file, but {received}")


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something."""
    end = time.monotonic() + 60
    while not is_so():
        require(time.monotonic() < end, f"{what} does not come")
        time.sleep(0.1)


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def is_there(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
