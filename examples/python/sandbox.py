"""The transform component in wasmtime, with a limit on its memory and one on its work."""

from dataclasses import dataclass
from typing import Any

from wasmtime import Config, Engine, Store
from wasmtime.component import Component, Instance, Linker, Record

HANDLER = "arenaria:processor/handler@0.1.0"
LIFECYCLE = "arenaria:processor/lifecycle@0.1.0"
MEMORY = "arenaria:processor/memory@0.1.0"
JQ = "arenaria:transform/jq@0.1.0"


@dataclass(frozen=True)
class Limits:
    """What one instance may use."""

    memory_bytes: int
    """All of its linear memory. The component's is of fixed size: with less it does not start."""
    fuel: int
    """What one call may execute, in WebAssembly instructions, roughly."""


class Loaded:
    """A component, compiled once."""

    def __init__(self, path: str) -> None:
        config = Config()
        config.consume_fuel = True
        self.engine = Engine(config)
        self.component = Component.from_file(self.engine, path)

    def start(self, limits: Limits, settings: dict[str, str] | None = None) -> "Sandbox":
        """Starts an instance. Without settings, only `transform` and `check` can be used."""
        sandbox = Sandbox(self, limits)
        if settings is not None:
            sandbox.call(LIFECYCLE, "configure", list(settings.items()))
        return sandbox


class Sandbox:
    """An instance in a store of its own. After a trap or the end of its fuel, start another one."""

    def __init__(self, loaded: Loaded, limits: Limits) -> None:
        self.limits = limits
        self.store = Store(loaded.engine)
        self.store.set_limits(memory_size=limits.memory_bytes)
        self.store.set_fuel(limits.fuel)
        # The component imports nothing, so there is nothing to link.
        self.instance: Instance = Linker(loaded.engine).instantiate(self.store, loaded.component)
        self.functions: dict[tuple[str, str], Any] = {}

    def call(self, interface: str, name: str, *arguments: Any) -> Any:
        """Calls an export with new fuel. A WIT error comes as an exception."""
        function = self.functions.get((interface, name))
        if function is None:
            exports = self.instance.get_export_index(self.store, interface)
            index = self.instance.get_export_index(self.store, name, exports)
            assert index is not None, f"the component has no {interface}#{name}"
            function = self.instance.get_func(self.store, index)
            self.functions[interface, name] = function
        self.store.set_fuel(self.limits.fuel)
        return function(self.store, *arguments)
