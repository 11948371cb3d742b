// Every request's body has a bound, as it is sent and as it is decoded; what is beyond is neither read nor made.
#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "any_httplib.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

constexpr std::size_t kMebibyte = 1024 * 1024;

// `windowBits`: of zlib, which says by them what the stream is.
std::string deflated(std::size_t zeros, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string piece(kMebibyte, '\0');
  std::string out;
  std::vector<char> room(kMebibyte);
  while (true) {
    const std::size_t count = std::min(zeros, piece.size());
    zeros -= count;
    stream.next_in = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_in = static_cast<uInt>(count);
    int result = Z_OK;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      result = deflate(&stream, zeros == 0 ? Z_FINISH : Z_NO_FLUSH);
      out.append(room.data(), room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    if (result == Z_STREAM_END) break;
  }
  deflateEnd(&stream);
  return out;
}
std::string gzipped(std::size_t zeros) {
  return deflated(zeros, 15 + 16);
}

std::string brotli(std::size_t zeros) {
  const std::string text(zeros, '\0');
  std::string packed(BrotliEncoderMaxCompressedSize(zeros), '\0');
  std::size_t size = packed.size();
  EXPECT_TRUE(BrotliEncoderCompress(1, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE, zeros,
                                    reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(packed.data())));
  packed.resize(size);
  return packed;
}

std::string chunked(std::string_view target, const std::vector<std::string>& chunks, std::string_view fields = {}) {
  std::string request = "POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) +
                        "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string& chunk : chunks) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    request += size + chunk + "\r\n";
  }
  return request + "0\r\n\r\n";
}

void with_routes(Server& server) {
  server.events("/events").operations();
  server.Post("/size", [](const Request& request, Response& response) {
    const std::size_t bytes = request.body.size() + bytes_of_parts(request);
    response.set_content(std::to_string(bytes) + request.get_header_value("Content-Encoding"), "text/plain");
  });
  server.Delete("/size", [](const Request& request, Response& response) {
    response.set_content(std::to_string(request.body.size()), "text/plain");
  });
  const auto count_pieces = [](const Request&, Response& response, const httplib::ContentReader& read) {
    std::size_t bytes = 0;
    const bool whole = read([&](const char*, std::size_t size) {
      bytes += size;
      return true;
    });
    if (whole) response.set_content(std::to_string(bytes), "text/plain");
  };
  server.Post("/pieces", count_pieces);
  server.Post("/many-pieces",
              [&server, count_pieces](const Request& request, Response& response, const httplib::ContentReader& read) {
                server.allow_body(request, 128 * kMebibyte);
                count_pieces(request, response, read);
              });
}

// Of this process, which the server is part of, in bytes.
std::size_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
  }
  return 0;
}
void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

std::string error_in(const RawResponse& response) {
  return nlohmann::json::parse(response.body, nullptr, false).value("error", "none in: " + response.body);
}

void expect_too_large(const RawResponse& response, bool is_unread = false) {
  EXPECT_EQ(response.status, 413) << response.head;
  EXPECT_NE(error_in(response).find("33554432"), std::string::npos) << response.body;
  EXPECT_NE(error_in(response).find("max_body_bytes"), std::string::npos) << response.body;
  if (!is_unread) return;
  EXPECT_EQ(response.field("Connection"), "close") << response.head;
  EXPECT_EQ(response.count("Keep-Alive"), 0u) << response.head;
}

TEST(BodyBound, ABodyOfAnnouncedLengthBeyondItIsRefusedUnread) {
  RunningServer server({}, with_routes);
  for (const char* const target : {"/size", "/pieces"}) {
    RawClient client(server.port());
    client.send("POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 536870912\r\n\r\n");
    expect_too_large(client.read_response(), true);
  }
}

// Also by routes whose own bound is far lower.
TEST(BodyBound, ABodyOfAnnouncedLengthBeyondItIsTooLargeForEveryRoute) {
  ServerOptions options;
  options.publishing.anonymous = true;
  RunningServer server(options, with_routes);
  for (const char* const target : {"/events", "/subscriptions/disconnect", "/subscriptions/a-name-of-a-stream"}) {
    RawClient client(server.port());
    client.send("POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 536870912\r\n\r\n");
    const RawResponse response = client.read_response();
    EXPECT_EQ(response.status, 413) << target << response.body;
    EXPECT_NE(error_in(response).find("larger than"), std::string::npos) << target << response.body;
  }
}

TEST(BodyBound, ACodingThatIsNotKnownIs415OnEveryRoute) {
  ServerOptions options;
  options.publishing.anonymous = true;
  RunningServer server(options, with_routes);
  for (const char* const target : {"/events", "/subscriptions/disconnect", "/subscriptions/a-name-of-a-stream"}) {
    const RawResponse response = RawClient(server.port()).exchange(post(target, "x", "Content-Encoding: zstd\r\n"));
    EXPECT_EQ(response.status, 415) << target << response.body;
    EXPECT_NE(error_in(response).find("Content-Encoding"), std::string::npos) << target << response.body;
  }
}

TEST(BodyBound, NothingIsReadForAPathWithoutARoute) {
  RunningServer server({}, with_routes);
  for (const char* const fields : {"Content-Length: 536870912\r\n", "Transfer-Encoding: chunked\r\n",
                                   "Content-Length: 5000000\r\nContent-Encoding: gzip\r\n"}) {
    RawClient nowhere(server.port());
    nowhere.send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n");
    EXPECT_EQ(nowhere.read_response().status, 404) << fields;
    RawClient health(server.port());
    health.send("POST /healthz HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n");
    const RawResponse refused = health.read_response();
    EXPECT_EQ(refused.status, 405) << fields;
    EXPECT_EQ(refused.field("Allow"), "GET, HEAD, OPTIONS") << fields;
  }
}

TEST(BodyBound, WhatComesFirstStillSeesARequestWithoutARoute) {
  RunningServer server({}, [](Server& one) {
    one.set_pre_routing_handler([](const Request&, Response& response) {
      response.status = 401;
      return httplib::Server::HandlerResponse::Handled;
    });
  });
  RawClient client(server.port());
  client.send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 536870912\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 401);
}

TEST(BodyBound, DecodingStopsAtIt) {
  RunningServer server({}, with_routes);
  const std::string gzip = gzipped(512 * kMebibyte);
  const std::string deflate = deflated(64 * kMebibyte, 15);
  forget_peak();
  const std::size_t before = peak_memory();
  expect_too_large(RawClient(server.port()).exchange(post("/size", gzip, "Content-Encoding: gzip\r\n")));
  expect_too_large(RawClient(server.port()).exchange(post("/size", gzip, "Content-Encoding: GZip\r\n")));
  if (!is_httplib(44)) {  // which percent-decodes values
    expect_too_large(RawClient(server.port()).exchange(post("/size", gzip, "Content-Encoding: g%7Aip\r\n")));
  }
  expect_too_large(RawClient(server.port()).exchange(post("/size", deflate, "Content-Encoding: deflate\r\n")));
  expect_too_large(RawClient(server.port()).exchange(post("/pieces", gzip, "Content-Encoding: gzip\r\n")));
  expect_too_large(RawClient(server.port()).exchange(chunked("/size", {gzip}, "Content-Encoding: gzip\r\n")));
  EXPECT_EQ(RawClient(server.port()).exchange(post("/healthz", gzip, "Content-Encoding: gzip\r\n")).status, 405);
  EXPECT_EQ(RawClient(server.port()).exchange(post("/nowhere", gzip, "Content-Encoding: gzip\r\n")).status, 404);
  // As strings grow, and as much as each worker keeps of what it has freed.
  EXPECT_LT(peak_memory() - before, 256 * kMebibyte);
}

TEST(BodyBound, DecodingBrotliStopsAtItToo) {
  RunningServer server({}, with_routes);
  const std::string body = brotli(512 * kMebibyte);
  ASSERT_LT(body.size(), kMebibyte);
  forget_peak();
  const std::size_t before = peak_memory();
  expect_too_large(RawClient(server.port()).exchange(post("/size", body, "Content-Encoding: br\r\n")));
  expect_too_large(RawClient(server.port()).exchange(post("/pieces", body, "Content-Encoding: br\r\n")));
  expect_too_large(RawClient(server.port()).exchange(chunked("/size", {body}, "Content-Encoding: br\r\n")));
  EXPECT_LT(peak_memory() - before, 256 * kMebibyte);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/size", brotli(70'000), "Content-Encoding: br\r\n")).body, "70000");
  EXPECT_EQ(client.exchange(post("/size", "no brotli", "Content-Encoding: br\r\n")).status, 400);
}

TEST(BodyBound, CodingsOneOverAnotherAreRefused) {
  RunningServer server({}, with_routes);
  const std::string body = gzipped(1'000);
  for (const char* const fields :
       {"Content-Encoding: gzip, gzip\r\n", "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n",
        "Content-Encoding: gzip, br\r\n", "Content-Encoding: brotli\r\n", "Content-Encoding: gzip%2Cbr\r\n"}) {
    const RawResponse refused = RawClient(server.port()).exchange(post("/size", body, fields));
    EXPECT_EQ(refused.status, 415) << fields;
    EXPECT_NE(error_in(refused).find("Content-Encoding"), std::string::npos) << refused.body;
  }
}

TEST(BodyBound, ChunksCountTogether) {
  RunningServer server({}, with_routes);
  const std::string mebibyte(kMebibyte, 'x');
  EXPECT_EQ(RawClient(server.port()).exchange(chunked("/size", std::vector<std::string>(32, mebibyte))).body,
            "33554432");
  RawClient client(server.port());
  client.send(chunked("/size", std::vector<std::string>(33, mebibyte)));
  expect_too_large(client.read_response(), true);
}

TEST(BodyBound, EncodedBodiesArriveDecodedWhateverTheirFraming) {
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/size", gzipped(3'000'000), "Content-Encoding: gzip\r\n")).body, "3000000")
      << "without the field, since it does not hold any more";
  EXPECT_EQ(client.exchange(post("/size", deflated(70'000, 15), "Content-Encoding: deflate\r\n")).body, "70000")
      << "and the connection goes on";
  EXPECT_EQ(client.exchange(post("/pieces", gzipped(70'000), "Content-Encoding: x-gzip\r\n")).body, "70000");
  EXPECT_EQ(client.exchange(post("/size", gzipped(1'000) + gzipped(500), "Content-Encoding: gzip\r\n")).body, "1500")
      << "[RFC 1952 2.2]";
  EXPECT_EQ(client.exchange(post("/size", "", "Content-Encoding: gzip\r\n")).body, "0");
  EXPECT_EQ(client.exchange(post("/size", "as it is", "Content-Encoding: identity\r\n")).body, "8")
      << "likewise, since it means no coding";
  const std::string body = gzipped(12'345);
  client.send("DELETE /size HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(client.read_response().body, "12345");
  EXPECT_EQ(client.exchange(chunked("/size", {body.substr(0, 5), body.substr(5)}, "Content-Encoding: gzip\r\n")).body,
            "12345");
}

TEST(BodyBound, WhatIsNotEncodedAsItSaysIs400) {
  RunningServer server({}, with_routes);
  const std::string body = gzipped(10'000);
  for (const std::string& bad :
       {body.substr(0, body.size() - 1), body + "x", std::string("no gzip at all"), body.substr(0, 5)}) {
    const RawResponse refused = RawClient(server.port()).exchange(post("/size", bad, "Content-Encoding: gzip\r\n"));
    EXPECT_EQ(refused.status, 400) << bad.size();
    EXPECT_NE(error_in(refused).find("Content-Encoding"), std::string::npos) << refused.body;
  }
}

TEST(BodyBound, IsRaisedForARequestByAHandlerThatReadsInPieces) {
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/many-pieces", gzipped(100 * kMebibyte), "Content-Encoding: gzip\r\n")).body,
            "104857600");
  EXPECT_EQ(client.exchange(post("/many-pieces", std::string(40 * kMebibyte, 'x'))).body, "41943040");
  EXPECT_EQ(client.exchange(post("/many-pieces", gzipped(129 * kMebibyte), "Content-Encoding: gzip\r\n")).status, 413);
}

TEST(BodyBound, OfTheProgramsOwnTakesItsPlace) {
  RunningServer server({}, [](Server& one) {
    with_routes(one);
    one.set_payload_max_length(64 * kMebibyte);
  });
  EXPECT_EQ(
      RawClient(server.port()).exchange(post("/size", gzipped(60 * kMebibyte), "Content-Encoding: gzip\r\n")).body,
      "62914560");
  EXPECT_EQ(RawClient(server.port()).exchange(post("/size", std::string(40 * kMebibyte, 'x'))).body, "41943040");
  EXPECT_EQ(
      RawClient(server.port()).exchange(post("/size", gzipped(65 * kMebibyte), "Content-Encoding: gzip\r\n")).status,
      413);
  server.stop();
  server->set_payload_max_length(1'000);
  server.start();
  EXPECT_EQ(RawClient(server.port()).exchange(post("/size", std::string(1'000, 'x'))).body, "1000");
  EXPECT_EQ(RawClient(server.port()).exchange(post("/size", std::string(1'001, 'x'))).status, 413);
  EXPECT_EQ(RawClient(server.port()).exchange(post("/size", gzipped(1'001), "Content-Encoding: gzip\r\n")).status, 413);
  EXPECT_EQ(RawClient(server.port()).exchange(chunked("/size", {std::string(1'001, 'x')})).status, 413);
}

TEST(BodyBound, OfPublishRequestsMayBeLarger) {
  ServerOptions options = open_to_all();
  options.http.max_body_bytes = 1'000;
  options.publishing.max_bytes = 100'000;
  RunningServer server(options, with_routes);
  const std::string event = R"({"topic":"a","data":")" + std::string(90'000, 'x') + "\"}";
  EXPECT_EQ(RawClient(server.port()).exchange(post("/events", event)).status, 200);
  EXPECT_EQ(RawClient(server.port()).exchange(chunked("/events", {event})).status, 200);
  EXPECT_EQ(RawClient(server.port()).exchange(post("/size", std::string(1'001, 'x'))).status, 413);
}

TEST(BodyBound, MultipartBodiesHaveIt) {
  RunningServer server({}, with_routes);
  const std::string fields = "Content-Type: multipart/form-data; boundary=b\r\n";
  const auto form = [](std::size_t size) {
    return "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + std::string(size, 'x') +
           "\r\n--b--\r\n";
  };
  EXPECT_EQ(RawClient(server.port()).exchange(post("/size", form(3'000'000), fields)).body, "3000000");
  RawClient client(server.port());
  client.send("POST /size HTTP/1.1\r\nHost: localhost\r\n" + fields + "Content-Length: 40000000\r\n\r\n");
  expect_too_large(client.read_response(), true);
  expect_too_large(RawClient(server.port()).exchange(chunked("/size", {form(33 * kMebibyte)}, fields)));
}

// What looks at the lines of a multipart body must see what cpp-httplib sees.
TEST(BodyBound, MultipartLinesHaveTheirsEncodedOrNot) {
  RunningServer server({}, with_routes);
  const std::string body = "--b\r\nContent-Disposition: " + std::string(9'000, 'x') + "\r\n\r\nx\r\n--b--\r\n";
  for (const char* const type : {"multipart/form-data; boundary=b", "multipart%2fform-data; boundary=b"}) {
    if (is_httplib(44) && std::string_view(type).find('%') != std::string_view::npos) continue;  // not decoded
    const std::string fields = "Content-Type: " + std::string(type) + "\r\n";
    EXPECT_EQ(RawClient(server.port()).exchange(post("/size", body, fields)).status, 400) << type;
    EXPECT_NE(RawClient(server.port()).exchange(post("/size", body, fields)).body.find("multipart"), std::string::npos)
        << type;
  }
}

TEST(BodyBound, NoClientIsInvitedToSendWhatWillBeRefused) {
  RunningServer server({}, with_routes);
  const auto asked = [&](const char* target, const char* fields, const char* version = "1.1") {
    RawClient client(server.port());
    client.send("POST " + std::string(target) + " HTTP/" + version + "\r\nHost: localhost\r\nExpect: 100-continue\r\n" +
                fields + "\r\n");
    return client.read_response().status;
  };
  EXPECT_EQ(asked("/size", "Content-Length: 5\r\n"), 100);
  EXPECT_EQ(asked("/size", "Content-Length: 536870912\r\n"), 413);
  EXPECT_EQ(asked("/nowhere", "Content-Length: 5\r\n"), 404);
  EXPECT_EQ(asked("/healthz", "Content-Length: 5\r\n"), 405);
  EXPECT_EQ(asked("/events", "Content-Length: 5\r\n"), 403) << "publishing is not allowed there";
  EXPECT_EQ(asked("/size", "Content-Length: 5\r\nContent-Encoding: brotli\r\n"), 415);
}

TEST(BodyBound, OfAllTogetherCountsWhatIsDecoded) {
  ServerOptions options;
  options.http.max_buffered_bytes = 8 * kMebibyte;
  std::atomic<bool> may_go = false;
  std::atomic<int> handled = 0;
  RunningServer server(options, [&](Server& one) {
    one.operations();
    one.Post("/hold", [&](const Request&, Response&) {
      ++handled;
      eventually([&] { return may_go.load(); });
    });
  });
  const std::string five = post("/hold", gzipped(5 * kMebibyte), "Content-Encoding: gzip\r\n");
  RawClient first(server.port());
  first.send(five);
  ASSERT_TRUE(eventually([&] { return handled == 1; }));
  const std::string metrics = RawClient(server.port()).exchange(get("/metrics")).body;
  EXPECT_NE(metrics.find("millrace_buffered_bytes 52"), std::string::npos) << "5 MiB, and what is encoded";
  const RawResponse second = RawClient(server.port()).exchange(five);
  EXPECT_EQ(second.status, 503);
  EXPECT_FALSE(second.field("Retry-After").empty());
  EXPECT_NE(error_in(second).find("memory"), std::string::npos);
  may_go = true;
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(RawClient(server.port()).exchange(five).status, 200) << "as soon as there is room again";
}

}  // namespace
}  // namespace millrace::test
