"""
Install the package in each of four ways, look for its plugins, and take it out again.

Run with a Python that has ``build``; it works on a copy of what git tracks and leaves nothing
behind.  The first thing that is not as it should be ends it.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import require, run

ROOT = Path(__file__).resolve().parent.parent
OURS = ("resumable-upload", "resumable-receive")


def main() -> None:
    """Check the archives, then the four ways."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = copy_tracked(folder / "source")
        wheel, sdist = build(source, folder / "dist")
        check_names(wheel, sdist)
        ways = {
            "pip install .": [f"{source}[command,receiver]"],
            "pip install -e .": ["-e", f"{source}[command,receiver]"],
            "pip install WHEEL": [f"{wheel}[command,receiver]"],
            "pip install SDIST": [f"{sdist}[command,receiver]"],
        }
        for label, arguments in ways.items():
            check_install(label, arguments, folder)
        check_core(wheel, folder)


def copy_tracked(target: Path) -> Path:
    """Copy what a clone would hold, with changes that are not committed yet."""
    listing = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def build(source: Path, target: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, as a release would."""
    # A cache as Twisted leaves it in a working copy must not be shipped.
    (source / "twisted" / "plugins" / "dropin.cache").write_bytes(b"")
    run([sys.executable, "-m", "build", "--outdir", str(target), str(source)])
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


def check_names(wheel: Path, sdist: Path) -> None:
    """Only ours goes into the archives, and all of it."""
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        sources = {name.partition("/")[2] for name in archive.getnames()}
    theirs = [name for name in shipped if name.startswith("twisted/")]
    require(theirs == ["twisted/plugins/txresumable_plugins.py"], f"the wheel has {theirs}")
    require("txresumable/py.typed" in shipped, "the wheel has no py.typed")
    require(not [name for name in shipped if name.startswith("tests")], "the wheel has tests")
    for name in ("LICENSE", "README.rst", "Makefile", "tests/__init__.py", "docs/conf.py"):
        require(name in sources, f"the sdist has no {name}")
    for name in shipped | sources:
        require(not name.endswith(("dropin.cache", ".pyc")), f"{name} is shipped")
    package = ROOT / "txresumable"
    for module in (*package.rglob("*.py"), *package.rglob("static/*")):
        name = module.relative_to(ROOT).as_posix()
        require(name in shipped and name in sources, f"{name} is not shipped")
    print("archives: ok", flush=True)


def check_install(label: str, arguments: list[str], folder: Path) -> None:
    """The plugins come with an install, and Twisted's own stay after it is gone."""
    with environment(folder) as bin:
        python = str(bin / "python")
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        run([*pip, "install", *arguments])
        listed = run([str(bin / "twistd"), "--help"], cwd=folder)
        for name in OURS:
            require(name in listed, f"{label}: twistd --help does not list {name}")
            run([str(bin / "twistd"), name, "--help"], cwd=folder)
        run([str(bin / "txresumable"), "--help"], cwd=folder)
        plugins = Path(run([python, "-c", FIND_PLUGINS], cwd=folder).strip())
        run([*pip, "uninstall", "--yes", "txresumable"])
        listed = run([str(bin / "twistd"), "--help"], cwd=folder)
        require("\n    web " in listed, f"{label}: twistd lost its own plugins")
        require((plugins / "__init__.py").exists(), f"{label}: twisted.plugins is damaged")
        for name in OURS:
            require(name not in listed, f"{label}: twistd --help still lists {name}")
        left = [path.name for path in plugins.rglob("*txresumable*")]
        require(not left, f"{label}: uninstalling left {left}")
    print(f"{label}: ok", flush=True)


def check_core(wheel: Path, folder: Path) -> None:
    """What needs no extra can be imported without one."""
    with environment(folder) as bin:
        python = str(bin / "python")
        run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", str(wheel)])
        run([python, "-c", "import txresumable.testing, txresumable.receiver"], cwd=folder)
    print("without extras: ok", flush=True)


FIND_PLUGINS = (
    "import twisted, os; print(os.path.join(os.path.dirname(twisted.__file__), 'plugins'))"
)


@contextmanager
def environment(folder: Path) -> Iterator[Path]:
    """A fresh virtual environment's folder of programs."""
    place = folder / "venv"
    run([sys.executable, "-m", "venv", str(place)])
    try:
        yield place / "bin"
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
