import unittest

from app.main import answer


class Answer(unittest.TestCase):
    def test_it(self):
        self.assertEqual(answer(), 42)
