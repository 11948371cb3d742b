"""What Python's h2 has to say of a server's frames: it raises an exception at the first that breaks the protocol.

second_opinion.py PORT [tls]: subscribes on many streams, publishes, uploads, and reads with small windows; prints "fine".
"""

import socket
import ssl
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.settings

STREAMS = 50
UPLOAD = 300_000
PATIENCE = 60  # seconds; heartbeats come all the time


def connect(port, tls):
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    if not tls:
        return connection
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    sealed = context.wrap_socket(connection)
    assert sealed.selected_alpn_protocol() == "h2"
    return sealed


class Client:
    def __init__(self, port, tls, window):
        self.socket = connect(port, tls)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.bodies = {}
        self.heads = {}
        self.ended = set()
        self.resets = {}
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, method, path, ends=True, fields=()):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), *fields]
        self.h2.send_headers(stream, head, end_stream=ends)
        self.bodies[stream] = b""
        self.flush()
        return stream

    def step(self):
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit("the server has closed")
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                raise SystemExit(f"GOAWAY {event.error_code} {event.additional_data}")
        self.flush()

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"not within {PATIENCE} s: {what}")
            self.step()

    def upload(self, stream, body):
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
            if room == 0:
                self.step()
                continue
            self.h2.send_data(stream, body[:room], end_stream=room == len(body))
            body = body[room:]
            self.flush()


def main(port, tls):
    for window in (65_535, 100, 1_000_000):
        client = Client(port, tls, window)
        streams = [client.request("GET", "/events?topic=a") for _ in range(STREAMS)]
        client.until(lambda: all(b"retry:" in client.bodies[one] for one in streams), "all streams to begin")
        event = b'{"topic":"a","data":"%s"}' % (b"x" * 2_000)
        for _ in range(5):
            publish = client.request("POST", "/events", ends=False, fields=[("content-type", "application/json")])
            client.upload(publish, event)
            client.until(lambda: publish in client.ended, "the answer to a publish")
            assert client.heads[publish][b":status"] == b"200", client.heads[publish]
        client.until(lambda: all(client.bodies[one].count(b"x" * 2_000) == 5 for one in streams), "all events")
        upload = client.request("POST", "/echo", ends=False)
        client.upload(upload, b"y" * UPLOAD)
        client.until(lambda: upload in client.ended, "the answer to the upload")
        assert client.bodies[upload] == b"y" * UPLOAD
        head = client.request("HEAD", "/x")
        missing = client.request("GET", "/nowhere")
        client.until(lambda: {head, missing} <= client.ended, "both answers")
        assert client.heads[missing][b":status"] == b"404"
        client.h2.reset_stream(streams[0])
        client.h2.ping(b"12345678")
        client.flush()
        last = client.request("GET", "/x")
        client.until(lambda: last in client.ended, "the last answer")
        client.h2.close_connection()
        client.flush()
    print("fine")


main(int(sys.argv[1]), "tls" in sys.argv[2:])
