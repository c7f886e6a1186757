"""Tests for ``[queue]`` of the configuration file."""

from __future__ import annotations

import os

from tests.test_config import LEAST, ConfigTestCase
from txresumable._cli.config import BadConfig, load
from txresumable._cli.config.keys import QUEUE
from txresumable._cli.config.queue import QUEUE_WAYS

PLACE = "postgresql://sender@db/queue"


class QueueTests(ConfigTestCase):
    """Where the queue is, and how it is used."""

    def test_none(self) -> None:
        """Without the table there is none."""
        self.assertIsNone(self.read(LEAST).queue)

    def test_all(self) -> None:
        """Every key is read."""
        queue = self.read(
            LEAST
            + f'[queue]\npostgresql = "{PLACE}"\nlease = "2m"\npoll = 0.5\nat_once = 3\n'
            + "watch = false\n"
        ).queue
        assert queue is not None
        self.assertEqual((queue.postgresql, queue.lease, queue.poll), (PLACE, 120.0, 0.5))
        self.assertEqual((queue.at_once, queue.watch), (3, False))
        self.assertNotIn(PLACE, repr(queue))

    def test_ways(self) -> None:
        """It is in the file, in another file, in the environment, or a command prints it."""
        self.patch(os, "environ", {"PATH": os.environ["PATH"], "QUEUE": f"{PLACE}\n"})
        self.write(f"{PLACE}\n", "place")
        for line in (
            f'postgresql = "{PLACE}"',
            'postgresql_file = "place"',
            'postgresql_from_env = "QUEUE"',
            f"postgresql_command = \"printf '%s\\n' '{PLACE}'\"",
        ):
            queue = self.read(f"{LEAST}[queue]\n{line}\n").queue
            assert queue is not None
            self.assertEqual((queue.postgresql, queue.watch), (PLACE, True), line)

    def test_secrets(self) -> None:
        """A password is refused in the file, and not shown; it may be in the other places."""
        for given in (
            "postgresql://me:secret@db/queue",
            "host=db password=secret",
            "host=db  PASSWORD = 'secret'",
            "postgresql://db/queue?password=secret",
            "host=db sslpassword=secret",
        ):
            [problem] = self.problems(f'{LEAST}[queue]\npostgresql = "{given}"\n')
            self.assertIn("queue.postgresql: would be a secret in plain text", problem)
            self.assertNotIn("me:secret", problem)
            self.assertNotIn("=secret", problem)
            self.write(given, "place")
            queue = self.read(f'{LEAST}[queue]\npostgresql_file = "place"\n').queue
            assert queue is not None
            self.assertEqual(queue.postgresql, given)
        for given in ("host=db passfile=/run/credentials/pass", "postgresql://[::1"):
            self.read(f'{LEAST}[queue]\npostgresql = "{given}"\n')

    def test_wrong(self) -> None:
        """What is wrong is said with line and key."""
        for lines, part in (
            ("", "queue: postgresql is needed"),
            ("postgresql = 1", "queue.postgresql: must be text"),
            ('postgresql = ""', "queue.postgresql: says nothing"),
            ('postgresql = "a"\npostgresql_file = "b"', "queue.postgresql_file: must not be there"),
            ('postgresql_file = "b"', "queue.postgresql_file: cannot be read: No such file"),
            ('postgresql_from_env = "NO"', "queue.postgresql_from_env: NO is not set"),
            ('postgresql_command = "exit 3"', "queue.postgresql_command: ended with 3"),
            ('postgresql_command = "true"', "queue.postgresql_command: says nothing"),
            (
                "postgresql_command = \"printf '\\\\377'\"",
                "queue.postgresql_command: must print text",
            ),
            ('postgresql = "a"\nlease = 0.5', "queue.lease: must be a number of seconds"),
            ('postgresql = "a"\nat_once = 0', "queue.at_once: must be a whole number"),
            ('postgresql = "a"\nwatch = 1', "queue.watch: 1 must be true or false"),
            ('postgresql = "a"\nleese = 1', "queue.leese: is not known; perhaps lease"),
        ):
            problems = self.problems(f"{LEAST}[queue]\n{lines}\n")
            self.assertEqual(len(problems), 1, problems)
            self.assertIn(part, problems[0])
        self.assertIn("must be a table", self.problems(f"queue = 1\n{LEAST}")[0])
        with open(os.path.join(self.folder, "place"), "wb") as file:
            file.write(b"\xff")
        self.assertIn("UTF-8", self.problems(f'{LEAST}[queue]\npostgresql_file = "place"\n')[0])

    def test_too_long(self) -> None:
        """A command that does not end is ended."""
        self.patch(__import__("txresumable._cli.config.queue", fromlist=["x"]), "LIMIT", 0.1)
        [problem] = self.problems(f'{LEAST}[queue]\npostgresql_command = "exec sleep 60"\n')
        self.assertIn("did not end in 0.1 s", problem)

    def test_may_pass(self) -> None:
        """A command that fails may do better later; what is wrong besides is wrong then, too."""
        for lines, may_pass in (
            ('postgresql_command = "exit 3"', True),
            ('postgresql_command = "exit 3"\nat_once = 0', False),
            ('postgresql_command = "true"', False),
        ):
            path = self.write(f"{LEAST}[queue]\n{lines}\n")
            self.assertIs(self.assertRaises(BadConfig, load, path).may_pass, may_pass, lines)

    def test_keys(self) -> None:
        """The keys that say where it is are all documented."""
        self.assertEqual([key.name for key in QUEUE][:4], list(QUEUE_WAYS))
