"""
The PHP sample that resumable.js carries, in PHP's own server with four processes: absent is 404.

``php_server.py ROOT PAGE`` takes the sample out of the page that it is printed on, one of an npm
package.  It has the chunks of a file in a folder beside the finished one.
"""

# mypy: ignore-errors
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from report import folders, say

ROUTER = r"""<?php
register_shutdown_function(function () {
    $fields = $_SERVER['REQUEST_METHOD'] === 'GET' ? $_GET : $_POST;
    file_put_contents('php://stdout', json_encode([
        'method' => $_SERVER['REQUEST_METHOD'],
        'chunk' => (int) ($fields['resumableChunkNumber'] ?? 0),
        'status' => http_response_code(),
        'file_name' => $fields['resumableFilename'] ?? null,
    ]) . "\n");
});
include 'sample.php';
"""


def main(root: str, page: str) -> None:
    """Run PHP until this process is terminated."""
    (stored,) = folders("stored")
    os.chdir(root)
    sample = re.search(r"```php\n(.*?)```", Path(os.environ["NODE_PATH"], page).read_text(), re.S)
    Path("sample.php").write_text(sample[1], "utf-8")
    Path("router.php").write_text(ROUTER, "utf-8")
    if not Path("temp").is_symlink():
        Path("temp").symlink_to(stored)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["php", "-S", f"127.0.0.1:{port}", "router.php"],
        env={**os.environ, "PHP_CLI_SERVER_WORKERS": "4"},
        start_new_session=True,
    )
    # Its workers do not end with it.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(server.pid, signal.SIGKILL))
    wait_for(port, server)
    say(port=port)
    sys.exit(server.wait())


def wait_for(port: int, server: subprocess.Popen) -> None:
    """Wait until it listens, or has ended."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
