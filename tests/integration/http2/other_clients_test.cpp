// Clients of others speak HTTP/2 with the server: curl, nghttp, h2load, and Python's h2, which judges every frame. With
// MILLRACE_TEST_TLS in the environment they do so over TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "running_server.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;

// What the shell makes of the command. One that hangs is ended, and says so.
std::string output_of(const std::string& command) {
  std::string quoted;
  for (const char c : command) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  FILE* const pipe = popen(("timeout --verbose 100 sh -c '" + quoted + "' 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  for (std::size_t count = 0; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), count);
  }
  pclose(pipe);
  return output;
}

class Http2OtherClients : public testing::Test {
 protected:
  std::string url(const std::string& path) const {
    return (tls() ? "'https" : "'http") + ("://127.0.0.1:" + std::to_string(server_.port())) + path + "'";
  }
  bool tls() const { return speaks_tls(server_.port()); }
  std::string curl() const { return tls() ? "curl -s --insecure --http2 " : "curl -s --http2-prior-knowledge "; }
  std::string nghttp() const { return tls() ? "nghttp --no-verify-peer " : "nghttp "; }

  RunningServer server_{open_to_all(), [](Server& server) {
                          server.events("/events");
                          server.Get("/x",
                                     [](const auto&, auto& response) { response.set_content("x", "text/plain"); });
                          server.Post("/echo", [](const auto& request, auto& response) {
                            response.set_content(request.body, "application/octet-stream");
                          });
                        }};
};

TEST_F(Http2OtherClients, CurlReadsAndUploads) {
  EXPECT_EQ(output_of(curl() + "-w ' %{http_version} %{http_code}' " + url("/x")), "x 2 200");
  EXPECT_EQ(output_of("head -c 2000000 /dev/zero | " + curl() +
                      "-H 'content-type: application/octet-stream' --data-binary @- " + url("/echo") + " | wc -c"),
            "2000000\n");
  EXPECT_EQ(output_of("head -c 2000000 /dev/zero | " + curl() +
                      "-H 'content-type: application/octet-stream' -T - -X POST " + url("/echo") + " | wc -c"),
            "2000000\n");
  EXPECT_THAT(output_of(curl() + "-d '{\"topic\":\"a\",\"data\":1}' " + url("/events")), HasSubstr("\"id\""));
  EXPECT_THAT(output_of(curl() + url("/events?topic=a&mode=poll&lastEventId=earliest")), HasSubstr("data: 1"));
}

TEST_F(Http2OtherClients, CurlThatAsksForAnUpgradeStaysWithHttp1) {
  if (tls()) GTEST_SKIP() << "the handshake negotiates the version";
  EXPECT_EQ(output_of("curl -s --http2 -w ' %{http_version} %{http_code}' " + url("/x")), "x 1.1 200");
}

TEST_F(Http2OtherClients, NghttpReadsManyAtOnce) {
  std::string urls;
  for (int i = 0; i < 20; ++i) urls += url("/x") + " ";
  EXPECT_THAT(output_of(nghttp() + "-ns " + urls), testing::Not(HasSubstr("rror")));
  EXPECT_THAT(output_of(nghttp() + "-nv " + url("/x")),
              testing::AllOf(HasSubstr(":status: 200"), HasSubstr("END_STREAM")));
}

TEST_F(Http2OtherClients, H2loadIsAnsweredInFull) {
  EXPECT_THAT(output_of("h2load -n 5000 -c 10 -m 50 " + url("/x")), HasSubstr("5000 succeeded, 0 failed, 0 errored"));
  EXPECT_THAT(
      output_of("printf '{\"topic\":\"a\",\"data\":1}' >/tmp/h2load.$$; h2load -n 5000 -c 10 -m 50 -d /tmp/h2load.$$ " +
                url("/events") + "; rm /tmp/h2load.$$"),
      HasSubstr("5000 succeeded, 0 failed, 0 errored"));
}

TEST_F(Http2OtherClients, PythonsH2FindsNothingWrong) {
  EXPECT_EQ(output_of("/usr/bin/python3 " MILLRACE_SCRIPTS "/second_opinion.py " + std::to_string(server_.port()) +
                      (tls() ? " tls" : "")),
            "fine\n");
}

}  // namespace
}  // namespace millrace::test
