"""Makes `bytes` cross the boundary as a block. Importing it is all there is to do.

The bindings of wasmtime 50.0.1 pass a list of bytes as any other list: one Python object and some calls
for each byte. Here the whole list becomes its image in memory at once. This replaces two methods that are
nobody's business, and is therefore for that version alone, which `requirements.txt` names.
"""

import ctypes
import importlib.metadata
from typing import Any

from wasmtime import _bindings as c
from wasmtime import _ffi as ffi
from wasmtime.component import _types

VERSION = "50.0.1"
if importlib.metadata.version("wasmtime") != VERSION:
    raise ImportError(f"fast_bytes is for wasmtime {VERSION}; go without it or adapt it")

VAL = c.wasmtime_component_val
STRIDE = ctypes.sizeof(VAL)
KIND = VAL.kind.offset
BYTE = VAL.of.offset

slow_to_c = _types.ListType.convert_to_c
slow_from_c = _types.ListType.convert_from_c


def to_c(self: _types.ListType, store: Any, value: Any, into: Any) -> None:
    """Lowers: every `STRIDE` bytes of the image hold one byte, and what it is."""
    if not (self._is_bytes() and isinstance(value, bytes)):
        return slow_to_c(self, store, value, into)
    image = bytearray(STRIDE * len(value))
    image[KIND::STRIDE] = bytes([ffi.WASMTIME_COMPONENT_U8.value]) * len(value)
    image[BYTE::STRIDE] = value
    raw = c.wasmtime_component_vallist_t()
    c.wasmtime_component_vallist_new_uninit(raw, len(value))
    ctypes.memmove(raw.data, (ctypes.c_char * len(image)).from_buffer(image), len(image))
    into.contents.kind = ffi.WASMTIME_COMPONENT_LIST
    into.contents.of.list = raw


def from_c(self: _types.ListType, value: Any) -> Any:
    """Lifts, and frees what was lifted."""
    if not self._is_bytes():
        return slow_from_c(self, value)
    raw = value.of.list
    lifted = ctypes.string_at(raw.data, STRIDE * raw.size)[BYTE::STRIDE] if raw.size else b""
    c.wasmtime_component_vallist_delete(ctypes.byref(raw))
    return lifted


_types.ListType.convert_to_c = to_c  # type: ignore[method-assign]
_types.ListType.convert_from_c = from_c  # type: ignore[method-assign]
