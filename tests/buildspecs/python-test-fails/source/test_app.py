import unittest


class Wrong(unittest.TestCase):
    def test_it(self):
        self.assertEqual(1, 2)
