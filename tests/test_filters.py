from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.filters import check_file
from txresumable.errors import FileRejected
from txresumable.options import Options


class CheckFileTests(SynchronousTestCase):
    def refused_by(self, name: str, type: str, size: int, **options: object) -> str:
        try:
            check_file(Options(target="http://h/", **options), name, f"d/{name}", type, size)
        except FileRejected as error:
            self.assertEqual(error.file_name, name)
            self.assertIn(repr(name), str(error))
            return error.rule
        return ""

    def test_sizes(self) -> None:
        """Too small and too large files are refused by the option's name."""
        self.assertEqual(self.refused_by("a", "", 0), "min_file_size")
        self.assertEqual(self.refused_by("a", "", 0, min_file_size=0), "")
        with self.assertRaises(FileRejected) as caught:
            check_file(Options(target="http://h/"), "a", "a", "", 0)
        self.assertIn("min_file_size=0 accepts empty files", str(caught.exception))
        self.assertEqual(self.refused_by("a", "", 11, max_file_size=10), "max_file_size")
        self.assertEqual(self.refused_by("a", "", 10, max_file_size=10), "")

    def test_names(self) -> None:
        """No request can carry NUL; what no UTF-8 can say is replaced, so it may pass."""
        self.assertEqual(self.refused_by("a\0b", "", 5), "file_name")
        self.assertEqual(self.refused_by("a\udc80b", "", 5), "")

    def test_types(self) -> None:
        """A type is an extension with or without its dot, a media type, or a family of them."""
        for kinds in (["jpg"], [".jpg"], ["image/jpeg"], ["image/*"], "JPG", ["png", " jpg "]):
            self.assertEqual(self.refused_by("a.JPG", "image/jpeg", 1, file_type=kinds), "", kinds)
        for kinds in (["png"], ["text/*"], ["image/png"], ["pg"]):
            rule = self.refused_by("a.jpg", "image/jpeg", 1, file_type=kinds)
            self.assertEqual(rule, "file_type", kinds)
