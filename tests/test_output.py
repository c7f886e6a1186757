"""Tests for where the command prints to."""

from __future__ import annotations

import os
from io import BytesIO, StringIO, TextIOWrapper

from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.output import Output


class OutputTests(SynchronousTestCase):
    """A stream that may be absent, or be unable to take anything."""

    def test_written(self) -> None:
        """What is printed is in the stream, which stays open."""
        stream = StringIO()
        output = Output(stream)
        print("a line", file=output, flush=True)
        output.close()
        self.assertEqual(stream.getvalue(), "a line\n")
        self.assertFalse(output.isatty())

    def test_absent(self) -> None:
        """Without a stream nothing is printed, and nothing fails."""
        output = Output(None)
        print("a line", file=output, flush=True)
        self.assertEqual((output.isatty(), output.encoding), (False, None))
        self.assertRaises(OSError, output.fileno)

    def test_closed(self) -> None:
        """A stream that was closed is as good as none."""
        stream = StringIO()
        output = Output(stream)
        stream.close()
        print("a line", file=output, flush=True)
        output.flush()

    def test_narrow_encoding(self) -> None:
        """What the encoding of the stream lacks is escaped."""
        bytes_written = BytesIO()
        output = Output(TextIOWrapper(bytes_written, "ascii"))
        print("\xe9t\xe9\udcff", file=output, flush=True)
        self.assertEqual(bytes_written.getvalue().strip(), rb"\xe9t\xe9\udcff")

    def test_nobody_reads(self) -> None:
        """A pipe that nobody reads any more is no error, neither now nor when Python flushes it."""
        reading, writing = os.pipe()
        os.close(reading)
        for buffering in (1, -1):
            with os.fdopen(os.dup(writing), "w", buffering) as stream:
                output = Output(stream)
                self.assertEqual(output.fileno(), stream.fileno())
                print("a line", file=output)
                output.flush()
                print("another", file=output, flush=True)
                self.assertEqual(output.encoding, None)
                stream.flush()
        os.close(writing)

    def test_lost(self) -> None:
        """What is lost to an error is known; what nobody was to read is not missed."""
        reading, writing = os.pipe()
        os.close(reading)
        with open("/dev/full", "w") as full, os.fdopen(writing, "w") as unread:
            for stream, is_lost in ((full, True), (unread, False), (StringIO(), False)):
                output = Output(stream)
                print("a line", file=output, flush=True)
                self.assertEqual(isinstance(output.lost, OSError), is_lost)
