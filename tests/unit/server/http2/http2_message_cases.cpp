// Requests and their fields, abuse, and HPACK: RFC 9113, sections 8 and 10, and RFC 7541.
#include "http2_conformance.h"

namespace millrace::test {

using enum FrameType;
using namespace frame_flag;

namespace {

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

}  // namespace

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

}  // namespace millrace::test
