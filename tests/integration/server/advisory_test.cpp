// What has been published about cpp-httplib since the version that Debian has (0.11.4), tried from outside: none of it
// may reach through Millrace. SECURITY.md lists them.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "any_httplib.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

void with_routes(Server& server) {
  server.events("/events");
  server.Get("/plain",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
  server.Get("/address", [](const httplib::Request& request, httplib::Response& response) {
    // Since 0.27 it is no field.
    response.set_content(is_httplib(27) ? request.remote_addr : request.get_header_value("REMOTE_ADDR"), "text/plain");
  });
  server.Get("/reflect", [](const httplib::Request& request, httplib::Response& response) {
    response.set_header("X-Reflected", request.get_header_value("X-Sent"));
  });
  server.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(std::to_string(request.body.size()), "text/plain");
  });
}

void expect_served(int port) {
  EXPECT_EQ(RawClient(port).exchange(get("/plain")).body, "x");
}

TEST(Advisory, NoFieldShadowsTheAddressOfTheClient) {  // CVE-2025-66570
  RunningServer server({}, with_routes);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/address")).body, "127.0.0.1");
  for (const char* const name : {"REMOTE_ADDR", "Remote_Addr", "REMOTE_PORT", "LOCAL_ADDR", "local_port"}) {
    RawClient client(server.port());
    EXPECT_EQ(client.exchange(get("/address", std::string(name) + ": 10.0.0.1\r\n")).status, 400) << name;
  }
}

TEST(Advisory, AChunksSizeIsHexadecimalDigitsAndNothingElse) {  // CVE-2026-45352
  RunningServer server({}, with_routes);
  for (const char* const size : {"-2", "+5", "0x5", " 5", "ffffffffffffffff", "fffffffffffffffff", "5 5", ""}) {
    RawClient client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) +
                "\r\nhello\r\n0\r\n\r\n");
    EXPECT_EQ(client.read_response().status, 400) << size;
  }
  RawClient client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "5");
  expect_served(server.port());
}

TEST(Advisory, AChunkedBodyHasALimitToo) {  // CVE-2025-46728
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "fff0\r\n" + std::string(0xfff0, 'x') + "\r\n";
  for (int i = 0; i < 600 && client.send(chunk); ++i) {
  }
  client.send("0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 413);
  expect_served(server.port());
}

TEST(Advisory, AChunksSizeLineHasALimitToo) {  // CVE-2025-53628
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;" +
              std::string(100'000, 'x') + "\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 400);
}

TEST(Advisory, ALongFieldOfAMultipartBodyIsNotMatched) {
  RunningServer server({}, with_routes);
  for (const bool chunked : {false, true}) {
    const std::string body =
        "--b\r\nContent-Disposition: form-data; name=\"" + std::string(500'000, 'x') + "\"\r\n\r\nvalue\r\n--b--\r\n";
    std::string request = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n";
    if (chunked) {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", body.size());
      request += "Transfer-Encoding: chunked\r\n\r\n" + (size + body) + "\r\n0\r\n\r\n";
    } else {
      request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    RawClient client(server.port());
    client.send(request);
    EXPECT_EQ(client.read_response().status, 400);
  }
  expect_served(server.port());
}

TEST(Advisory, ManyRangesAreNotServed) {  // a response many times as large as the request
  RunningServer server({}, with_routes);
  std::string ranges = "Range: bytes=0-0";
  for (int i = 0; i < 1'500; ++i) ranges += ",0-0";
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain", ranges + "\r\n")).status, 400);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain", "Range: bytes=0-0\r\n")).status, 206);
}

TEST(Advisory, WhatIsPercentEncodedInAFieldSplitsNoResponse) {  // CVE-2023-26130 and later
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  const RawResponse response = client.exchange(get("/reflect", "X-Sent: a%0d%0aX-Injected: b\r\n"));
  EXPECT_EQ(response.count("X-Injected"), 0u) << response.head;
}

}  // namespace
}  // namespace millrace::test
