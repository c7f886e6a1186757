"""
Our client for S3 alone: ``fleet_put.py ENDPOINT BUCKET SIZE COUNT AT_ONCE`` prints how many seconds
it took, and how many of CPU time.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from txresumable.receiver.objects.s3 import S3Objects


async def main(
    reactor: Any, endpoint: str, bucket: str, size: str, count: str, at_once: str
) -> None:
    objects = S3Objects(bucket, endpoint=endpoint, region="us-east-1", reactor=reactor)
    content = os.urandom(int(size))
    numbers = iter(range(int(count)))

    async def work() -> None:
        for number in numbers:
            await objects.put(f"put/{os.getpid()}/{number}", content, absent=True)

    began, used = time.perf_counter(), time.process_time()
    await gatherResults([Deferred.fromCoroutine(work()) for _ in range(int(at_once))])
    print(time.perf_counter() - began, time.process_time() - used)
    await objects.close()


if __name__ == "__main__":
    react(lambda reactor, *own: Deferred.fromCoroutine(main(reactor, *own)), sys.argv[1:])
