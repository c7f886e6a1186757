"""
What stands before the receivers: nginx or HAProxy, as ``contrib/fleet`` configures them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.interop.install import program

__all__ = ["BALANCERS", "Front"]

CONTRIB: Final = Path(__file__).resolve().parents[2] / "contrib" / "fleet"
NGINX: Final = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path bodies;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    {included}
}}
"""
BALANCERS: Final = ("nginx", "haproxy")


class Front:
    """
    A load balancer.

    :param name: one of :data:`BALANCERS`.
    :param folder: a new one for its files.
    :param ports: of the receivers, three.
    """

    def __init__(self, name: str, folder: Path, port: int, ports: Sequence[int]) -> None:
        folder.mkdir()
        given = CONTRIB / {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[name]
        text = given.read_text("utf-8")
        for number, each in enumerate(ports, 1):
            address = f"receiver-{number}:8080"
            assert text.count(address) == 1, given
            text = text.replace(address, f"127.0.0.1:{each}")
        path = str(program(name))
        if name == "nginx":
            assert text.count("listen 80;") == 1
            text = NGINX.format(included=text.replace("listen 80;", f"listen 127.0.0.1:{port};"))
            command = [path, "-e", "stderr", "-p", str(folder), "-c", "configuration"]
        else:
            assert text.count("bind :80\n") == 1
            text = text.replace("bind :80\n", f"bind 127.0.0.1:{port}\n")
            command = [path, "-db", "-f", str(folder / "configuration")]
        (folder / "configuration").write_text(text, "utf-8")
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
            )

    @property
    def is_running(self) -> bool:
        """Whether it is there still."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
