import hashlib

from twisted.trial.unittest import SynchronousTestCase

from txresumable._source.fingerprint import SAMPLE, SAMPLES, UNSEEN, Fingerprint, fingerprint


class FingerprintTests(SynchronousTestCase):
    """
    What is looked at of a file.
    """

    def test_of_nothing(self) -> None:
        """That of a file that nobody has looked at says nothing of one."""
        self.assertEqual((UNSEEN.size, UNSEEN.mtime_ns, UNSEEN.sample), (0, None, b""))

    def look(self, content: bytes, mtime: int | None = 1) -> Fingerprint:
        def read(at: int, size: int) -> bytes:
            self.assertTrue(0 <= at < at + size <= len(content), (at, size))
            return content[at : at + size]

        return fingerprint(len(content), mtime, read)

    def test_is_the_same_again(self) -> None:
        """A restarted process looks at the same bytes, whatever its version."""
        content = bytes(at * at % 251 for at in range(200_000))
        whole = hashlib.sha256(content).digest()
        self.assertEqual(self.look(content, None), Fingerprint(200_000, None, whole))
        for short in (b"", content[:10_000], content[:65536]):
            self.assertEqual(self.look(short).sample, hashlib.sha256(short).digest())
        samples = bytes.fromhex("4be872a5e1676217934167cac93abe43ba61d05d21680f65533f5ea181eb45cf")
        self.assertEqual(self.look(content, 5), Fingerprint(200_000, 5, samples))

    def test_small_files_are_read_whole(self) -> None:
        """Any byte of a small file tells."""
        looks = {self.look(b"x" * n + b"y" + b"x" * (99 - n)).sample for n in range(100)}
        self.assertEqual(len(looks), 100)

    def test_samples_are_spread(self) -> None:
        """The first and the last bytes of a large file are among its samples."""
        size = SAMPLE * SAMPLES * 10
        plain = bytes(size)
        for at in (0, SAMPLE - 1, size - SAMPLE, size - 1):
            changed = plain[:at] + b"y" + plain[at + 1 :]
            self.assertNotEqual(self.look(plain), self.look(changed), at)

    def test_what_has_no_time_is_read_whole(self) -> None:
        """Without a time of writing only the content can tell two contents apart."""
        size = SAMPLE * SAMPLES * 3
        plain = bytes(size)
        for at in (size // 3 + 77, size // 2, size - SAMPLE - 1):
            changed = plain[:at] + b"y" + plain[at + 1 :]
            self.assertNotEqual(self.look(plain, None), self.look(changed, None))
