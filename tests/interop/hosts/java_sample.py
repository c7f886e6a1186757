"""
The servlet that resumable.js 1.1.0 carries, which takes octets, in Debian's Jetty: absent is 404.

It computes the number of chunks by the ceil rule, and does not wait for the last one of them.
"""

# mypy: ignore-errors
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from report import folders

SAMPLE = "resumablejs/samples/java/src/main/java/resumable/js/upload"
PARTS = ("server", "servlet", "http", "io", "util", "util-ajax", "security")
JARS = [
    *(f"/usr/share/java/jetty9-{part}.jar" for part in PARTS),
    "/usr/share/java/servlet-api.jar",
]


def main(root: str) -> None:
    """Compile the sample, and become Java."""
    stored, classes = folders("stored", "classes")
    sources = map(str, Path(os.environ["NODE_PATH"], SAMPLE).glob("*.java"))
    host = str(Path(__file__).with_name("JavaSample.java"))
    path = ":".join((*JARS, str(classes)))
    # Its comments are in an encoding of their own.
    javac = ("javac", "-nowarn", "-encoding", "latin1", "-cp", path, "-d", str(classes))
    subprocess.run([*javac, *sources, host], check=True, stdout=sys.stderr)
    os.chdir(root)
    if not Path("upload_dir").is_symlink():
        Path("upload_dir").symlink_to(stored)
    os.execvp("java", ["java", "-cp", path, "JavaSample"])


if __name__ == "__main__":
    main(sys.argv[1])
