"""Tests for where finished files lie."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, fail

from tests.receiver_rig import (
    ClientFile,
    Connection,
    FaultyDisk,
    Killed,
    LinklessDisk,
    ReceiverTestCase,
    fail_once,
)
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import AnnouncedFile, ReceivedFile, ReceiverSite, Refused
from txresumable.receiver.store.names import key_of

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15
OTHER = CONTENT[::-1]


class PlacesTestCase(ReceiverTestCase):
    """Tests that send whole files."""

    def send(
        self, content: bytes = CONTENT, name: str = "f.txt", path: str = "", identifier: str = "i"
    ) -> list[int]:
        """Send a file; the statuses of the responses."""
        file = ClientFile(content, name, identifier, relative_path=path)
        return [self.ask(file.upload(number)).status for number in (1, 2, 3)]

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.forget_killed, Killed)

    def mode(self, name: str) -> int:
        """The permissions of what is there."""
        return os.stat(os.path.join(self.root, name)).st_mode & 0o7777


class FolderTests(PlacesTestCase):
    """Files in folders."""

    def test_kept(self) -> None:
        """A file lies in the folders that its client had it in."""
        self.start()
        self.send(path="a/b/f.txt")
        self.send(OTHER, path="a/f.txt", identifier="other")
        self.assertEqual(self.finished(), {"a/b/f.txt": CONTENT, "a/f.txt": OTHER})
        paths = [file.path for file in self.received]
        self.assertEqual(paths, [f"{self.store.root}/a/b/f.txt", f"{self.store.root}/a/f.txt"])

    def test_never_outside(self) -> None:
        """No path leads out of the folder, nor into the private one."""
        self.start()
        key = key_of("", "/f.txt", ChunkLayout(35, 10))[:8]
        for number, path in enumerate(("../../f.txt", "/f.txt", ".resumable/f.txt", "a/../../f")):
            content = bytes([number]) * 35
            self.assertEqual(self.send(content, path=path, identifier=path), [200] * 3)
        self.assertEqual(
            sorted(self.finished()), ["a/f.txt", f"f-{key}.txt", "f.txt", "resumable/f.txt"]
        )
        self.assertEqual(self.private(), ["done"] * 4)

    def test_flat(self) -> None:
        """All lie in one folder if that is wanted."""
        self.start(keep_folders=False)
        self.send(path="a/f.txt")
        self.assertEqual(self.finished(), {"f.txt": CONTENT})

    def test_chosen(self) -> None:
        """An application chooses names, once for each upload; its refusals are responses."""
        seen: list[AnnouncedFile] = []

        def choose(file: AnnouncedFile) -> str:
            seen.append(file)
            if file.identifier == "no":
                raise Refused(403, "not this one")
            return f"{file.owner}/{file.identifier}.bin"

        self.start(choose_name=choose)
        self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
        self.assertEqual(self.finished(), {"i.bin": CONTENT})
        self.assertEqual(len(seen), 1)
        self.assertEqual(self.send(identifier="no"), [403] * 3)

    def test_counts_as_received(self) -> None:
        """A file in a folder counts as received for as long as it is there, also by a new life."""
        for how in ("there", "folder away", "a file for a folder"):
            self.start()
            self.send(path="a/f.txt")
            self.assertEqual(self.ask(ClientFile(CONTENT, "f.txt", "i").test(1)).status, 200, how)
            if how == "folder away":
                os.rename(f"{self.root}/a", f"{self.root}/b")
            elif how == "a file for a folder":
                os.rename(f"{self.root}/a", f"{self.root}/c")
                with open(f"{self.root}/a", "w"):
                    pass
            self.successResultOf(self.store.close())
            self.start()
            expected = 200 if how == "there" else 404
            found = self.ask(ClientFile(CONTENT, "f.txt", "i").test(1))
            self.assertEqual(found.status, expected, how)
            self.successResultOf(self.store.close())

    def test_copied(self) -> None:
        """One that was copied in its folder is compared, and a chunk of it too."""
        self.start()
        self.send(path="a/f.txt")
        path = f"{self.root}/a/f.txt"
        times = os.stat(path)
        with open(path, "rb") as file:
            content = file.read()
        os.remove(path)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
        self.assertEqual(self.send(OTHER, path="a/f.txt"), [409] * 3)
        self.assertEqual(self.finished(), {"a/f.txt": CONTENT})

    def test_killed_at_each_step(self) -> None:
        """Whatever step a crash comes at, the file is in its folder once, and nothing is lost."""
        step, killed = 0, True
        while killed:
            step += 1
            self.root = self.mktemp()
            disk = FaultyDisk()
            disk.fail_at, disk.error = step, Killed()
            self.crash(disk)
            killed = disk.dead
            self.start()
            self.successResultOf(self.store.recover())
            self.assertEqual(self.send(path="a/b/f.txt"), [200] * 3, step)
            self.assertEqual(self.finished(), {"a/b/f.txt": CONTENT}, step)
            self.assertEqual(self.private(), ["done"], step)
            self.successResultOf(self.store.close())
        self.assertGreater(step, 50)

    def crash(self, disk: FaultyDisk) -> None:
        """Send a file to a receiver that is killed meanwhile."""
        with contextlib.suppress(Killed):
            store = self.make_store(disk=disk, mode=0o640)
            self.site = self.site_over(store)
            file = ClientFile(CONTENT, "f.txt", "i", relative_path="a/b/f.txt")
            for number in (1, 2, 3):
                wire = Connection(self.site)
                wire.send(file.upload(number)).responses()
                wire.lose()
            if not disk.dead:
                self.successResultOf(store.close())

    def test_folder_removed(self) -> None:
        """If a folder goes just as a file is to lie in it, that is tried again."""
        disk = FaultyDisk()
        link = disk.link

        def remove(*arguments: Any) -> None:
            disk.link = link  # type: ignore[method-assign]
            os.rmdir(f"{self.root}/a")
            link(*arguments)

        self.start(disk=disk)
        disk.link = remove  # type: ignore[method-assign]
        file = ClientFile(CONTENT, "f.txt", "i", relative_path="a/f.txt")
        self.assertEqual(self.send(path="a/f.txt"), [200, 200, 503])
        self.assertEqual(self.ask(file.upload(3)).content["status"], "complete")
        self.assertEqual(self.finished(), {"a/f.txt": CONTENT})

    def test_folder_removed_as_it_is_made(self) -> None:
        """So it is if one goes before the next is made in it, or before it is entered."""
        for name in ("make_folder", "sync", "enter_folder"):
            disk = FaultyDisk()
            call = getattr(disk, name)

            def remove(
                *arguments: Any, disk: Any = disk, name: str = name, call: Any = call
            ) -> Any:
                if os.path.isdir(f"{self.root}/a"):
                    setattr(disk, name, call)
                    os.rmdir(f"{self.root}/a")
                return call(*arguments)

            self.root = self.mktemp()
            self.start(disk=disk)
            setattr(disk, name, remove)
            self.assertEqual(self.send(path="a/b/f.txt"), [200, 200, 503])
            file = ClientFile(CONTENT, "f.txt", "i", relative_path="a/b/f.txt")
            self.assertEqual(self.ask(file.upload(3)).content["status"], "complete")
            self.assertEqual(self.finished(), {"a/b/f.txt": CONTENT})


class ModeTests(PlacesTestCase):
    """Permissions."""

    def umask(self, umask: int) -> None:
        """Set it for a test."""
        self.addCleanup(os.umask, os.umask(umask))

    def test_umask(self) -> None:
        """Files and folders are as umask has it; what is unfinished is nobody else's."""
        self.umask(0o027)
        self.start()
        self.ask(ClientFile(CONTENT, "g.txt", "g").upload(1))
        self.send(path="a/f.txt")
        self.assertEqual([self.mode("a/f.txt"), self.mode("a")], [0o640, 0o750])
        self.assertEqual(self.mode(".resumable"), 0o700)
        for name in os.listdir(f"{self.root}/.resumable"):
            expected = 0o640 if name.endswith(".data") else 0o600
            self.assertEqual(self.mode(f".resumable/{name}"), expected, name)

    def test_given(self) -> None:
        """They are as is wanted, whatever umask says, and also for what was begun before."""
        self.umask(0o077)
        self.start()
        file = ClientFile(CONTENT, "f.txt", "i", relative_path="a/f.txt")
        self.ask(file.upload(1))
        self.successResultOf(self.store.close())
        self.start(mode=0o664)
        self.assertEqual([self.ask(file.upload(number)).status for number in (2, 3)], [200] * 2)
        self.assertEqual([self.mode("a/f.txt"), self.mode("a")], [0o664, 0o775])
        self.assertEqual(self.ask(file.test(1)).status, 200)

    def test_cannot_be_set(self) -> None:
        """A disk that knows no permissions is an error that says so, and is tried again."""
        disk = FaultyDisk()
        set_mode = disk.set_mode
        errors = [OSError(errno.EPERM, "no")]

        def fail(*arguments: Any) -> None:
            if errors:
                raise errors.pop()
            set_mode(*arguments)

        disk.set_mode = fail  # type: ignore[method-assign]
        self.start(disk=disk, mode=0o640)
        self.assertEqual(self.send(), [200, 200, 500])
        self.assertEqual(self.send(), [200] * 3)
        self.assertEqual(self.mode("f.txt"), 0o640)


class ExistingTests(PlacesTestCase):
    """Names that are taken."""

    make_disk: type[FaultyDisk] = FaultyDisk
    kept: ClassVar[dict[str, bytes]] = {"f.txt": CONTENT}
    judged: dict[str, Deferred[None]]

    def start(self, **options: Any) -> ReceiverSite:
        """A receiver with such a disk."""
        return super().start(disk=self.make_disk(), **options)

    def test_suffix(self) -> None:
        """By default nothing is overwritten."""
        self.start()
        self.send(path="a/f.txt")
        self.send(OTHER, path="a/f.txt", identifier="j")
        self.assertEqual(sorted(self.finished().values()), sorted([CONTENT, OTHER]))
        self.assertEqual(len(os.listdir(f"{self.root}/a")), 2)

    def test_replace(self) -> None:
        """A file takes the place of another once it is complete, which does not count any more."""
        self.start(existing="replace")
        self.send(path="a/f.txt")
        file = ClientFile(OTHER, "f.txt", "j", relative_path="a/f.txt")
        for number in (1, 2):
            self.ask(file.upload(number))
        self.assertEqual(self.finished(), {"a/f.txt": CONTENT})
        self.assertEqual(self.ask(file.upload(3)).content["status"], "complete")
        self.assertEqual(self.finished(), {"a/f.txt": OTHER})
        self.assertEqual(self.ask(ClientFile(CONTENT, "f.txt", "i").test(1)).status, 404)
        self.assertEqual(self.ask(file.test(1)).content["status"], "complete")
        self.assertEqual(self.private(), ["done"] * 2)

    def test_replace_link(self) -> None:
        """A link is replaced itself, not what it leads to."""
        target = self.mktemp()
        with open(target, "w") as file:
            file.write("precious")
        self.start(existing="replace")
        os.symlink(os.path.abspath(target), f"{self.root}/f.txt")
        self.send()
        self.assertEqual(self.finished(), {"f.txt": CONTENT})
        with open(target) as file:
            self.assertEqual(file.read(), "precious")

    def test_replace_folder(self) -> None:
        """A folder is not replaced; once it is away the file gets its place."""
        self.start(existing="replace")
        os.mkdir(f"{self.root}/f.txt")
        self.assertEqual(self.send(), [200, 200, 409])
        os.rmdir(f"{self.root}/f.txt")
        self.assertEqual(self.send(), [200] * 3)
        self.assertEqual(self.finished(), {"f.txt": CONTENT})
        self.assertEqual(self.private(), ["done"])

    def test_replace_killed(self) -> None:
        """Whatever step a crash comes at, one of both is there whole, and the new one at last."""
        step, killed = 0, True
        while killed:
            step += 1
            self.root = self.mktemp()
            self.start(existing="replace")
            self.send()
            self.successResultOf(self.store.close())
            disk = self.make_disk()
            disk.fail_at, disk.error = step, Killed()
            with contextlib.suppress(Killed):
                store = self.make_store(disk=disk, existing="replace")
                self.site = self.site_over(store)
                for number in (1, 2, 3):
                    wire = Connection(self.site)
                    wire.send(ClientFile(OTHER, "f.txt", "j").upload(number)).responses()
                    wire.lose()
                if not disk.dead:
                    self.successResultOf(store.close())
            killed = disk.dead
            self.assertIn(self.finished(), ({"f.txt": CONTENT}, {"f.txt": OTHER}), step)
            self.start(existing="replace")
            self.successResultOf(self.store.recover())
            self.assertEqual(self.send(OTHER, identifier="j"), [200] * 3)
            self.assertEqual(self.finished(), {"f.txt": OTHER}, step)
            self.successResultOf(self.store.close())
        self.assertGreater(step, 40)

    def begin(self, identifier: str) -> None:
        """Send another file of the same name, and do not wait for it."""
        for number in (1, 2, 3):
            self.connect().send(ClientFile(OTHER, "f.txt", identifier).upload(number))

    def judge(self, file: ReceivedFile) -> Deferred[None] | None:
        """Reject some files, after a while, and accept others."""
        if file.identifier in self.judged:
            return self.judged[file.identifier]
        return fail(Refused(422, "a virus")) if file.identifier == "bad" else None

    def test_replace_rejected(self) -> None:
        """If a file is rejected, what it has replaced is in its place again, and counts."""
        for change in (None, os.unlink):
            self.root = self.mktemp()
            self.judged = {"bad": Deferred()}
            self.start(existing="replace", on_complete=self.judge)
            self.send()
            self.begin("bad")
            self.assertEqual(self.finished(), {"f.txt": OTHER})
            if change is not None:
                change(f"{self.root}/f.txt")
            self.judged["bad"].errback(Refused(422, "a virus"))
            self.check_kept()
            self.hang_up()
            self.successResultOf(self.store.close())

    def check_kept(self) -> None:
        """The file that was replaced is there again."""
        self.assertEqual(self.finished(), {"f.txt": CONTENT})
        self.assertEqual(self.ask(ClientFile(CONTENT, "f.txt", "i").test(1)).status, 200)
        self.assertEqual(self.private(), ["aside-1.chunks", "aside-1.data", "done", "rejected"])

    def test_replace_rejected_one_after_the_other(self) -> None:
        """It is so if the one that was replaced last is rejected first."""
        self.judged = {"bad": Deferred(), "worse": Deferred()}
        self.start(existing="replace", on_complete=self.judge)
        self.send()
        for identifier in self.judged:
            self.begin(identifier)
        for judged in self.judged.values():
            judged.errback(Refused(422, "a virus"))
        self.assertEqual(self.finished(), self.kept)
        self.assertNotIn("old", self.private())

    def test_replace_rejected_killed(self) -> None:
        """Whatever step a crash comes at, what was replaced is there at last."""
        step, killed, self.judged = 0, True, {}
        while killed:
            step += 1
            self.root = self.mktemp()
            self.start(existing="replace", on_complete=self.judge)
            self.send()
            self.successResultOf(self.store.close())
            disk = self.make_disk()
            disk.fail_at, disk.error = step, Killed()
            with contextlib.suppress(Killed):
                store = self.make_store(disk=disk, existing="replace", on_complete=self.judge)
                self.site = self.site_over(store)
                for number in (1, 2, 3):
                    wire = Connection(self.site)
                    wire.send(ClientFile(OTHER, "f.txt", "bad").upload(number)).responses()
                    wire.lose()
                if not disk.dead:
                    self.successResultOf(store.close())
            killed = disk.dead
            self.start(existing="replace", on_complete=self.judge)
            self.successResultOf(self.store.recover())
            self.assertIn(422, self.send(OTHER, identifier="bad"))
            self.assertEqual(self.finished(), self.kept, step)
            self.assertNotIn("old", self.private())
            self.successResultOf(self.store.close())
        self.assertGreater(step, 40)

    def test_refuse(self) -> None:
        """A file whose name is taken is refused at once, and that it was received still counts."""
        self.start(existing="refuse")
        self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
        self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
        self.assertEqual(self.send(OTHER, path="a/f.txt", identifier="j"), [409] * 3)
        self.assertEqual(self.finished(), {"a/f.txt": CONTENT})
        self.assertEqual(self.private(), ["done"])

    def test_refuse_late(self) -> None:
        """Of two that arrive at once the second is refused, and kept until there is room."""
        self.start(existing="refuse")
        file = ClientFile(OTHER, "f.txt", "j")
        self.ask(file.upload(1))
        self.send()
        statuses = [self.ask(file.upload(number)).status for number in (2, 3, 3)]
        self.assertEqual(statuses, [200, 409, 409])
        os.remove(f"{self.root}/f.txt")
        self.assertEqual(self.ask(file.upload(3)).content["status"], "complete")
        self.assertEqual(self.finished(), {"f.txt": OTHER})


class LinklessExistingTests(ExistingTests):
    """Names that are taken, on a file system without hard links."""

    make_disk = LinklessDisk
    kept: ClassVar[dict[str, bytes]] = {}

    def check_kept(self) -> None:
        """What was replaced is gone."""
        self.assertEqual(self.finished(), {})


class LinklessTests(PlacesTestCase):
    """Files that can only be moved."""

    def full(self, **options: Any) -> None:
        """A file that has its name, and of which the end could not be written down."""
        disk = LinklessDisk()
        self.start(disk=disk, **options)
        replace = disk.replace

        def fail(name: str, new_name: str, folder: int) -> None:
            if new_name.endswith(".done"):
                raise OSError(errno.ENOSPC, "full")
            replace(name, new_name, folder)

        disk.replace = fail  # type: ignore[method-assign]
        self.assertEqual(self.send(path="a/f.txt"), [200, 200, 507])
        self.assertEqual(self.finished(), {"a/f.txt": CONTENT})
        self.disk, self.replace = disk, replace

    def restart(self, **options: Any) -> None:
        """Start anew, on a disk that works; what is full is finished."""
        self.successResultOf(self.store.close())
        self.start(disk=LinklessDisk(), **options)
        self.successResultOf(self.store.recover())

    def test_tried_again(self) -> None:
        """The end is written down at the next try, and the file keeps its name."""
        self.full(expire=100)
        self.clock.advance(1000)
        self.successResultOf(self.store.sweep())  # does not take it for one that was removed
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.disk.replace = self.replace  # type: ignore[method-assign]
        self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
        self.assertEqual((self.finished(), self.private()), ({"a/f.txt": CONTENT}, ["done"]))
        self.assertEqual(len(self.received), 1)

    def test_found_after_a_start(self) -> None:
        """After a start it is found where it is, notified of again, and finished."""
        self.full()
        self.restart()
        self.assertEqual((self.finished(), self.private()), ({"a/f.txt": CONTENT}, ["done"]))
        self.assertEqual([file.path for file in self.received], [f"{self.store.root}/a/f.txt"] * 2)
        self.assertEqual(self.received[0], self.received[1])

    def test_other_files_are_left_alone(self) -> None:
        """What has its name meanwhile is neither taken for it nor written to."""
        for other in (OTHER, b"", CONTENT + b"x"):
            self.root, self.received = self.mktemp(), []
            self.full()
            path = os.path.join(self.root, "a/f.txt")
            os.rename(path, path + ".away")
            with open(path, "wb") as file:
                file.write(other)
            os.utime(path, (1, 1))
            self.restart()
            self.assertEqual(self.ask(ClientFile(CONTENT, "f.txt", "i").test(1)).status, 404)
            self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
            finished = self.finished()
            self.assertEqual(finished.pop("a/f.txt"), other)
            self.assertEqual(sorted(finished.values()), [CONTENT, CONTENT])

    def test_sync_fails(self) -> None:
        """A name that cannot be made durable is taken back, and given anew."""
        disk = LinklessDisk()
        self.start(disk=disk)
        rename, sync = disk.rename_new, disk.sync

        def renamed(*arguments: Any) -> None:
            rename(*arguments)
            disk.sync = fail_once(sync, OSError(errno.EIO, "broken"))  # type: ignore[method-assign]
            disk.rename_new = rename  # type: ignore[method-assign]

        disk.rename_new = renamed  # type: ignore[method-assign]
        self.assertEqual(self.send(), [200, 200, 500])
        self.assertEqual(self.finished(), {})
        self.assertEqual(self.send(), [200] * 3)
        self.assertEqual((self.finished(), self.private()), ({"f.txt": CONTENT}, ["done"]))

    def test_name_is_taken_just_now(self) -> None:
        """One that somebody takes at the last moment is not overwritten."""
        disk = LinklessDisk()
        self.start(disk=disk)
        rename = disk.rename_new

        def taken(name: str, folder: int, new_name: str, new_folder: int) -> None:
            disk.rename_new = rename  # type: ignore[method-assign]
            with open(os.path.join(self.root, new_name), "wb") as file:
                file.write(OTHER)
            rename(name, folder, new_name, new_folder)

        disk.rename_new = taken  # type: ignore[method-assign]
        self.assertEqual(self.send(), [200] * 3)
        finished = self.finished()
        self.assertEqual(finished.pop("f.txt"), OTHER)
        self.assertEqual(list(finished.values()), [CONTENT])

    def test_removed(self) -> None:
        """A file that somebody removes before its end is written down is received anew."""
        self.full()
        os.unlink(os.path.join(self.root, "a/f.txt"))
        self.assertEqual(self.ask(ClientFile(CONTENT, "f.txt", "i").test(1)).status, 500)
        self.disk.replace = self.replace  # type: ignore[method-assign]
        self.assertEqual(self.send(path="a/f.txt"), [200] * 3)
        self.assertEqual((self.finished(), self.private()), ({"a/f.txt": CONTENT}, ["done"]))
