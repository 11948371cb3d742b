// cpp-httplib's own features, as its users know them, through a millrace::Server.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "any_httplib.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

void say(Response& response, const std::string& text) {
  response.set_content(text, "text/plain");
}

// The body, or why it could not be read.
std::string body_of(const httplib::Result& result) {
  return result ? result->body : "<no response: " + httplib::to_string(result.error()) + ">";
}
int status_of(const httplib::Result& result) {
  return result ? result->status : 0;
}

// A name for what newer versions could also take for parameters.
httplib::Headers asking_for(const httplib::Ranges& ranges) {
  return {httplib::make_range_header(ranges)};
}

TEST(HttplibFeature, RegexRoutesWithMatches) {
  RunningServer server({}, [](Server& one) {
    one.Get(R"(/users/(\d+)/(\w+))", [](const Request& request, Response& response) {
      say(response, request.matches[1].str() + ":" + request.matches[2].str());
    });
  });
  httplib::Client client("127.0.0.1", server.port());
  EXPECT_EQ(body_of(client.Get("/users/42/name")), "42:name");
  EXPECT_EQ(status_of(client.Get("/users/x/name")), 404);
}

TEST(HttplibFeature, EveryMethod) {
  RunningServer server({}, [](Server& one) {
    const auto handler = [](const Request& request, Response& response) {
      say(response, request.method + " " + request.body);
    };
    one.Get("/x", handler).Post("/x", handler).Put("/x", handler).Patch("/x", handler).Delete("/x", handler);
    one.Options("/x", [](const Request&, Response& response) { response.set_header("Allow", "GET, OPTIONS"); });
  });
  httplib::Client client("127.0.0.1", server.port());
  client.set_keep_alive(true);
  EXPECT_EQ(body_of(client.Get("/x")), "GET ");
  EXPECT_EQ(body_of(client.Post("/x", "1", "text/plain")), "POST 1");
  EXPECT_EQ(body_of(client.Put("/x", "2", "text/plain")), "PUT 2");
  EXPECT_EQ(body_of(client.Patch("/x", "3", "text/plain")), "PATCH 3");
  EXPECT_EQ(body_of(client.Delete("/x", "4", "text/plain")), "DELETE 4");
  EXPECT_EQ(client.Options("/x")->get_header_value("Allow"), "GET, OPTIONS");
  client.set_default_headers({{"Accept-Encoding", "identity"}});  // some versions give HEAD the length in a coding
  const auto head = client.Head("/x");
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->get_header_value("Content-Length"), "5");
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(body_of(client.Get("/x")), "GET ") << "behind the answer to HEAD";
}

TEST(HttplibFeature, MountedFiles) {
  const auto directory = std::filesystem::temp_directory_path() / ("millrace-mount-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory / "sub");
  std::ofstream(directory / "index.html") << "<p>index</p>";
  const std::string large(300'000, 'f');
  std::ofstream(directory / "sub" / "large.css") << large;
  {
    RunningServer server({}, [&](Server& one) {
      EXPECT_TRUE(one.set_mount_point("/static", directory.string(), {{"X-Mounted", "yes"}}));
    });
    httplib::Client client("127.0.0.1", server.port());
    const auto index = client.Get("/static/");
    EXPECT_EQ(index->body, "<p>index</p>");
    EXPECT_EQ(index->get_header_value("Content-Type"), "text/html");
    EXPECT_EQ(index->get_header_value("X-Mounted"), "yes");
    EXPECT_EQ(body_of(client.Get("/static/sub/large.css")), large);
    const auto range = client.Get("/static/sub/large.css", asking_for({{10, 19}}));
    EXPECT_EQ(range->status, 206);
    EXPECT_EQ(range->body, std::string(10, 'f'));
    EXPECT_EQ(status_of(client.Get("/static/../../etc/passwd")), 404);
    EXPECT_EQ(status_of(client.Get("/static/nowhere")), 404);
  }
  std::filesystem::remove_all(directory);
}

TEST(HttplibFeature, ParametersOfQueryAndForm) {
  RunningServer server({}, [](Server& one) {
    const auto handler = [](const Request& request, Response& response) {
      std::string text;
      const std::multimap<std::string, std::string> sorted(request.params.begin(), request.params.end());
      for (const auto& [name, value] : sorted) text += name + "=" + value + ";";
      say(response, text);
    };
    one.Get("/params", handler).Post("/params", handler);
  });
  httplib::Client client("127.0.0.1", server.port());
  EXPECT_EQ(RawClient(server.port()).exchange(get("/params?b=2&a=1%202&c=%C3%A9+%2B")).body, "a=1 2;b=2;c=\xc3\xa9 +;");
  EXPECT_EQ(body_of(client.Post("/params", "b=2&a=1+2", "application/x-www-form-urlencoded")), "a=1 2;b=2;");
}

TEST(HttplibFeature, MultipartUploads) {
  RunningServer server({}, [](Server& one) {
    one.Post("/upload", [](const Request& request, Response& response) {
      const Part file = part_of(request, "file");
      say(response, file.filename + "|" + file.content_type + "|" + std::to_string(file.content.size()) + "|" +
                        part_of(request, "note").content);
    });
  });
  httplib::Client client("127.0.0.1", server.port());
  const UploadItems items = {{"file", std::string(3'000'000, '\0'), "zeros.bin", "application/octet-stream"},
                             {"note", "r\r\n--x", "", ""}};
  EXPECT_EQ(body_of(client.Post("/upload", items)), "zeros.bin|application/octet-stream|3000000|r\r\n--x");
}

TEST(HttplibFeature, HandlersAroundTheRoutes) {
  std::mutex mutex;
  std::vector<std::string> log;
  RunningServer server({}, [&](Server& one) {
    one.Get("/good", [](const Request&, Response& response) { say(response, "good"); });
    one.Get("/bad", [](const Request&, Response&) { throw std::runtime_error("oops"); });
    one.set_default_headers({{"X-Default", "default"}});
    one.set_pre_routing_handler([](const Request& request, Response& response) {
      if (request.path != "/closed") return httplib::Server::HandlerResponse::Unhandled;
      response.status = 401;
      say(response, "closed");
      return httplib::Server::HandlerResponse::Handled;
    });
    one.set_post_routing_handler([](const Request&, Response& response) { response.set_header("X-Post", "post"); });
    one.set_error_handler([](const Request&, Response& response) {
      if (response.body.empty()) say(response, "error " + std::to_string(response.status));
    });
    one.set_exception_handler([](const Request&, Response& response, const std::exception_ptr& exception) {
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& error) {
        response.status = 500;
        say(response, error.what());
      }
    });
    one.set_logger([&](const Request& request, const Response& response) {
      const std::lock_guard lock(mutex);
      log.push_back(request.path + " " + std::to_string(response.status));
    });
  });
  httplib::Client client("127.0.0.1", server.port());
  const auto good = client.Get("/good");
  EXPECT_EQ(good->body, "good");
  EXPECT_EQ(good->get_header_value("X-Default"), "default");
  EXPECT_EQ(good->get_header_value("X-Post"), "post");
  EXPECT_EQ(body_of(client.Get("/bad")), "oops");
  EXPECT_EQ(body_of(client.Get("/nowhere")), "error 404");
  EXPECT_EQ(status_of(client.Get("/closed")), 401);
  server.stop();
  EXPECT_EQ(log, (std::vector<std::string>{"/good 200", "/bad 500", "/nowhere 404", "/closed 401"}));
}

TEST(HttplibFeature, WhatAnExceptionSaysIsForTheProgramAlone) {
  std::mutex mutex;
  std::vector<std::string> failures;
  ServerOptions options;
  options.on_failure = [&](const std::string& failure) {
    const std::lock_guard lock(mutex);
    failures.push_back(failure);
  };
  RunningServer server(options, [](Server& one) {
    one.Get("/bad", [](const Request&, Response&) { throw std::runtime_error("the password is 1234"); });
    one.Get("/worse", [](const Request&, Response&) { throw 1234; });
  });
  RawClient client(server.port());
  for (const char* path : {"/bad?key=5678", "/worse"}) {
    const RawResponse response = client.exchange(get(path));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ((response.head + response.body).find("1234"), std::string::npos) << response.head;
    EXPECT_NE(response.body.find("\"error\""), std::string::npos) << response.body;
  }
  server.stop();
  EXPECT_EQ(failures, (std::vector<std::string>{"GET /bad: the password is 1234",
                                                "GET /worse: an exception that is not a std::exception"}));
}

TEST(HttplibFeature, AnEventsRouteIsARouteLikeOthers) {
  RunningServer server({}, [](Server& one) {
    one.events("/events");
    one.set_pre_routing_handler([](const Request& request, Response& response) {
      response.set_header("Access-Control-Allow-Origin", "*");
      if (request.get_header_value("Authorization") == "yes") return httplib::Server::HandlerResponse::Unhandled;
      response.status = 401;
      return httplib::Server::HandlerResponse::Handled;
    });
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/events?topic=a")).status, 401);
  client.send(get("/events?topic=a", "Authorization: yes\r\n"));
  RawResponse stream;
  stream.head = client.read_until("\r\n\r\n");
  EXPECT_EQ(stream.field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(stream.field("Content-Type"), "text/event-stream");
}

TEST(HttplibFeature, ReportsTheAddressesOfBothEnds) {
  RunningServer server({}, [](Server& one) {
    one.Get("/who", [](const Request& request, Response& response) {
      say(response, request.remote_addr + " " + std::to_string(request.remote_port) + " " + request.local_addr + " " +
                        std::to_string(request.local_port));
    });
  });
  RawClient client(server.port());
  sockaddr_in own{};
  socklen_t size = sizeof own;
  getsockname(client.socket(), reinterpret_cast<sockaddr*>(&own), &size);
  EXPECT_EQ(client.exchange(get("/who")).body,
            "127.0.0.1 " + std::to_string(ntohs(own.sin_port)) + " 127.0.0.1 " + std::to_string(server.port()));
}

TEST(HttplibFeature, RangesOfContentAndOfProviders) {
  RunningServer server({}, [](Server& one) {
    one.Get("/content", [](const Request&, Response& response) { say(response, "0123456789"); });
    one.Get("/provider", [](const Request&, Response& response) {
      response.set_content_provider(10, "text/plain",
                                    [](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                      return sink.write(&"0123456789"[offset], std::min<std::size_t>(length, 3));
                                    });
    });
  });
  httplib::Client client("127.0.0.1", server.port());
  for (const char* path : {"/content", "/provider"}) {
    EXPECT_EQ(body_of(client.Get(path)), "0123456789") << path;
    const auto one = client.Get(path, asking_for({{2, 6}}));
    EXPECT_EQ(one->status, 206) << path;
    EXPECT_EQ(one->body, "23456") << path;
    EXPECT_EQ(body_of(client.Get(path, asking_for({{-1, 3}}))), "789") << path;
    const auto two = client.Get(path, asking_for({{0, 1}, {8, 9}}));
    EXPECT_NE(two->body.find("\r\n\r\n01\r\n"), std::string::npos) << path;
  }
  EXPECT_EQ(status_of(client.Get("/content", asking_for({{20, 30}}))), 416);
}

TEST(HttplibFeature, ChunkedAndEndlessProviders) {
  RunningServer server({}, [](Server& one) {
    one.Get("/chunked", [](const Request&, Response& response) {
      response.set_chunked_content_provider("text/plain", [](std::size_t offset, httplib::DataSink& sink) {
        if (offset < 50) return sink.write("0123456789", 10);
        sink.done();
        return true;
      });
    });
    one.Get("/to-the-end", [](const Request&, Response& response) {
      response.set_content_provider("text/plain", [](std::size_t offset, httplib::DataSink& sink) {
        if (offset < 20) return sink.write("0123456789", 10);
        sink.done();
        return true;
      });
    });
  });
  RawClient client(server.port());
  const RawResponse chunked = client.exchange(get("/chunked"));
  EXPECT_EQ(chunked.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(chunked.body.size(), 50u);
  EXPECT_EQ(client.exchange(get("/chunked")).body.size(), 50u) << "and the connection goes on";
  EXPECT_EQ(RawClient(server.port()).exchange(get("/to-the-end")).body, "01234567890123456789");
}

TEST(HttplibFeature, AProvidersPiecesLeaveAtOnce) {
  std::atomic<int> wanted = 1;
  RunningServer server({}, [&](Server& one) {
    one.Get("/live", [&](const Request&, Response& response) {
      response.set_chunked_content_provider("text/plain", [&](std::size_t offset, httplib::DataSink& sink) {
        if (!eventually([&] { return wanted > static_cast<int>(offset); })) return false;
        return sink.write("x", 1);
      });
    });
  });
  RawClient client(server.port());
  client.send(get("/live"));
  client.read_until("\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(client.read_exactly(6), "1\r\nx\r\n");
    ++wanted;
  }
  client.close();
  wanted = 1'000'000;  // lets the provider find out
}

TEST(HttplibFeature, CompressedResponses) {
  const std::string text(100'000, 'z');
  RunningServer server(
      {}, [&](Server& one) { one.Get("/text", [&](const Request&, Response& response) { say(response, text); }); });
  httplib::Client client("127.0.0.1", server.port());
  const auto response = client.Get("/text", httplib::Headers{{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(response->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(response->body, text);
}

TEST(HttplibFeature, ContentReaders) {
  RunningServer server({}, [](Server& one) {
    one.Post("/sum", [](const Request& request, Response& response, const httplib::ContentReader& read) {
      std::size_t bytes = 0;
      if (request.is_multipart_form_data()) {
        read([](const auto&) { return true; },
             [&](const char*, std::size_t size) {
               bytes += size;
               return true;
             });
      } else {
        read([&](const char*, std::size_t size) {
          bytes += size;
          return true;
        });
      }
      say(response, std::to_string(bytes));
    });
  });
  httplib::Client client("127.0.0.1", server.port());
  client.set_keep_alive(true);
  EXPECT_EQ(body_of(client.Post("/sum", std::string(5'000'000, 'x'), "text/plain")), "5000000");
  EXPECT_EQ(body_of(client.Post("/sum", "abc", "text/plain")), "3");
  EXPECT_EQ(body_of(client.Post("/sum", UploadItems{{"a", "12345", "f", "text/plain"}})), "5");
  const auto chunked = client.Post(
      "/sum",
      [](std::size_t offset, httplib::DataSink& sink) {
        if (offset >= 1'000'000) {
          sink.done();
          return true;
        }
        const std::string piece(10'000, 'x');
        return sink.write(piece.data(), piece.size());
      },
      "text/plain");
  EXPECT_EQ(chunked->body, "1000000");
  EXPECT_EQ(body_of(client.Post("/sum", "abc", "text/plain")), "3");
}

TEST(HttplibFeature, PayloadLimits) {
  RunningServer server({}, [](Server& one) {
    one.set_payload_max_length(1'000);
    one.Post("/echo", [](const Request& request, Response& response) { say(response, request.body); });
  });
  httplib::Client client("127.0.0.1", server.port());
  EXPECT_EQ(body_of(client.Post("/echo", std::string(1'000, 'x'), "text/plain")).size(), 1'000u);
  EXPECT_EQ(status_of(client.Post("/echo", std::string(1'001, 'x'), "text/plain")), 413);
}

}  // namespace
}  // namespace millrace::test
