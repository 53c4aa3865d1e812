"""A processor in Python: greets whoever the body names, and says how often it did."""
from wit_world import exports
from wit_world.exports.handler import Request, Response
from wit_world.exports.memory import ArenaUsage

greeting, count = "hello", 0


class Lifecycle(exports.Lifecycle):
    def configure(self, settings: list[tuple[str, str]]) -> None:
        global greeting
        greeting = dict(settings).get("greeting", greeting)


class Handler(exports.Handler):
    def handle(self, request: Request) -> Response:
        global count
        count += 1
        name = request.body.decode(errors="replace").strip() or "world"
        text = f"{greeting}, {name} ({count})\n"
        headers = [("content-type", "text/plain; charset=utf-8")]
        return Response(200, headers, text.encode())


class Memory(exports.Memory):
    def usage(self) -> ArenaUsage:  # the interpreter has no arena: there is nothing to read
        return ArenaUsage(0, 0, 0, 0, 0, 0, 0, 0, 0, [], False)
