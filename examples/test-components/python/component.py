"""Answers by path, as the other test components do: see ../README.md."""

import json
from urllib.parse import parse_qs, urlsplit

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import environment, monotonic_clock, outgoing_handler, preopens
from wit_world.imports.streams import InputStream, OutputStream, StreamError_Closed
from wit_world.imports.wasi_http_types import (
    Fields,
    IncomingBody,
    IncomingRequest,
    OutgoingBody,
    OutgoingRequest,
    OutgoingResponse,
    ResponseOutparam,
    Scheme_Http,
)

HOUR = 3600 * 10**9
READ_BYTES = 64 * 1024
# What `blocking-write-and-flush` takes at once.
WRITE_BYTES = 4096
GROW_BYTES = 24 << 20

# What an instance that is used again still has.
count = 0
kept: list[object] = []


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        global count
        count += 1
        url = urlsplit(request.path_with_query() or "/")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/":
                answer(response_out, "hello, world\n")
            case "/echo":
                echo(request, response_out)
            case "/stream":
                stream(int(query.get("chunks", "1000")), response_out)
            case "/trap":
                raise RuntimeError("an exception that nobody catches ends the instance")
            case "/loop":
                while True:
                    pass
            case "/hoard":
                while True:
                    kept.append(bytearray(16384))
            case "/grow":
                grown = bytearray(GROW_BYTES)
                del grown
                answer(response_out, "grown\n")
            case "/sleep":
                monotonic_clock.subscribe_duration(HOUR).block()
                answer(response_out, "unreachable\n")
            case "/fetch":
                answer(response_out, *fetched(query["authority"]))
            case "/env":
                seen = {
                    "environment": environment.get_environment(),
                    "arguments": environment.get_arguments(),
                }
                answer(response_out, json.dumps(seen))
            case "/files":
                answer(response_out, json.dumps([name for _, name in preopens.get_directories()]))
            case "/leak":
                kept.append(monotonic_clock.subscribe_duration(0))
                answer(response_out, f"{len(kept)}\n")
            case "/remember":
                answer(response_out, f"{count}\n")
            case _:
                answer(response_out, "not found\n", 404)


def begin(response_out: ResponseOutparam, status: int = 200) -> OutgoingBody:
    response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    return body


def answer(response_out: ResponseOutparam, text: str, status: int = 200) -> None:
    body = begin(response_out, status)
    with body.write() as output:
        write(output, text.encode())
    OutgoingBody.finish(body, None)


def write(output: OutputStream, data: bytes) -> None:
    for start in range(0, len(data), WRITE_BYTES):
        output.blocking_write_and_flush(data[start : start + WRITE_BYTES])


def parts(source: InputStream):
    """What arrives, as it arrives."""
    while True:
        try:
            yield source.blocking_read(READ_BYTES)
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return
            raise


def echo(request: IncomingRequest, response_out: ResponseOutparam) -> None:
    body = begin(response_out)
    with request.consume() as incoming, body.write() as output:
        with incoming.stream() as source:
            for part in parts(source):
                write(output, part)
    OutgoingBody.finish(body, None)


def stream(chunks: int, response_out: ResponseOutparam) -> None:
    """Chunks of 1 KiB, each its number."""
    body = begin(response_out)
    with body.write() as output:
        for number in range(chunks):
            write(output, f"{number:1023}\n".encode())
    OutgoingBody.finish(body, None)


def fetched(authority: str) -> tuple[str, int]:
    request = OutgoingRequest(Fields())
    request.set_scheme(Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query("/")
    try:
        future = outgoing_handler.handle(request, None)
        with future.subscribe() as ready:
            ready.block()
        match future.get():
            case Ok(value=Ok(value=response)):
                with response.consume() as incoming, incoming.stream() as source:
                    return b"".join(parts(source)).decode(), 200
            case Ok(value=Err(value=error)):
                return f"{error}\n", 502
            case other:
                return f"{other}\n", 502
    except Err as error:
        return f"{error.value}\n", 502
