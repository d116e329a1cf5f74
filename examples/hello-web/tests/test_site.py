import json
import pathlib
import tempfile
import unittest

from hello_web import site


class SiteTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = pathlib.Path(folder.name) / "pages"
        self.target = pathlib.Path(folder.name) / "dist"
        self.source.mkdir()
        (self.source / "style.css").write_text("")

    def test_each_page_becomes_a_file(self):
        (self.source / "index.md").write_text("# Home\n\nHi")
        (self.source / "more.md").write_text("# More\n\nStill hi")
        self.assertEqual(
            site.build(self.source, self.target, "abc"), ["index.html", "more.html", "site.json", "style.css"]
        )
        page = (self.target / "more.html").read_text()
        self.assertIn("<h1>More</h1>", page)
        self.assertIn('<a href="index.html">Home</a>', page)
        self.assertIn("Built from abc", page)
        self.assertEqual(json.loads((self.target / "site.json").read_text())["pages"], ["index", "more"])

    def test_what_was_built_before_is_gone(self):
        (self.source / "index.md").write_text("# Home\n")
        self.target.mkdir()
        (self.target / "old.html").write_text("old")
        site.build(self.source, self.target, "abc")
        self.assertFalse((self.target / "old.html").exists())

    def test_site_without_index_is_refused(self):
        with self.assertRaisesRegex(ValueError, "no index.md"):
            site.build(self.source, self.target, "abc")


if __name__ == "__main__":
    unittest.main()
