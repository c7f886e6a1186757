"""
Make a package for Debian and its like, with the command, the service and all that they need.

``python3 build.py FOLDER`` puts it there; what is printed last is its path.  It needs the system's
Python, pip, and dpkg-deb.  As the newest Twisted is not in Debian, the package has an environment
of its own, for the version of Python that the system has: what is made on one release is for that.
"""

from __future__ import annotations

import compileall
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = "/usr/bin/python3"
HOME = "usr/lib/txresumable"
EXTRAS = "command,metrics,postgresql,push,receiver,s3"
SERVICES = ("signin", "sso", "sso-oidc", "sts")
"""Those of Amazon that botocore gets credentials from; what it knows of all others is big."""
SCRIPTS = ("postinst", "prerm", "postrm")
FILES = {
    "contrib/push.toml": "etc/txresumable.toml",
    "contrib/systemd/txresumable-push.service": "usr/lib/systemd/system/txresumable-push.service",
    "contrib/debian/README.Debian": "usr/share/doc/txresumable/README.Debian",
    "contrib/debian/lintian-overrides": "usr/share/lintian/overrides/txresumable",
    "LICENSE": "usr/share/doc/txresumable/copyright",
    "contrib/completions/txresumable": "usr/share/bash-completion/completions/txresumable",
    "contrib/completions/_txresumable": "usr/share/zsh/vendor-completions/_txresumable",
    "contrib/completions/txresumable.fish": "usr/share/fish/vendor_completions.d/txresumable.fish",
}


def main() -> None:
    """Make it."""
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "package"
        staged.mkdir(mode=0o755)
        version = fill_environment(staged, Path(scratch))
        place_files(staged)
        architecture = run(["dpkg", "--print-architecture"]).strip()
        describe(staged, version, architecture)
        allow_reading(staged)
        there = Path(sys.argv[1]).resolve()
        there.mkdir(parents=True, exist_ok=True)
        package = there / f"txresumable_{version}_{architecture}.deb"
        run(["dpkg-deb", "--build", "--root-owner-group", "-z3", str(staged), str(package)])
    print(package)


def fill_environment(staged: Path, scratch: Path) -> str:
    """Install into an environment that is to be moved to its place.  The version."""
    home = staged / HOME
    run([PYTHON, "-m", "venv", "--without-pip", "--symlinks", str(home)])
    # Of a copy, so that nothing is built in the sources.
    source = scratch / "source"
    ignored = shutil.ignore_patterns(".*", "build", "_trial*", "node_modules", "*.egg-info", "docs")
    shutil.copytree(ROOT, source, ignore=ignored)
    python = str(home / "bin" / "python")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
        "--quiet",
    ]
    run([*pip, "install", "--no-compile", f"{source}[{EXTRAS}]"])
    asked = "from importlib.metadata import version; print(version('txresumable'))"
    version = run([python, "-c", asked]).strip()
    remove_what_is_not_to_stay(home)
    for path in (home / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            move_script(path, str(home))
    config = home / "pyvenv.cfg"
    config.write_text(config.read_text().replace(str(staged), ""))
    # Checked never, as dpkg gives each file its time: else root would write them anew.
    compileall.compile_dir(
        home / "lib",
        quiet=2,
        stripdir=str(staged),
        prependdir="/",
        invalidation_mode=compileall.py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    return re.sub(r"\.?(a|b|rc|dev)(?=\d)", r"~\1", version)


def remove_what_is_not_to_stay(home: Path) -> None:
    """Remove what says where it was made, what is elsewhere, and what is about other services."""
    for path in home.rglob("direct_url.json"):
        path.unlink()
    for path in home.glob("bin/[Aa]ctivate*"):
        path.unlink()
    for path in home.glob("lib/*/site-packages/botocore/data/*"):
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)
    for name in "share", "include":
        shutil.rmtree(home / name, ignore_errors=True)


def move_script(path: Path, home: str) -> None:
    """Have a script started by the interpreter that will be there."""
    path.write_bytes(path.read_bytes().replace(home.encode(), f"/{HOME}".encode()))


def place_files(staged: Path) -> None:
    """Place what is outside of the environment."""
    for source, target in FILES.items():
        (staged / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, staged / target)
    manual = staged / "usr/share/man/man1/txresumable.1.gz"
    manual.parent.mkdir(parents=True)
    manual.write_bytes(gzip.compress((ROOT / "contrib/man/txresumable.1").read_bytes(), mtime=0))
    (staged / "usr/bin").mkdir()
    (staged / "usr/bin/txresumable").symlink_to("../lib/txresumable/bin/txresumable")


def describe(staged: Path, version: str, architecture: str) -> None:
    """Write what dpkg has to know."""
    numbers = run([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]).split()
    major, minor = map(int, numbers)
    size = sum(path.lstat().st_size for path in staged.rglob("*") if not path.is_dir())
    known = {
        "@VERSION@": version,
        "@ARCHITECTURE@": architecture,
        "@SIZE@": str(size // 1024),
        "@PYTHON@": f"{major}.{minor}",
        "@NEXT@": f"{major}.{minor + 1}",
    }
    control = (HERE / "control").read_text()
    for name, value in known.items():
        control = control.replace(name, value)
    place_changelog(staged, version, control)
    (staged / "DEBIAN").mkdir()
    (staged / "DEBIAN" / "control").write_text(control)
    shutil.copyfile(HERE / "conffiles", staged / "DEBIAN" / "conffiles")
    for name in SCRIPTS:
        shutil.copyfile(HERE / name, staged / "DEBIAN" / name)
        (staged / "DEBIAN" / name).chmod(0o755)


def place_changelog(staged: Path, version: str, control: str) -> None:
    """Say in Debian's form where it is said what is new."""
    [maintainer] = re.findall("^Maintainer: (.*)$", control, re.M)
    [homepage] = re.findall("^Homepage: (.*)$", control, re.M)
    lines = (
        f"txresumable ({version}) unstable; urgency=medium",
        f"  * {homepage}/en/latest/changelog.html says what is new.",
        f" -- {maintainer}  {formatdate()}",
    )
    target = staged / "usr/share/doc/txresumable/changelog.gz"
    target.write_bytes(gzip.compress(("\n\n".join(lines) + "\n").encode(), mtime=0))


def allow_reading(staged: Path) -> None:
    """Everybody may read all, whatever the umask is here, and run what is a program."""
    for folder, _, names in os.walk(staged):
        os.chmod(folder, 0o755)
        for path in (Path(folder) / name for name in names):
            if not path.is_symlink():
                is_program = path.stat().st_mode & 0o100 and ".so" not in path.suffixes
                path.chmod(0o755 if is_program else 0o644)


def run(command: list[str]) -> str:
    """What a command prints; its failure ends this program with all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
