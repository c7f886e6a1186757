"""
Many small files through the push service, and without it: ``python benchmarks/push.py [FILES]``.

The receiver is a process of its own, and so is each client.  One adds 5,000 files of 4 KiB with
``add_files``; the other drops them into a watched folder and waits until the journal has them all
as done, and then starts once more with all of them done.  They take turns, each with a receiver
that has nothing yet; the medians and their ratio are printed.  Read the ratio, which is to be at
most 1.3; the second start is to take less than a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

SIZE = 4096
ROUNDS = 3
RECEIVER = """
import sys
from twisted.internet import reactor
from txresumable.receiver import Store, make_site
port = reactor.listenTCP(0, make_site(Store(sys.argv[1])), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
"""
PLAIN = """
import os, sys, time
from twisted.internet.defer import DeferredList
from twisted.internet.task import react
from txresumable import Resumable

async def main(reactor, url, folder, *_):
    began = time.perf_counter()
    uploader = Resumable(url, reactor=reactor)
    paths = [entry.path for entry in os.scandir(folder)]
    uploads = uploader.add_files(paths)
    await DeferredList(uploads, fireOnOneErrback=True)
    print(time.perf_counter() - began)
    await uploader.close()

react(main, sys.argv[1:])
"""
PUSH = """
import os, sys, time
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from txresumable.push import FolderSettings, PushService, PushSettings, PushState, TargetSettings

async def main(reactor, url, folder, state):
    count = len(os.listdir(folder))
    settings = PushSettings(
        state=state,
        targets={"t": TargetSettings(name="t", options={"target": url})},
        folders={"f": FolderSettings(name="f", path=folder, target="t", settle=0, identify="safe")},
    )
    service, done, left = PushService(settings, reactor=reactor), Deferred(), [count]

    def changed(before, after):
        if after.state is PushState.DONE:
            left[0] -= 1
            if not left[0]:
                done.callback(None)

    service.changed.register(changed)
    began = time.perf_counter()
    service.startService()
    await service.when_started()
    await done
    print(time.perf_counter() - began)
    await service.stopService()
    began = time.perf_counter()
    service.startService()
    await service.when_started()
    await service.rescan()
    print(time.perf_counter() - began)
    counts = await service.journal.counts()
    assert counts == {"f": {PushState.DONE: count}}, counts
    await service.stopService()

react(main, sys.argv[1:])
"""


def run(client: str, *arguments: str) -> list[float]:
    """What a client measures, in seconds, with a receiver of its own."""
    with TemporaryDirectory(dir=Path(__file__).parent) as store:
        command = [sys.executable, "-c", RECEIVER, store]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
            try:
                assert receiver.stdout is not None
                url = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/"
                command = [sys.executable, "-c", client, url, *arguments]
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            finally:
                receiver.terminate()
    return [float(line) for line in said.stdout.split()]


def main(count: int) -> None:
    """Measure, and print it."""
    plain, push, again = [], [], []
    with TemporaryDirectory(dir=Path(__file__).parent) as base:
        folder = os.path.join(base, "folder")
        os.mkdir(folder)
        for number in range(count):
            with open(os.path.join(folder, f"file-{number}"), "wb") as file:
                file.write(os.urandom(SIZE))
        for number in range(ROUNDS):
            plain += run(PLAIN, folder)
            first, second = run(PUSH, folder, os.path.join(base, f"state-{number}"))
            push.append(first)
            again.append(second)
            print(f"add_files {plain[-1]:.2f} s, push {first:.2f} s, again {second:.2f} s")
    ratio = median(push) / median(plain)
    print(f"{count} files: {ratio:.2f} times add_files; second start {median(again):.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
