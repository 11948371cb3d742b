// What a server has to do with each thing that a client may send, by the sections of RFC 9113 and RFC 7541. Each case
// is tried whole, and cut after every byte.
#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <ostream>
#include <string>

#include "http2_peer.h"

namespace millrace::test {
namespace {

using enum FrameType;
using namespace frame_flag;

enum class Comes : std::uint8_t {
  kRequests,    // as many requests, and no complaint
  kReset,       // stream `stream` is reset with the error
  kConnection,  // the connection ends with the error
  kTooLarge,    // stream `stream` is reported to be refused, because its field section is too large
};

struct Case {
  const char* section;
  const char* what;
  std::string bytes;  // behind preface and SETTINGS, unless `is_raw`
  Comes comes;
  Http2Error error = Http2Error::kNone;
  std::size_t number = 1;  // of requests
  std::uint32_t stream = 1;
  bool is_raw = false;
};

std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.section << ": " << one.what;
}

Case fine(const char* section, const char* what, std::string bytes, std::size_t requests = 1) {
  return {.section = section, .what = what, .bytes = std::move(bytes), .comes = Comes::kRequests, .number = requests};
}
Case resets(const char* section, const char* what, std::string bytes, Http2Error error, std::uint32_t stream = 1) {
  return {.section = section,
          .what = what,
          .bytes = std::move(bytes),
          .comes = Comes::kReset,
          .error = error,
          .stream = stream};
}
Case ends(const char* section, const char* what, std::string bytes, Http2Error error) {
  return {.section = section, .what = what, .bytes = std::move(bytes), .comes = Comes::kConnection, .error = error};
}
Case raw(Case one) {
  one.is_raw = true;
  return one;
}
Case too_large(const char* section, const char* what, std::string bytes) {
  return {.section = section, .what = what, .bytes = std::move(bytes), .comes = Comes::kTooLarge};
}

Fields with(Fields fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}
Fields without(Fields fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}
Fields changed(Fields fields, const std::string& name, const std::string& value) {
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}

std::string open_get(std::uint32_t stream = 1) {
  return headers(stream, get_fields());
}
std::string open_post(std::uint32_t stream = 1, Fields more = {}) {
  return headers(stream, post_fields(std::move(more)), 0);
}
std::string block_frame(std::string_view block) {
  return frame(kHeaders, kEndHeaders | kEndStream, 1, block);
}
std::string prefix() {  // the pseudo-header fields of a request, to which a raw field can be added
  return block_of(get_fields());
}

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

std::vector<Case> messages() {
  const auto kProtocol = Http2Error::kProtocol;
  const auto bad = [&](const char* section, const char* what, const Fields& fields) {
    return resets(section, what, headers(1, fields) + headers(3, get_fields()), kProtocol);
  };
  return {
      fine("8.1", "HEADERS alone, and HEADERS with an empty DATA", open_get() + open_post(3) + data(3, "", true), 2),
      resets("8.1", "DATA behind trailers",
             open_post() + data(1, "x") + headers(1, {{"a", "b"}}) + data(1, "y") + open_get(3),
             Http2Error::kStreamClosed),
      resets("8.1", "trailers behind trailers", open_post() + headers(1, {{"a", "b"}}) + headers(1, {{"c", "d"}}),
             Http2Error::kStreamClosed),
      fine("8.1", "trailers without any field", open_post() + frame(kHeaders, kEndHeaders | kEndStream, 1)),
      fine("8.1.1", "equal Content-Lengths",
           headers(1, with(with(get_fields(), "content-length", "0"), "content-length", "0"))),
      fine("8.3.1", "https", headers(1, changed(get_fields(), ":scheme", "https"))),
      fine("8.3.1", "a query in :path", headers(1, changed(get_fields(), ":path", "/?a=b&c"))),
      bad("8.3.1", "a fragment's blank in :path", changed(get_fields(), ":path", "/#a b")),
      fine("8.2.1", "bytes beyond ASCII in a value", headers(1, with(get_fields(), "a", "\xc3\xa4"))),
      fine("8.1", "trailers", open_post() + data(1, "x") + headers(1, {{"checksum", "1"}})),
      resets("8.1", "trailers that do not end the stream", open_post() + headers(1, {{"a", "b"}}, 0), kProtocol),
      resets("8.1", "a pseudo-header field in trailers", open_post() + headers(1, {{":path", "/"}}), kProtocol),
      resets("8.1", "a name in capitals in trailers", open_post() + headers(1, {{"A", "b"}}), kProtocol),
      resets("8.1.1", "less than Content-Length", open_post(1, {{"content-length", "5"}}) + data(1, "1234", true),
             kProtocol),
      resets("8.1.1", "more than Content-Length", open_post(1, {{"content-length", "3"}}) + data(1, "1234", true),
             kProtocol),
      resets("8.1.1", "more in several frames",
             open_post(1, {{"content-length", "5"}}) + data(1, "1234") + data(1, "56"), kProtocol),
      resets("8.1.1", "trailers before Content-Length is reached",
             open_post(1, {{"content-length", "5"}}) + data(1, "1234") + headers(1, {{"a", "b"}}), kProtocol),
      bad("8.1.1", "Content-Length without a body", with(get_fields(), "content-length", "1")),
      fine("8.1.1", "Content-Length of 0 without a body", headers(1, with(get_fields(), "content-length", "0"))),
      fine("8.1.1", "exactly Content-Length",
           open_post(1, {{"content-length", "5"}}) + data(1, "12") + data(1, "345", true)),
      bad("8.1.1", "two different Content-Lengths",
          with(with(get_fields(), "content-length", "0"), "content-length", "1")),
      bad("8.1.1", "Content-Length that is no number", with(get_fields(), "content-length", "0x0")),
      bad("8.1.1", "Content-Length with a sign", with(get_fields(), "content-length", "+0")),
      bad("8.2", "a name in capitals", with(get_fields(), "Accept", "x")),
      bad("8.2.1", "an empty name", with(get_fields(), "", "x")),
      bad("8.2.1", "a blank in a name", with(get_fields(), "a b", "x")),
      bad("8.2.1", "a colon in a name", with(get_fields(), "a:b", "x")),
      bad("8.2.1", "a control character in a name", with(get_fields(), "a\x01", "x")),
      bad("8.2.1", "a byte beyond ASCII in a name", with(get_fields(), "a\xc3\xa4", "x")),
      bad("8.2.1", "CR in a value", with(get_fields(), "a", "b\rc")),
      bad("8.2.1", "LF in a value", with(get_fields(), "a", "b\nc: d")),
      bad("8.2.1", "CR LF in a value", with(get_fields(), "a", "b\r\nc: d")),
      bad("8.2.1", "NUL in a value", with(get_fields(), "a", std::string("b\0c", 3))),
      bad("8.2.1", "a blank before a value", with(get_fields(), "a", " b")),
      bad("8.2.1", "a tab behind a value", with(get_fields(), "a", "b\t")),
      fine("8.2.1", "an empty value", headers(1, with(get_fields(), "a", ""))),
      bad("8.2.2", "Connection", with(get_fields(), "connection", "close")),
      bad("8.2.2", "Keep-Alive", with(get_fields(), "keep-alive", "5")),
      bad("8.2.2", "Proxy-Connection", with(get_fields(), "proxy-connection", "close")),
      bad("8.2.2", "Transfer-Encoding", with(get_fields(), "transfer-encoding", "chunked")),
      bad("8.2.2", "Upgrade", with(get_fields(), "upgrade", "websocket")),
      bad("8.2.2", "TE other than trailers", with(get_fields(), "te", "gzip")),
      fine("8.2.2", "TE: trailers", headers(1, with(get_fields(), "te", "trailers"))),
      fine("8.2.3", "several cookies", headers(1, with(with(get_fields(), "cookie", "a=1"), "cookie", "b=2"))),
      bad("8.3", "an unknown pseudo-header field", with(get_fields(), ":port", "80")),
      bad("8.3", "one of responses", with(get_fields(), ":status", "200")),
      bad("8.3", "a pseudo-header field after a regular one",
          with(with(without(get_fields(), ":path"), "a", "b"), ":path", "/")),
      bad("8.3.1", "no :method", without(get_fields(), ":method")),
      bad("8.3.1", "no :scheme", without(get_fields(), ":scheme")),
      bad("8.3.1", "no :path", without(get_fields(), ":path")),
      bad("8.3.1", "two :method", with(get_fields(), ":method", "GET")),
      bad("8.3.1", "two :scheme", with(get_fields(), ":scheme", "http")),
      bad("8.3.1", "two :path", with(get_fields(), ":path", "/")),
      bad("8.3.1", "two :authority", with(get_fields(), ":authority", "localhost")),
      bad("8.3.1", "an empty :path", changed(get_fields(), ":path", "")),
      bad("8.3.1", "a :path that does not begin with a slash", changed(get_fields(), ":path", "x")),
      bad("8.3.1", "* for GET", changed(get_fields(), ":path", "*")),
      fine("8.3.1", "* for OPTIONS", headers(1, changed(changed(get_fields(), ":path", "*"), ":method", "OPTIONS"))),
      bad("8.3.1", "a request line in :path", changed(get_fields(), ":path", "/ HTTP/1.1\r\nHost: other\r\n\r\nGET /")),
      bad("8.3.1", "a blank in :path", changed(get_fields(), ":path", "/a b")),
      bad("8.3.1", "a NUL in :path", changed(get_fields(), ":path", std::string("/a\0b", 4))),
      bad("8.3.1", "a line end in :authority", changed(get_fields(), ":authority", "localhost\r\nx: y")),
      bad("8.3.1", "a line end in :method", changed(get_fields(), ":method", "GET / HTTP/1.1\r\n")),
      bad("8.3.1", "a blank in :method", changed(get_fields(), ":method", "GET /")),
      bad("8.3.1", "a method that is no token", changed(get_fields(), ":method", "G(T")),
      bad("8.3.1", "an empty :authority", changed(get_fields(), ":authority", "")),
      bad("8.3.1", "a user in :authority", changed(get_fields(), ":authority", "me@localhost")),
      bad("8.3.1", "another scheme", changed(get_fields(), ":scheme", "ftp")),
      bad("8.3.1", "Host that differs from :authority", with(get_fields(), "host", "other")),
      fine("8.3.1", "Host that is :authority", headers(1, with(get_fields(), "host", "LOCALHOST"))),
      fine("8.3.1", "Host in place of :authority",
           headers(1, with(without(get_fields(), ":authority"), "host", "localhost"))),
      bad("8.3.1", "Host twice", with(with(without(get_fields(), ":authority"), "host", "a"), "host", "a")),
      fine("8.5", "CONNECT", headers(1, {{":method", "CONNECT"}, {":authority", "localhost:80"}})),
      bad("8.5", "CONNECT with a path", changed(get_fields(), ":method", "CONNECT")),
      bad("8.5", "CONNECT without :authority", {{":method", "CONNECT"}}),
      bad("RFC 8441", "an extended CONNECT, which was not offered",
          with(changed(get_fields(), ":method", "CONNECT"), ":protocol", "websocket")),
      fine("10.5.1", "a field section within the limit", headers(1, with(get_fields(), "a", std::string(15000, 'x')))),
      too_large(
          "10.5.1", "a field section beyond the limit",
          frame(kHeaders, kEndStream, 1, block_of(with(get_fields(), "a", std::string(17000, 'x'))).substr(0, 9000)) +
              frame(kContinuation, kEndHeaders, 1,
                    block_of(with(get_fields(), "a", std::string(17000, 'x'))).substr(9000))),
  };
}

std::vector<Case> abuse() {
  const auto kCalm = Http2Error::kEnhanceYourCalm;
  const auto many_requests = [](std::uint32_t count, const std::function<std::string(std::uint32_t)>& one) {
    std::string bytes;
    for (std::uint32_t i = 0; i < count; ++i) bytes += one(2 * i + 1);
    return bytes;
  };
  const std::string get_block = block_of(get_fields());
  return {
      ends("10.5", "rapid reset", many_requests(1200, [](std::uint32_t id) { return open_get(id) + reset_of(id); }),
           kCalm),
      ends("10.5", "streams that the server is made to reset",
           many_requests(1200, [](std::uint32_t id) { return open_get(id) + window_update(id, 0); }), kCalm),
      ends("10.5", "malformed requests without end",
           many_requests(1200, [](std::uint32_t id) { return headers(id, with(get_fields(), "te", "x")); }), kCalm),
      ends("10.5", "PING without end", repeated(2100, frame(kPing, 0, 0, "12345678")), kCalm),
      ends("10.5", "SETTINGS without end", repeated(2100, settings()), kCalm),
      ends("10.5", "SETTINGS of very many values", settings(repeated(2100, setting(SettingId::kInitialWindowSize, 5))),
           kCalm),
      ends("10.5", "PRIORITY without end", repeated(2100, frame(kPriority, 0, 1, "12345")), kCalm),
      ends("10.5", "unknown frames without end", repeated(2100, frame(FrameType{0x20}, 0, 0)), kCalm),
      ends("10.5", "empty DATA without end", open_post() + repeated(2100, data(1, "")), kCalm),
      ends("10.5", "padding without data", open_post() + repeated(2100, frame(kData, kPadded, 1, bytes_of({0}))),
           kCalm),
      ends("10.5", "WINDOW_UPDATE without end", open_get() + repeated(2100, window_update(1, 1)), kCalm),
      ends("10.5", "RST_STREAM of a stream that is over, without end", open_get() + repeated(2100, reset_of(1)), kCalm),
      ends("10.5.1", "CONTINUATION without end, empty",
           frame(kHeaders, kEndStream, 1, get_block) + repeated(100, frame(kContinuation, 0, 1)), kCalm),
      ends("10.5.1", "CONTINUATION without end, full",
           frame(kHeaders, kEndStream, 1, get_block) +
               repeated(5, frame(kContinuation, 0, 1, std::string(16000, '\x82'))),
           kCalm),
      too_large("10.5.1", "a field section that is small, and large when decoded",
                settings() +
                    frame(kHeaders, kEndStream, 1,
                          get_block + bytes_of({0x40, 1, 'a', 0x7f, 0x80 | (3000 - 127) % 128, (3000 - 127) / 128}) +
                              std::string(3000, 'x')) +
                    frame(kContinuation, kEndHeaders, 1, std::string(16000, '\xbe'))),
      ends("10.5", "more DATA than the connection's window",
           many_requests(20,
                         [](std::uint32_t id) {
                           return open_post(id) + repeated(3, data(id, std::string(16384, 'x'))) +
                                  data(id, std::string(16383, 'x'));
                         }),
           Http2Error::kFlowControl),
      resets("6.9.1", "more DATA than a stream's window", open_post() + repeated(4, data(1, std::string(16384, 'x'))),
             Http2Error::kFlowControl),
  };
}

std::vector<Case> hpack() {
  const auto kCompression = Http2Error::kCompression;
  const auto broken = [&](const char* section, const char* what, std::string_view block) {
    return ends(section, what, block_frame(block), kCompression);
  };
  const std::string pseudo = prefix();
  return {
      fine("7541 2.3.1", "the static table", block_frame(bytes_of({0x82, 0x84, 0x86, 0x01, 4}) + "host")),
      broken("7541 2.3.3", "index 0", pseudo + bytes_of({0x80})),
      broken("7541 2.3.3", "an index beyond the tables", pseudo + bytes_of({0xff, 0x01})),
      broken("7541 2.3.3", "a name's index beyond the tables", pseudo + bytes_of({0x7f, 0x40, 1, 'x'})),
      fine("7541 2.3.3", "an index of the dynamic table, before the settings are acknowledged",
           block_frame(pseudo + bytes_of({0x40, 1, 'a', 1, 'b'})) +
               frame(kHeaders, kEndHeaders | kEndStream, 3, pseudo + bytes_of({0xbe})),
           2),
      ends("7541 4.2", "the dynamic table behind the acknowledgement",
           block_frame(pseudo + bytes_of({0x40, 1, 'a', 1, 'b'})) + settings_ack() +
               frame(kHeaders, kEndHeaders | kEndStream, 3, bytes_of({0x20}) + pseudo + bytes_of({0xbe})),
           kCompression),
      ends("7541 4.2", "no update behind the acknowledgement", settings_ack() + block_frame(pseudo), kCompression),
      fine("7541 4.2", "an update behind the acknowledgement",
           settings_ack() + block_frame(bytes_of({0x20}) + pseudo) + headers(3, get_fields()), 2),
      fine("7541 4.2", "an update to 0 again",
           settings_ack() + block_frame(bytes_of({0x20, 0x20}) + pseudo) +
               frame(kHeaders, kEndHeaders | kEndStream, 3, bytes_of({0x20}) + pseudo),
           2),
      ends("7541 4.2", "an update to more than is allowed",
           settings_ack() + block_frame(bytes_of({0x20}) + pseudo) +
               frame(kHeaders, kEndHeaders | kEndStream, 3, bytes_of({0x21}) + pseudo),
           kCompression),
      fine("7541 4.2", "an update to the default", block_frame(bytes_of({0x3f, 0xe1, 0x1f}) + pseudo)),
      broken("7541 4.2", "an update beyond the default", bytes_of({0x3f, 0xe2, 0x1f}) + pseudo),
      broken("7541 4.2", "an update behind a field", pseudo + bytes_of({0x20})),
      fine("7541 4.4", "an entry larger than the table is not kept",
           settings_ack() + block_frame(bytes_of({0x20}) + pseudo + bytes_of({0x40, 1, 'a', 1, 'b'})) +
               headers(3, get_fields()),
           2),
      broken("7541 5.1", "an integer without end",
             pseudo + bytes_of({0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1})),
      broken("7541 5.1", "an integer that is cut", pseudo + bytes_of({0xff})),
      broken("7541 5.2", "a text that is cut", pseudo + bytes_of({0x00, 1, 'a', 5, 'b'})),
      broken("7541 5.2", "a name that is cut", pseudo + bytes_of({0x00, 5, 'a'})),
      fine("7541 5.2", "Huffman's code",
           block_frame(bytes_of({0x82, 0x84, 0x86, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
                                 0x90, 0xf4, 0xff}))),
      broken("7541 5.2", "padding of more than 7 bits", pseudo + bytes_of({0x00, 1, 'a', 0x82, 0x1f, 0xff})),
      broken("7541 5.2", "padding that is not of ones", pseudo + bytes_of({0x00, 1, 'a', 0x81, 0x18})),
      broken("7541 5.2", "the code's end in a text", pseudo + bytes_of({0x00, 1, 'a', 0x84, 0xff, 0xff, 0xff, 0xff})),
      fine("7541 6.2.2", "a literal that is not kept", block_frame(pseudo + bytes_of({0x00, 1, 'a', 1, 'b'}))),
      fine("7541 6.2.3", "a literal that is never kept", block_frame(pseudo + bytes_of({0x10, 1, 'a', 1, 'b'}))),
      resets("7541", "an empty field section", block_frame(""), Http2Error::kProtocol),
  };
}

class Http2Conformance : public testing::TestWithParam<Case> {};

void expect(const Http2Peer& peer, const Case& one) {
  const Said& said = peer.said;
  switch (one.comes) {
    case Comes::kRequests:
      EXPECT_TRUE(said.go_aways.empty()) << peer.session.error_sentence();
      EXPECT_EQ(said.resets.size(), 0u);
      EXPECT_EQ(peer.heads.size(), one.number);
      break;
    case Comes::kReset:
      ASSERT_TRUE(said.go_aways.empty()) << peer.session.error_sentence();
      ASSERT_TRUE(said.resets.contains(one.stream));
      EXPECT_EQ(said.resets.at(one.stream), one.error);
      EXPECT_EQ(said.resets.size(), 1u);
      break;
    case Comes::kConnection:
      ASSERT_EQ(said.go_aways.size(), 1u);
      EXPECT_EQ(said.go_aways.front(), one.error) << peer.session.error_sentence();
      EXPECT_TRUE(peer.session.is_over());
      break;
    case Comes::kTooLarge:
      EXPECT_TRUE(said.go_aways.empty()) << peer.session.error_sentence();
      EXPECT_EQ(said.resets.size(), 0u);
      EXPECT_EQ(peer.too_large, std::vector<std::uint32_t>{one.stream});
      EXPECT_TRUE(peer.heads.empty());
      break;
  }
}

TEST_P(Http2Conformance, DoesWhatTheStandardSays) {
  const Case& one = GetParam();
  const std::string bytes = (one.is_raw ? "" : Http2Peer::greeting()) + one.bytes;
  for (const std::size_t size : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
    SCOPED_TRACE(testing::Message() << one << ", in pieces of " << size << " bytes");
    Http2Peer peer(one.error != Http2Error::kFlowControl);
    peer.give_in_pieces(bytes, size);
    expect(peer, one);
  }
}

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  std::string name = "s" + std::string(info.param.section) + "_" + std::to_string(info.index) + "_" + info.param.what;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Framing, Http2Conformance, testing::ValuesIn(framing()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Streams, Http2Conformance, testing::ValuesIn(streams()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Frames, Http2Conformance, testing::ValuesIn(frames()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Messages, Http2Conformance, testing::ValuesIn(messages()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Abuse, Http2Conformance, testing::ValuesIn(abuse()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Hpack, Http2Conformance, testing::ValuesIn(hpack()), name_of_case);

}  // namespace
}  // namespace millrace::test
