// Frames, streams and their order: RFC 9113, sections 3 to 7.
#include "http2_conformance.h"

namespace millrace::test {

using enum FrameType;
using namespace frame_flag;

std::vector<Case> framing() {
  const auto kProtocol = Http2Error::kProtocol;
  const auto kSize = Http2Error::kFrameSize;
  const std::string ok = Http2Peer::greeting();
  return {
      raw(fine("3.4", "preface and SETTINGS", ok, 0)),
      raw(fine("3.4", "a request right behind the preface", ok + open_get())),
      raw(ends("3.4", "another preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings(), kProtocol)),
      raw(ends("3.4", "a request of HTTP/1.1", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", kProtocol)),
      raw(ends("3.4", "no SETTINGS first", std::string(kHttp2Preface) + open_get(), kProtocol)),
      raw(ends("3.4", "a PING before SETTINGS", std::string(kHttp2Preface) + frame(kPing, 0, 0, "12345678"),
               kProtocol)),
      raw(ends("3.4", "an acknowledgement first", std::string(kHttp2Preface) + settings_ack(), kProtocol)),
      fine("4.1", "an unknown frame", frame(FrameType{0x42}, 0xff, 7, "what?") + open_get()),
      fine("4.1", "an unknown frame of the largest size", frame(FrameType{0xf0}, 0, 0, std::string(16384, 'x')), 0),
      fine("4.1", "unknown flags", frame(kPing, 0xfe, 0, "12345678") + open_get()),
      fine("4.1", "the reserved bit of a stream's number",
           [] {
             std::string bytes = open_get();
             bytes[5] = static_cast<char>(0x80);
             return bytes;
           }()),
      ends("4.2", "DATA larger than 16,384 bytes", open_post() + frame(kData, 0, 1, std::string(16385, 'x')), kSize),
      ends("4.2", "HEADERS larger than that", frame(kHeaders, kEndHeaders, 1, std::string(16385, 'x')), kSize),
      ends("4.2", "SETTINGS larger than that", frame(kSettings, 0, 0, std::string(16386, '\0')), kSize),
      ends("4.2", "an unknown frame larger than that", frame(FrameType{0x42}, 0, 0, std::string(16385, 'x')), kSize),
      fine("4.2", "DATA of 16,384 bytes", open_post() + frame(kData, kEndStream, 1, std::string(16384, 'x'))),
      ends("4.3", "a field section that is not HPACK", block_frame(bytes_of({0xff, 0xff, 0xff, 0xff, 0xff})),
           Http2Error::kCompression),
      ends("4.3", "DATA between HEADERS and CONTINUATION", frame(kHeaders, kEndStream, 1, prefix()) + data(1, "x"),
           kProtocol),
      ends("4.3", "HEADERS of another stream there", frame(kHeaders, kEndStream, 1, prefix()) + open_get(3), kProtocol),
      ends("4.3", "an unknown frame there", frame(kHeaders, kEndStream, 1, prefix()) + frame(FrameType{0x42}, 0, 0),
           kProtocol),
      ends("4.3", "CONTINUATION of another stream",
           frame(kHeaders, kEndStream, 1, prefix()) + frame(kContinuation, kEndHeaders, 3), kProtocol),
      ends("5.4.1", "a field section cut by the connection's end is no request, and SETTINGS in it an error",
           frame(kHeaders, kEndStream, 1, prefix()) + settings(), kProtocol),
  };
}

std::vector<Case> streams() {
  const auto kProtocol = Http2Error::kProtocol;
  const auto kClosed = Http2Error::kStreamClosed;
  return {
      ends("5.1", "idle: DATA", data(1, "x"), kProtocol),
      ends("5.1", "idle: RST_STREAM", reset_of(1), kProtocol),
      ends("5.1", "idle: WINDOW_UPDATE", window_update(1, 1), kProtocol),
      ends("5.1", "idle: CONTINUATION", frame(kContinuation, kEndHeaders, 1, prefix()), kProtocol),
      fine("5.1", "idle: PRIORITY", frame(kPriority, 0, 1, bytes_of({0, 0, 0, 0, 15})) + open_get()),
      resets("5.1", "half-closed: DATA", open_get() + data(1, "x"), kClosed),
      resets("5.1", "half-closed: HEADERS", open_get() + open_get(), kClosed),
      fine("5.1", "half-closed: WINDOW_UPDATE and PRIORITY",
           open_get() + window_update(1, 9) + frame(kPriority, 0, 1, bytes_of({0, 0, 0, 0, 1}))),
      ends("5.1", "closed by RST_STREAM: DATA", open_post() + reset_of(1) + data(1, "x"), kClosed),
      ends("5.1", "closed by RST_STREAM: HEADERS", open_post() + reset_of(1) + open_get(), kClosed),
      fine("5.1", "closed by RST_STREAM: RST_STREAM and WINDOW_UPDATE",
           open_post() + reset_of(1) + reset_of(1) + window_update(1, 5)),
      fine("5.1", "closed: PRIORITY", open_get() + reset_of(1) + frame(kPriority, 0, 1, bytes_of({0, 0, 0, 0, 1}))),
      resets("5.1", "the server has reset it: what is on its way is ignored",
             open_post(1, {{"te", "gzip"}}) + data(1, "x") + data(1, "y", true) + open_get(3), kProtocol),
      resets("5.1", "likewise trailers", open_post(1, {{"te", "gzip"}}) + headers(1, {{"a", "b"}}), kProtocol),
      ends("5.1.1", "a stream of an even number", open_get(2), kProtocol),
      ends("5.1.1", "a number that has been passed over", open_get(5) + open_get(3), kProtocol),
      ends("5.1.1", "the first number, passed over", open_get(3) + open_get(1), kProtocol),
      ends("5.1.1", "a number passed over between others", open_get(1) + open_get(9) + open_get(11) + open_get(7),
           kProtocol),
      ends("5.1.1", "a number of a stream that is over, used again",
           open_get(1) + open_get(9) + reset_of(9) + open_get(9), kClosed),
      ends(
          "5.1.1", "one of very many that were passed over",
          [] {
            std::string bytes;
            for (std::uint32_t i = 0; i < 100; ++i) bytes += open_get(4 * i + 1) + reset_of(4 * i + 1);
            return bytes + open_get(395);
          }(),
          kProtocol),
      fine("5.1.1", "numbers with gaps", open_get(1) + open_get(7) + open_get(1001), 3),
      fine("5.1.1", "the last number", open_get(0x7fffffff)),
      ends("5.1.1", "HEADERS without a stream", headers(0, get_fields()), kProtocol),
      resets(
          "5.1.2", "a stream too many",
          [] {
            std::string bytes;
            for (std::uint32_t i = 0; i <= kHttp2MaxStreams; ++i) bytes += open_get(2 * i + 1);
            return bytes;
          }(),
          Http2Error::kRefusedStream, 2 * kHttp2MaxStreams + 1),
      fine(
          "5.1.2", "as many as may be, and one more when one is over",
          [] {
            std::string bytes;
            for (std::uint32_t i = 0; i < kHttp2MaxStreams; ++i) bytes += open_get(2 * i + 1);
            return bytes + reset_of(1) + open_get(2 * kHttp2MaxStreams + 1);
          }(),
          kHttp2MaxStreams + 1),
      fine("5.2.2", "more than a stream's window, by the credit for what was read",
           open_post() + repeated(6, data(1, std::string(16384, 'x'))) + data(1, "", true)),
      fine("5.3", "a priority in HEADERS, of itself",
           frame(kHeaders, kEndHeaders | kEndStream | kHasPriority, 1, bytes_of({0, 0, 0, 1, 15}) + prefix())),
      resets("5.4.2", "a reset is not answered by a reset",
             open_post(1, {{"te", "gzip"}}) + reset_of(1) + reset_of(1) + open_get(3), kProtocol),
      fine("5.4.2", "an error code that does not exist", open_get() + reset_of(1, Http2Error{0xdeadbeef})),
      ends("5.4.1", "nothing counts behind a connection error", data(1, "x") + open_get(1) + data(3, "x"), kProtocol),
      fine("5.5", "PRIORITY_UPDATE, an extension", frame(FrameType{0x10}, 0, 0, number_32(1) + "u=0") + open_get()),
  };
}

std::vector<Case> frames() {
  const auto kProtocol = Http2Error::kProtocol;
  const auto kSize = Http2Error::kFrameSize;
  const auto kFlow = Http2Error::kFlowControl;
  const std::string padded_get =
      frame(kHeaders, kEndHeaders | kEndStream | kPadded, 1, bytes_of({3}) + prefix() + std::string(3, '\0'));
  return {
      ends("6.1", "DATA without a stream", data(0, "x"), kProtocol),
      fine("6.1", "nothing but padding", open_post() + frame(kData, kPadded | kEndStream, 1, bytes_of({5}) + "12345")),
      ends("6.1", "more padding than payload", open_post() + frame(kData, kPadded, 1, bytes_of({6}) + "12345"),
           kProtocol),
      ends("6.1", "padded, but empty", open_post() + frame(kData, kPadded, 1), kSize),
      fine("6.1", "padding", open_post() + frame(kData, kPadded | kEndStream, 1, bytes_of({2}) + "hello12")),
      fine("6.1", "empty DATA that ends the stream", open_post() + data(1, "", true)),
      fine("6.2", "padded HEADERS", padded_get),
      ends("6.2", "more padding than payload", frame(kHeaders, kEndHeaders | kPadded, 1, bytes_of({200}) + prefix()),
           kProtocol),
      ends("6.2", "padded, but empty", frame(kHeaders, kEndHeaders | kPadded, 1), kSize),
      ends("6.2", "too short for a priority", frame(kHeaders, kEndHeaders | kHasPriority, 1, "1234"), kSize),
      ends("6.3", "PRIORITY without a stream", frame(kPriority, 0, 0, "12345"), kProtocol),
      resets("6.3", "PRIORITY of 4 bytes", open_get() + frame(kPriority, 0, 1, "1234"), kSize),
      ends("6.4", "RST_STREAM without a stream", reset_of(0), kProtocol),
      ends("6.4", "RST_STREAM of 3 bytes", open_get() + frame(kRstStream, 0, 1, "123"), kSize),
      ends("6.4", "RST_STREAM of 5 bytes", open_get() + frame(kRstStream, 0, 1, "12345"), kSize),
      ends("6.5", "SETTINGS on a stream", frame(kSettings, 0, 1), kProtocol),
      ends("6.5", "SETTINGS of 5 bytes", settings("12345"), kSize),
      ends("6.5", "an acknowledgement with a value", frame(kSettings, kAck, 0, "123456"), kSize),
      fine("6.5", "an unknown setting", settings(bytes_of({0x7f, 0x7f}) + number_32(5)) + open_get()),
      fine("6.5", "an acknowledgement nobody waits for", settings_ack() + settings_ack(), 0),
      ends("6.5.2", "ENABLE_PUSH of 2", settings(setting(SettingId::kEnablePush, 2)), kProtocol),
      fine("6.5.2", "ENABLE_PUSH of 0 and 1",
           settings(setting(SettingId::kEnablePush, 0) + setting(SettingId::kEnablePush, 1)), 0),
      ends("6.5.2", "INITIAL_WINDOW_SIZE of 2^31", settings(setting(SettingId::kInitialWindowSize, 0x80000000)), kFlow),
      fine("6.5.2", "INITIAL_WINDOW_SIZE of 2^31 - 1", settings(setting(SettingId::kInitialWindowSize, 0x7fffffff)), 0),
      ends("6.5.2", "MAX_FRAME_SIZE of 16,383", settings(setting(SettingId::kMaxFrameSize, 16383)), kProtocol),
      ends("6.5.2", "MAX_FRAME_SIZE of 2^24", settings(setting(SettingId::kMaxFrameSize, 1 << 24)), kProtocol),
      fine("6.5.2", "MAX_FRAME_SIZE of 2^24 - 1", settings(setting(SettingId::kMaxFrameSize, (1 << 24) - 1)), 0),
      fine("6.5.2", "a header table of any size", settings(setting(SettingId::kHeaderTableSize, 0xffffffff)), 0),
      ends("6.6", "PUSH_PROMISE", open_get() + frame(kPushPromise, kEndHeaders, 1, number_32(2) + prefix()), kProtocol),
      ends("6.7", "PING on a stream", frame(kPing, 0, 1, "12345678"), kProtocol),
      ends("6.7", "PING of 7 bytes", frame(kPing, 0, 0, "1234567"), kSize),
      ends("6.7", "PING of 9 bytes", frame(kPing, 0, 0, "123456789"), kSize),
      fine("6.7", "an acknowledgement of no PING", frame(kPing, kAck, 0, "12345678"), 0),
      ends("6.8", "GOAWAY on a stream", frame(kGoAway, 0, 1, std::string(8, '\0')), kProtocol),
      ends("6.8", "GOAWAY of 7 bytes", frame(kGoAway, 0, 0, std::string(7, '\0')), kSize),
      fine("6.8", "GOAWAY with an error code that does not exist",
           open_get() + frame(kGoAway, 0, 0, number_32(1) + number_32(0xdeadbeef))),
      fine("6.8", "what was requested before GOAWAY goes on",
           open_post() + frame(kGoAway, 0, 0, std::string(8, '\0')) + data(1, "x", true)),
      resets("6.8", "a request behind the client's GOAWAY", frame(kGoAway, 0, 0, std::string(8, '\0')) + open_get(),
             Http2Error::kRefusedStream),
      fine("6.5.3", "several SETTINGS in a row, the last of two values counts",
           settings(setting(SettingId::kInitialWindowSize, 1)) +
               settings(setting(SettingId::kInitialWindowSize, 2) + setting(SettingId::kInitialWindowSize, 65535)) +
               open_get() + window_update(1, 0x7fffffff - 65535)),
      fine("6.8", "GOAWAY with a text", open_get() + frame(kGoAway, 0, 0, std::string(8, '\0') + "bye")),
      ends("6.9", "WINDOW_UPDATE of 3 bytes", frame(kWindowUpdate, 0, 0, "123"), kSize),
      ends("6.9", "WINDOW_UPDATE of 5 bytes", frame(kWindowUpdate, 0, 0, "12345"), kSize),
      ends("6.9", "the connection's, by 0", window_update(0, 0), kProtocol),
      resets("6.9", "a stream's, by 0", open_get() + window_update(1, 0), kProtocol),
      ends("6.9.1", "the connection's window beyond 2^31 - 1", window_update(0, 0x7fffffff), kFlow),
      fine("6.9.1", "the connection's window up to there", window_update(0, 0x7fffffff - 65535), 0),
      resets("6.9.1", "a stream's window beyond 2^31 - 1", open_get() + window_update(1, 0x7fffffff), kFlow),
      fine("6.9.1", "a stream's window up to there", open_get() + window_update(1, 0x7fffffff - 65535)),
      ends("6.9.2", "a setting that makes a stream's window too large",
           open_get() + window_update(1, 0x7fffffff - 65535) + settings(setting(SettingId::kInitialWindowSize, 65536)),
           kFlow),
      fine("6.9.2", "a setting that makes it negative",
           open_get() + settings(setting(SettingId::kInitialWindowSize, 0)) + window_update(1, 5)),
      ends("6.10", "CONTINUATION without HEADERS before it", open_get() + frame(kContinuation, kEndHeaders, 1),
           kProtocol),
      ends("6.10", "CONTINUATION without a stream", frame(kContinuation, kEndHeaders, 0), kProtocol),
      fine("6.10", "a field section in three frames",
           frame(kHeaders, kEndStream, 1, prefix().substr(0, 5)) + frame(kContinuation, 0, 1, prefix().substr(5, 9)) +
               frame(kContinuation, kEndHeaders, 1, prefix().substr(14))),
      fine("6.10", "an empty CONTINUATION",
           frame(kHeaders, kEndStream, 1, prefix()) + frame(kContinuation, kEndHeaders, 1)),
  };
}

}  // namespace millrace::test
