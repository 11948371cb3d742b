"""Reads an event stream on stdin and prints its events: python3 events.py libmillrace_core.so <stream

The library's C interface, millrace_core.h, from a language that can call C. Nothing has to be compiled.
"""
import ctypes
import sys


class Text(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    def __str__(self):
        return ctypes.string_at(self.data, self.size).decode() if self.size else ""


class Event(ctypes.Structure):
    _fields_ = [("type", Text), ("data", Text), ("last_event_id", Text), ("has_id", ctypes.c_int32), ("topic", Text)]


NEED_MORE, EVENT = 0, 1
library = ctypes.CDLL(sys.argv[1])
library.millrace_parser_new.restype = ctypes.c_void_p
library.millrace_parser_new.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t]
parser = ctypes.c_void_p(library.millrace_parser_new(None, 0, 0))
event = Event()
while chunk := sys.stdin.buffer.read1():
    library.millrace_parser_feed(parser, chunk, ctypes.c_size_t(len(chunk)))
    while (item := library.millrace_parser_next(parser)) != NEED_MORE:
        if item == EVENT:
            library.millrace_parser_event(parser, ctypes.byref(event))
            print(f"{event.type}: {str(event.data)!r} (last event ID {str(event.last_event_id)!r})", flush=True)
library.millrace_parser_delete(parser)
