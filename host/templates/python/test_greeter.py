import unittest

import greeter


class Greeter(unittest.TestCase):
    def test_a_name_is_greeted(self):
        self.assertEqual(greeter.handle("POST", "/", b"Ada\n"), (200, "hello, Ada\n"))

    def test_an_unknown_path_is_404(self):
        self.assertEqual(greeter.handle("GET", "/other", b"")[0], 404)
