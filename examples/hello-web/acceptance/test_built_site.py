"""Serves a built site, whose folder is in SITE, and visits it as a browser would."""

import functools
import html.parser
import http.server
import json
import os
import threading
import unittest
import urllib.parse
import urllib.request


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name == "href"]


class BuiltSiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=os.environ["SITE"])
        handler.func.log_message = lambda *_: None
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.url = f"http://127.0.0.1:{cls.server.server_port}/"

    def fetch(self, path):
        with urllib.request.urlopen(urllib.parse.urljoin(self.url, path), timeout=10) as answer:
            return answer.read().decode()

    def test_every_link_leads_somewhere(self):
        seen, queue = set(), ["index.html"]
        while queue:
            path = queue.pop()
            if path in seen:
                continue
            seen.add(path)
            page = self.fetch(path)
            if path.endswith(".html"):
                links = Links()
                links.feed(page)
                queue += links.found
        self.assertEqual(seen, {"index.html", "about.html", "style.css"})

    def test_the_site_says_what_it_was_built_from(self):
        revision = json.loads(self.fetch("site.json"))["revision"]
        self.assertTrue(revision)
        self.assertIn(f"Built from {revision}", self.fetch("index.html"))


if __name__ == "__main__":
    unittest.main()
