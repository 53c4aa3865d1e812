"""Everything that the component exports, called once; and what happens at its limits."""

import os
import time
from pathlib import Path

from wasmtime import WasmtimeError
from wasmtime.component import Record

from sandbox import HANDLER, JQ, MEMORY, Limits, Loaded

HERE = Path(__file__).parent
COMPONENTS = Path(os.environ.get("ARENARIA_COMPONENTS", HERE / "../../target/components"))

DOCUMENT = b'{"action":"opened","repository":{"full_name":"sand/box"},"stars":3}'
PROGRAM = "{action, repo: .repository.full_name}"
LIMITS = Limits(memory_bytes=16 << 20, fuel=1_000_000_000)


def record(**fields: object) -> Record:
    """A WIT record. Its names have hyphens, Python's have underscores."""
    made = Record()
    for name, value in fields.items():
        setattr(made, name.replace("_", "-"), value)
    return made


def post(body: bytes, path_with_query: str = "/") -> Record:
    """A request. The time goes in with it, as a processor has no clock."""
    return record(
        method="POST",
        path_with_query=path_with_query,
        headers=[],
        body=body,
        received_at=time.time_ns(),
    )


def told(error: Record) -> str:
    """An error of the interface `jq`, which comes as a record in place of the bytes."""
    where = "" if error.offset is None else f" (byte {error.offset})"
    return f"{error.kind}: {error.message}{where}"


def last_line(error: WasmtimeError) -> str:
    """What happened, without where."""
    return str(error).strip().splitlines()[-1].strip()


def load() -> Loaded:
    """Compiles the component, which takes some seconds."""
    return Loaded(str(COMPONENTS / "transform.wasm"))


def main(loaded: Loaded) -> None:
    # arenaria:transform/jq: a program and a document. The program stays compiled.
    sandbox = loaded.start(LIMITS)
    print("transform:", sandbox.call(JQ, "transform", PROGRAM, DOCUMENT).decode().rstrip())

    # What is wrong comes as data: its kind, a sentence, and where, in bytes.
    print(told(sandbox.call(JQ, "check", "{action")))
    print(told(sandbox.call(JQ, "transform", PROGRAM, b'{"action": opened}')))
    print(told(sandbox.call(JQ, "transform", ".action + 1", DOCUMENT)))

    # arenaria:processor: configured once, then requests in and responses out, as over HTTP.
    processor = loaded.start(LIMITS, {"program": PROGRAM})
    response = processor.call(HANDLER, "handle", post(DOCUMENT))
    print("handle:", response.status, response.headers, response.body.decode().rstrip())

    # What the requests did to its memory: all of it is free again.
    usage = processor.call(MEMORY, "usage")
    fields = ("in-use", "capacity", "high-water", "resets")
    in_use, capacity, most, resets = (getattr(usage, field) for field in fields)
    print(f"memory: {in_use} of {capacity} bytes in use, at most {most}, {resets} resets")
    print("phases:", ", ".join(phase.name for phase in usage.phases))

    # A memory of fixed size is had at once or not at all.
    try:
        loaded.start(Limits(memory_bytes=1 << 20, fuel=LIMITS.fuel))
    except WasmtimeError as error:
        print("too little memory:", last_line(error))

    # A call that never ends, ends with its fuel. The instance is lost, and the next one knows nothing of it.
    lost = loaded.start(LIMITS)
    try:
        print("endless:", lost.call(JQ, "transform", "def f: f; f", b"0"))
    except WasmtimeError as error:
        print("endless:", last_line(error))

    # A program that needs more memory than there is, is told so. The instance goes on.
    hoarding = 'reduce range(40) as $n ("grain"; . + .)'
    print("hoards:", told(sandbox.call(JQ, "transform", hoarding, b"0")))


if __name__ == "__main__":
    main(load())
