import unittest

from hello_web import markup


class TitleTest(unittest.TestCase):
    def test_title_is_the_first_line(self):
        self.assertEqual(markup.split_title("# Hello\n\nWorld\n"), ("Hello", "World"))

    def test_page_without_title_is_refused(self):
        with self.assertRaisesRegex(ValueError, "starts with '# Title'"):
            markup.split_title("Hello\n")


class MarkupTest(unittest.TestCase):
    def test_paragraphs_are_separated_by_blank_lines(self):
        self.assertEqual(markup.to_html("one\ntwo\n\nthree"), "<p>one two</p>\n<p>three</p>")

    def test_headings_and_lists(self):
        self.assertEqual(markup.to_html("## H\n\n- a\n- b"), "<h2>H</h2>\n<ul><li>a</li><li>b</li></ul>")

    def test_inline_markup(self):
        self.assertEqual(
            markup.to_html("a **b** `c` [d](e.html)"),
            '<p>a <strong>b</strong> <code>c</code> <a href="e.html">d</a></p>',
        )

    def test_text_is_escaped(self):
        self.assertEqual(markup.to_html("<script>"), "<p>&lt;script&gt;</p>")


if __name__ == "__main__":
    unittest.main()
