"""What the example prints, and what of it may not change: `python -m unittest`."""

import contextlib
import io
import re
import unittest

from wasmtime import WasmtimeError
from wasmtime.component import _types

import main
from sandbox import HANDLER, JQ, LIFECYCLE, MEMORY, Limits, Loaded

EXPECTED = """\
transform: {"action":"opened","repo":"sand/box"}
program: expected `,` or `}`, found the end of the program (byte 7)
document: expected JSON, got `o` (byte 11)
run: string ("opened") and number (1) cannot be added
handle: 200 [('content-type', 'application/json')] {"action":"opened","repo":"sand/box"}
memory: 0 of N bytes in use, at most N, 1 resets
phases: decode, transform, encode
too little memory: memory minimum size of 256 pages exceeds memory limits
endless: wasm trap: all fuel consumed by WebAssembly
hoards: memory: the memory is exhausted
"""


class Example(unittest.TestCase):
    loaded: Loaded

    @classmethod
    def setUpClass(cls) -> None:
        cls.loaded = main.load()

    def test_it_prints_what_it_should(self) -> None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            main.main(self.loaded)
        numbers = r"\d+ bytes in use, at most \d+,"
        comparable = re.sub(rf"of {numbers}", "of N bytes in use, at most N,", printed.getvalue())
        self.assertEqual(comparable, EXPECTED)

    def test_bytes_stay_what_they_are(self) -> None:
        sandbox = self.loaded.start(main.LIMITS)
        for size in (0, 1, 1000):
            document = b'"' + bytes(32 + byte % 2 for byte in range(size)).replace(b'"', b" ") + b'"'
            self.assertEqual(sandbox.call(JQ, "transform", ".", document), document + b"\n")
        self.assertEqual(sandbox.call(JQ, "transform", "empty", b"0"), b"")
        self.assertEqual(sandbox.call(JQ, "transform", ".", "\"ö\"".encode()), b'"\xc3\xb6"\n')

    def test_settings_that_are_wrong_are_refused(self) -> None:
        sandbox = self.loaded.start(main.LIMITS)
        sentence = sandbox.call(LIFECYCLE, "configure", [("progrm", ".")])
        self.assertIn("progrm", sentence)

    def test_an_instance_that_was_lost_answers_nothing(self) -> None:
        lost = self.loaded.start(Limits(memory_bytes=16 << 20, fuel=10_000_000))
        for message in ("all fuel consumed", "cannot enter component instance"):
            with self.assertRaisesRegex(WasmtimeError, message):
                lost.call(JQ, "transform", "def f: f; f", b"0")

    def test_many_requests_leave_nothing(self) -> None:
        processor = self.loaded.start(main.LIMITS, {"program": ".stars"})
        for _ in range(20):
            response = processor.call(HANDLER, "handle", main.post(main.DOCUMENT))
            self.assertEqual((response.status, response.body), (200, b"3\n"))
        usage = processor.call(MEMORY, "usage")
        self.assertEqual((getattr(usage, "in-use"), usage.sealed, usage.resets), (0, 0, 20))

    def test_fast_bytes_change_nothing(self) -> None:
        documents = [b"", b"1", b'"' + bytes(range(128, 256)) + b'"', b"[" + b"1," * 999 + b"1]"]

        def results() -> list[object]:
            transformer = self.loaded.start(main.LIMITS)
            processor = self.loaded.start(main.LIMITS, {"program": "."})
            found: list[object] = []
            for document in documents:
                result = transformer.call(JQ, "transform", ".", document)
                found.append(result if isinstance(result, bytes) else main.told(result))
                response = processor.call(HANDLER, "handle", main.post(document))
                found.append((response.status, response.headers, response.body))
            return found

        slow = results()
        list_type = _types.ListType
        for method in ("convert_to_c", "convert_from_c"):
            self.addCleanup(setattr, list_type, method, getattr(list_type, method))
        import fast_bytes

        self.assertIs(list_type.convert_to_c, fast_bytes.to_c)
        self.assertEqual(results(), slow)
        self.assertIn(b"1\n", slow)


if __name__ == "__main__":
    unittest.main()
