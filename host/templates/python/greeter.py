"""Greets by name."""

greeting = "hello"


def configure(settings: dict[str, str]) -> None:
    """Called once per instance. The settings come from `arenaria.toml`."""
    global greeting
    greeting = settings.get("greeting", greeting)


def handle(method: str, path_with_query: str, body: bytes) -> tuple[int, str]:
    """Called once per request: the status and the text of the response."""
    path, _, _ = path_with_query.partition("?")
    if path != "/":
        return 404, "not found\n"
    if method == "GET":
        return 200, f"{greeting}, world\n"
    if method != "POST":
        return 405, "expected GET or POST\n"
    return 200, f"{greeting}, {body.decode(errors='replace').strip()}\n"
