"""Tests for the settings of watched folders."""

from __future__ import annotations

import os
from datetime import time, timezone
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from txresumable import identifiers
from txresumable.errors import InvalidOption
from txresumable.push import (
    ControlSettings,
    FolderSettings,
    PushSettings,
    QueueSettings,
    RateRule,
    TargetSettings,
)

URL = "https://example.com/upload"


def target(**options: Any) -> TargetSettings:
    """A target."""
    return TargetSettings(name="lab", options={"target": URL, **options})


def folder(**given: Any) -> FolderSettings:
    """A folder."""
    return FolderSettings(**{"name": "scans", "path": "/srv/scans", "target": "lab", **given})


def settings(*folders: FolderSettings, **given: Any) -> PushSettings:
    """Settings of all."""
    named = {each.name: each for each in folders or (folder(),)}
    return PushSettings(
        **{"state": "/var/lib/push", "targets": {"lab": target()}, "folders": named, **given}
    )


def refused(self: SynchronousTestCase, make: Any, option: str, *parts: str) -> InvalidOption:
    """Making something is refused, naming an option."""
    error = self.assertRaises(InvalidOption, make)
    self.assertEqual(error.option, option)
    for part in parts:
        self.assertIn(part, str(error))
    return error


class TargetTests(SynchronousTestCase):
    """Where files go to."""

    def test_options(self) -> None:
        """The options are those of the client, checked and kept as they were given."""
        given = {"target": URL, "chunk_size": 1000}
        made = TargetSettings(name="lab", options=given)
        given["chunk_size"] = 0
        self.assertEqual(dict(made.options), {"target": URL, "chunk_size": 1000})
        self.assertEqual(made.checked.chunk_size, 1000)
        refused(self, lambda: target(chunk_size=0), "chunk_size", "at least 1, not 0")
        self.assertRaises(TypeError, target, chunks=1)

    def test_not_options(self) -> None:
        """What folders decide, or what makes no sense for a service, is refused."""
        refused(self, lambda: target(when_changed="wait"), "when_changed", "file of its own")
        refused(self, lambda: target(min_age=1), "min_age", "settle")
        refused(self, lambda: target(max_files=1), "max_files", "no last file")
        refused(self, lambda: target(links="follow"), "links", "never followed")
        progress = "throttle_progress_callbacks"
        refused(self, lambda: target(**{progress: 1.0}), progress, "asked for progress")
        refused(self, lambda: TargetSettings(name="x", options={}), "target", "URL")
        options: Any = [URL]
        refused(self, lambda: TargetSettings(name="x", options=options), "options", "mapping")
        refused(self, lambda: TargetSettings(name="", options={"target": URL}), "name")

    def test_secrets(self) -> None:
        """No secret is in what is shown of it."""
        secret = target(headers={"Authorization": "secret"}, query={"key": "secret"})
        control = ControlSettings(port=1, token="secret" * 4)
        shown = repr(settings(targets={"lab": secret}, control=control))
        self.assertNotIn("secret", shown + repr(folder(ping="https://example.com/secret")))
        token: Any = b"secret" * 4
        error = refused(self, lambda: ControlSettings(token=token), "token")
        self.assertNotIn("secret", str(error))
        error = refused(self, lambda: folder(ping="ftp://secret"), "ping", "URL")
        self.assertNotIn("secret", str(error))


class FolderTests(SynchronousTestCase):
    """What is sent."""

    def test_values(self) -> None:
        """Paths become absolute, and several values tuples."""
        made = folder(
            path=Path("in"),
            after="move:sent",
            failed="failed",
            include=["*.dcm"],
            on_sent=["sent", "-v"],
            identify="safe",
        )
        self.assertEqual(made.path, os.path.abspath("in"))
        self.assertEqual((made.sent, made.failed), tuple(map(os.path.abspath, ("sent", "failed"))))
        self.assertEqual(made.after, f"move:{made.sent}")
        self.assertEqual((made.include, made.on_sent), (("*.dcm",), ("sent", "-v")))
        self.assertIs(made.identifier, identifiers.safe)

    def test_defaults(self) -> None:
        """Nothing happens to files; they are known by what is in them."""
        self.assertEqual((folder().after, folder().sent, folder().failed), ("keep", None, None))
        self.assertIs(folder().identifier, identifiers.safe)
        self.assertEqual(folder(after="delete").sent, None)
        self.assertIs(folder(identify=len).identifier, len)

    def test_bad(self) -> None:
        """What cannot be is refused, naming it."""
        for option, value, part in (
            ("name", "a/b", "without a slash"),
            ("name", "a\nb", "one line"),
            ("path", "", "path"),
            ("path", "a\0b", "path"),
            ("path", 1, "path"),
            ("target", "", "name"),
            ("include", "*.dcm", "several"),
            ("include", ["!*.dcm"], "cannot be the first"),
            ("exclude", ["# nothing"], "matches nothing"),
            ("exclude", [b"*"], "several"),
            ("order", "random", "'oldest'"),
            ("settle", -1, "at least 0"),
            ("settle", True, "number"),
            ("rescan", 0, "at least 0.1"),
            ("marker", "a/b", "end of a file's name"),
            ("marker", None, "text"),
            ("after", "copy", "'keep', 'delete'"),
            ("after", "move:", "a folder"),
            ("after", "move:\0", "a folder"),
            ("failed", "", "path"),
            ("attempts", 0, "at least 1"),
            ("again", "1h", "seconds"),
            ("identify", "name", "'content'"),
            ("on_sent", "sent -v", "several"),
            ("on_sent", [""], "program"),
            ("on_failed", ["a", "\0"], "program"),
            ("ping", "example.com", "URL"),
            ("ping", 1, "URL"),
            ("ping", "http://[x", "URL"),
        ):
            refused(self, lambda o=option, v=value: folder(**{o: v}), option, part)  # type: ignore[misc]


class RateTests(SynchronousTestCase):
    """When to send how fast."""

    def test_bad(self) -> None:
        """Days, times and rates are checked."""
        self.assertEqual(RateRule(days=frozenset({6}), max_rate=0).days, {6})
        for option, value in (
            ("days", ()),
            ("days", {7}),
            ("days", None),
            ("begin", "08:00"),
            ("end", time(8, tzinfo=timezone.utc)),
            ("max_rate", -1),
            ("max_rate", True),
            ("max_rate", float("nan")),
            ("max_rate", "2M"),
        ):
            refused(self, lambda o=option, v=value: RateRule(**{o: v}), option)  # type: ignore[misc]


class ControlTests(SynchronousTestCase):
    """How it is controlled."""

    def test_port(self) -> None:
        """A port takes a token."""
        refused(self, lambda: ControlSettings(port=80), "port", "token")
        refused(self, lambda: ControlSettings(port=65536, token="x" * 16), "port", "65535")
        refused(self, lambda: ControlSettings(port=0, token="x" * 16), "port")
        refused(self, lambda: ControlSettings(token="x" * 15), "token", "at least 16")
        refused(self, lambda: ControlSettings(token="x" * 15 + "\n"), "token", "printable")
        self.assertEqual(ControlSettings(port=65535, token="x" * 16).port, 65535)

    def test_socket(self) -> None:
        """The socket is in the state folder, or where its path says; that is not too long."""
        self.assertEqual(settings().control.socket, "/var/lib/push/control")
        control = ControlSettings(socket="/run/push")
        self.assertEqual(settings(control=control).control.socket, "/run/push")
        none = settings(control=ControlSettings(socket=None))
        self.assertIs(none.control.socket, None)
        longest = "/" + "x" * (105 - len("/control"))
        self.assertEqual(len(settings(state=longest).control.socket or ""), 106)
        refused(self, lambda: settings(state=longest + "xx"), "socket", "at most 107")


class QueueTests(SynchronousTestCase):
    """A queue that several machines share."""

    def test_defaults(self) -> None:
        """There is none; one has times that suit most, and watches."""
        self.assertIsNone(settings().queue)
        queue = QueueSettings(postgresql="host=db")
        self.assertEqual((queue.lease, queue.poll, queue.at_once), (60.0, 5.0, 16))
        self.assertTrue(queue.watch)

    def test_bad(self) -> None:
        """What cannot be is refused, naming it, and where it is is not shown."""
        for option, value, part in (
            ("postgresql", 1, "text"),
            ("lease", 0.9, "at least 1"),
            ("poll", 0, "at least 0.1"),
            ("at_once", 0, "at least 1"),
            ("watch", 1, "True or False"),
        ):
            given: Any = {option: value}
            refused(self, lambda given=given: QueueSettings(**given), option, part)
        shown = repr(settings(queue=QueueSettings(postgresql="password=secret")))
        self.assertNotIn("secret", shown)


class PushTests(SynchronousTestCase):
    """All of them."""

    def test_names(self) -> None:
        """Each target and folder is there under its own name, and folders name targets."""
        refused(self, lambda: settings(targets={}), "target", "'lab'")
        refused(
            self,
            lambda: settings(targets={"x": target()}),
            "targets",
            "is not the name of its TargetSettings",
        )
        folders: Any = [folder()]
        refused(self, lambda: settings(folders=folders), "folders", "mapping")
        refused(self, lambda: settings(rates=(1,)), "rates")
        refused(self, lambda: settings(control=None), "control")
        refused(self, lambda: settings(queue="host=db"), "queue", "QueueSettings")
        self.assertEqual(evolve(settings(), keep=1.0).keep, 1.0)

    def test_apart(self) -> None:
        """A folder whose files are taken away is not in another one, nor around it."""
        above = folder(name="above", path="/srv")
        beside = folder(name="beside", path="/srv/scans2", after="delete")
        settings(folder(), above)
        settings(folder(after="delete"), beside)
        refused(self, lambda: settings(folder(after="delete"), above), "path", "watched, too")
        refused(self, lambda: settings(folder(), evolve(above, failed="/x")), "path", "/srv/scans")

    def test_unchanged(self) -> None:
        """What was given is copied."""
        folders = {"scans": folder()}
        made = settings(folders=folders)
        folders.clear()
        self.assertEqual(list(made.folders), ["scans"])
