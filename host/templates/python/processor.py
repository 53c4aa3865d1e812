"""What the component exports: `wit/processor.wit` says it. The answers are in `greeter.py`."""
from wit_world import exports
from wit_world.exports.handler import Request, Response
from wit_world.exports.memory import ArenaUsage

import greeter


class Lifecycle(exports.Lifecycle):
    def configure(self, settings: list[tuple[str, str]]) -> None:
        greeter.configure(dict(settings))


class Handler(exports.Handler):
    def handle(self, request: Request) -> Response:
        status, text = greeter.handle(request.method, request.path_with_query, request.body)
        headers = [("content-type", "text/plain; charset=utf-8")]
        return Response(status, headers, text.encode())


class Memory(exports.Memory):
    def usage(self) -> ArenaUsage:  # the interpreter has no arena, so there is nothing to report
        return ArenaUsage(0, 0, 0, 0, 0, 0, 0, 0, 0, [], False)
