// What the README of cpp-httplib 0.11.4 promises to those who write handlers, as far as httplib_features_test.cpp does
// not try it. docs/cpp-httplib.md lists it all, line by line.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
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

// Folders that are gone with it.
class Folders {
 public:
  Folders() : root_(std::filesystem::temp_directory_path() / ("millrace-promises-" + std::to_string(getpid()))) {
    for (const char* const name : {"www1", "www2"}) std::filesystem::create_directories(root_ / name);
    write("www1/both.txt", "first");
    write("www2/both.txt", "second");
    write("www2/other.txt", "other");
  }
  ~Folders() { std::filesystem::remove_all(root_); }
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;

  void write(const std::string& path, const std::string& content) const { std::ofstream(root_ / path) << content; }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

 private:
  std::filesystem::path root_;
};

// "Body, header, param"
TEST(HttplibPromise, ARequestsBodyHeadersAndParameters) {
  RunningServer server({}, [](Server& one) {
    one.Post("/all", [](const Request& request, Response& response) {
      say(response, request.body + "|" + std::to_string(request.has_header("X-Key")) +
                        request.get_header_value("x-key") + "|" + std::to_string(request.has_param("key")) +
                        request.get_param_value("key") + "|" + std::to_string(request.has_header("Y")) +
                        std::to_string(request.has_param("y")));
    });
  });
  const std::string value = is_httplib(44) ? "h%20h" : "h h";  // percent-decoded or not, as in that version
  EXPECT_EQ(RawClient(server.port()).exchange(post("/all?key=p", "body", "X-Key: h%20h\r\n")).body,
            "body|1" + value + "|1p|00");
}

TEST(HttplibPromise, FieldsOfOneNameAreInTheOrderInWhichTheyCame) {
  RunningServer server({}, [](Server& one) {
    one.Get("/fields", [](const Request& request, Response& response) {
      const auto [begin, end] = request.headers.equal_range("x-via");
      std::string all = request.get_header_value("X-Via") + ":";
      for (auto field = begin; field != end; ++field) all += " " + field->second;
      say(response, all);
    });
  });
  const std::string fields = "X-Via: one\r\nx-via: two\r\nX-Other: 0\r\nX-VIA: three\r\n";
  EXPECT_EQ(RawClient(server.port()).exchange(get("/fields", fields)).body, "one: one two three");
}

// The values of all fields with that name.
std::string all_of(const RawResponse& response, const std::string& name) {
  std::string all;
  for (std::size_t at = 0; (at = response.head.find("\r\n" + name + ": ", at)) != std::string::npos;) {
    at += name.size() + 4;
    all += response.head.substr(at, response.head.find("\r\n", at) - at) + " ";
  }
  return all;
}

// As their client reads them, a later cookie replaces an earlier one.
TEST(HttplibPromise, FieldsOfOneNameLeaveInTheOrderInWhichTheyWereSet) {
  const auto bake = [](Response& response) {
    for (int n = 1; n <= 40; ++n) {
      if (n % 10 == 0) response.set_header("Set-Cookie", "n=" + std::to_string(n / 10));
      response.set_header("X-" + std::to_string(n), "0");
    }
  };
  RunningServer server({}, [&](Server& one) {
    one.Get("/cookies", [&](const Request&, Response& response) { bake(response); });
    one.Get("/fails", [&](const Request&, Response& response) {
      bake(response);
      response.status = 500;
    });
    one.Get("/stream", [&](const Request& request, Response& response) {
      bake(response);
      one.open_stream(request, response).close();
    });
  });
  for (const std::string path : {"/cookies", "/fails", "/stream"}) {
    const RawResponse response = RawClient(server.port()).exchange(get(path));
    EXPECT_EQ(all_of(response, "Set-Cookie"), "n=1 n=2 n=3 n=4 ") << path;
  }
}

// "Static File Server"
TEST(HttplibPromise, MountsAreSearchedInOrderAndRemoved) {
  const Folders folders;
  RunningServer server({}, [&](Server& one) {
    EXPECT_FALSE(one.set_mount_point("/", folders.path("nowhere")));
    EXPECT_TRUE(one.set_mount_point("/public", folders.path("www1")));
    EXPECT_TRUE(one.set_mount_point("/public", folders.path("www2")));
    EXPECT_TRUE(one.set_mount_point("/gone", folders.path("www1")));
    EXPECT_TRUE(one.remove_mount_point("/gone"));
    EXPECT_FALSE(one.remove_mount_point("/never"));
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/public/both.txt")).body, "first");
  EXPECT_EQ(client.exchange(get("/public/other.txt")).body, "other");
  EXPECT_EQ(client.exchange(get("/gone/both.txt")).status, 404);
}

TEST(HttplibPromise, FilesHaveTheTypeOfTheirExtension) {
  const Folders folders;
  for (const char* const name : {"a.html", "a.css", "a.mjs", "a.json", "a.svg", "a.wasm", "a.cc", "a"}) {
    folders.write("www1/" + std::string(name), "x");
  }
  RunningServer server({}, [&](Server& one) {
    one.set_mount_point("/", folders.path("www1"));
    one.set_file_extension_and_mimetype_mapping("cc", "text/x-c");
  });
  RawClient client(server.port());
  const auto type = [&](const std::string& path) { return client.exchange(get(path)).field("Content-Type"); };
  EXPECT_EQ(type("/a.html"), "text/html");
  EXPECT_EQ(type("/a.css"), "text/css");
  EXPECT_EQ(type("/a.mjs"), "text/javascript") << "which is right, and not what the README says";
  EXPECT_EQ(type("/a.json"), "application/json");
  EXPECT_EQ(type("/a.svg"), "image/svg+xml");
  EXPECT_EQ(type("/a.wasm"), "application/wasm");
  EXPECT_EQ(type("/a.cc"), "text/x-c");
}

// "File request handler: called right before the response is sent"
TEST(HttplibPromise, AFileRequestHandlerSeesFiles) {
  const Folders folders;
  RunningServer server({}, [&](Server& one) {
    one.set_mount_point("/", folders.path("www1"));
    one.set_file_request_handler(
        [](const Request& request, Response& response) { response.set_header("X-File", request.path); });
    one.Get("/no-file", [](const Request&, Response& response) { say(response, "x"); });
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/both.txt")).field("X-File"), "/both.txt");
  EXPECT_EQ(client.exchange(get("/no-file")).field("X-File"), "");
}

// "'multipart/form-data' POST data", "Receive content with a content receiver"
TEST(HttplibPromise, FormsInWholeAndInPieces) {
  RunningServer server({}, [](Server& one) {
    one.Post("/multipart", [](const Request& request, Response& response) {
      const Part file = part_of(request, "name1");
      say(response, std::to_string(parts_in(request)) + std::to_string(has_part(request, "name1")) +
                        std::to_string(has_part(request, "nothing")) + file.filename + file.content_type +
                        file.content);
    });
    one.Post("/pieces", [](const Request& request, Response& response, const httplib::ContentReader& read) {
      std::vector<Part> files;
      EXPECT_TRUE(request.is_multipart_form_data());
      read(
          [&](const auto& file) {
            files.push_back({file.name, file.filename, file.content_type, file.content});
            return true;
          },
          [&](const char* data, std::size_t size) {
            files.back().content.append(data, size);
            return true;
          });
      std::string all;
      for (const auto& file : files) all += file.name + "=" + file.content + ";";
      say(response, all);
    });
  });
  httplib::Client client("127.0.0.1", server.port());
  const UploadItems items = {{"name1", "one", "1.txt", "text/plain"}, {"name2", "two", "", ""}};
  EXPECT_EQ(client.Post("/multipart", items)->body, "2101.txttext/plainone");
  EXPECT_EQ(client.Post("/pieces", items)->body, "name1=one;name2=two;");
}

// "Send content with the content provider": with a length, and what is released in the end.
TEST(HttplibPromise, AProvidersResourceIsReleasedWithItsResult) {
  std::mutex mutex;
  std::vector<bool> released;
  const auto provide = [&](Response& response, bool cancels) {
    response.set_content_provider(
        7, "text/plain",
        [cancels](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
          if (cancels && offset > 0) return false;
          return sink.write(&"abcdefg"[offset], std::min<std::size_t>(length, 4));
        },
        [&](bool success) {
          const std::lock_guard lock(mutex);
          released.push_back(success);
        });
  };
  RunningServer server({}, [&](Server& one) {
    one.Get("/whole", [&](const Request&, Response& response) { provide(response, false); });
    one.Get("/cancelled", [&](const Request&, Response& response) { provide(response, true); });
  });
  EXPECT_EQ(RawClient(server.port()).exchange(get("/whole")).body, "abcdefg");
  RawClient client(server.port());
  client.send(get("/cancelled"));
  EXPECT_TRUE(client.read_to_end().ends_with("\r\n\r\nabcd")) << "less than was announced, and the end";
  server.stop();
  EXPECT_EQ(released, (std::vector<bool>{true, false}));
}

// "'Expect: 100-continue' handler": a final status without the body having been read
TEST(HttplibPromise, AnExpectationIsTheHandlersToDecide) {
  std::atomic<int> handled = 0;
  for (const int status : {100, 401, 417}) {
    RunningServer server({}, [&](Server& one) {
      one.set_expect_100_continue_handler([status](const Request&, Response& response) {
        if (status != 100) response.status = status;
        return status;
      });
      one.Post("/x", [&](const Request& request, Response& response) {
        ++handled;
        say(response, request.body);
      });
    });
    RawClient client(server.port());
    const std::string head = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n";
    if (status == 100) {
      client.send(head + "\r\n");
      EXPECT_EQ(client.read_response().status, 100);
      client.send("hello");
      EXPECT_EQ(client.read_response().body, "hello");
    } else {
      client.send(head + "Connection: close\r\n\r\nhello");  // it has not waited to be asked
      const std::string all = client.read_to_end();
      EXPECT_TRUE(all.starts_with("HTTP/1.1 " + std::to_string(status))) << all;
      EXPECT_EQ(all.find("HTTP/1.1 ", 1), std::string::npos) << "one response, and no more: " << all;
    }
  }
  EXPECT_EQ(handled, 1) << "not where the request was refused";
}

// "Keep-Alive connection", "Timeout": the write timeout; set_idle_interval has no effect, since nothing idles.
TEST(HttplibPromise, AClientThatTakesNothingIsGivenUp) {
  std::atomic<bool> gone = false;
  RunningServer server({}, [&](Server& one) {
    one.set_write_timeout(0, 100'000);
    one.set_idle_interval(0, 100'000);
    one.Get("/much", [&](const Request&, Response& response) {
      response.set_chunked_content_provider(
          "text/plain",
          [piece = std::string(1'000'000, 'x')](std::size_t, httplib::DataSink& sink) {
            return sink.write(piece.data(), piece.size());
          },
          [&](bool success) { gone = !success; });
    });
  });
  RawClient client(server.port(), 4'096);
  client.send(get("/much"));
  EXPECT_TRUE(eventually([&] { return gone.load(); }));
}

// "Server-Sent Events" of its example, and any provider that waits: whether anybody still listens.
class QuietProvider : public ::testing::TestWithParam<bool> {
 protected:
  // One worker, that a quiet provider would keep.
  QuietProvider() {
    server_.emplace(
        [] {
          ServerOptions options;
          options.threads.workers = 1;
          return options;
        }(),
        [this](Server& one) {
          one.Get("/quiet", [this](const Request&, Response& response) {
            const auto wait = [this](httplib::DataSink& sink) {
              ++waiting_;
              std::unique_lock lock(mutex_);
              while (sink.is_writable()) changed_.wait_for(lock, std::chrono::milliseconds(1));
              ++left_;
              return false;
            };
            if (GetParam()) {
              response.set_content_provider(
                  10, "text/plain", [wait](std::size_t, std::size_t, httplib::DataSink& sink) { return wait(sink); });
            } else {
              response.set_chunked_content_provider(
                  "text/plain", [wait](std::size_t, httplib::DataSink& sink) { return wait(sink); });
            }
          });
          one.Get("/x", [](const Request&, Response& response) { say(response, "x"); });
        });
    client_.emplace(server_->port());
    client_->send(get("/quiet"));
    eventually([this] { return waiting_ == 1; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> waiting_ = 0;
  std::atomic<int> left_ = 0;
  std::optional<RunningServer> server_;
  std::optional<RawClient> client_;
};

TEST_P(QuietProvider, LearnsThatItsClientHasClosed) {
  client_->close();
  EXPECT_EQ(RawClient(server_->port()).exchange(get("/x")).body, "x") << "the worker is free again";
  EXPECT_EQ(left_, 1);
}

TEST_P(QuietProvider, LearnsThatItsClientHasResetTheConnection) {
  client_->reset();
  EXPECT_EQ(RawClient(server_->port()).exchange(get("/x")).body, "x");
  EXPECT_EQ(left_, 1);
}

TEST_P(QuietProvider, LearnsThatItsClientHasClosedAfterAnotherRequest) {
  client_->send(get("/x"));
  client_->close();
  EXPECT_EQ(RawClient(server_->port()).exchange(get("/x")).body, "x");
  EXPECT_EQ(left_, 1);
}

TEST_P(QuietProvider, LearnsThatTheServerStops) {
  server_->stop();
  EXPECT_EQ(left_, 1);
}

TEST_P(QuietProvider, LearnsNothingWhileItsClientWaits) {
  RawClient other(server_->port());
  other.send(get("/x"));
  EXPECT_EQ(left_, 0);
  EXPECT_FALSE(other.has_input());
  client_->close();
  EXPECT_EQ(other.read_response().body, "x");
}

INSTANTIATE_TEST_SUITE_P(WithALengthOrInChunks, QuietProvider, ::testing::Bool());

// "Compress response body": gzip or Brotli, as the client takes it; "Decompress request body" is in
// body_bound_test.cpp.
TEST(HttplibPromise, ResponsesAreCompressedAsTheClientTakesThem) {
  RunningServer server({}, [](Server& one) {
    one.Get("/text", [](const Request&, Response& response) { say(response, std::string(10'000, 'z')); });
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/text", "Accept-Encoding: gzip\r\n")).field("Content-Encoding"), "gzip");
  EXPECT_EQ(client.exchange(get("/text", "Accept-Encoding: br\r\n")).field("Content-Encoding"), "br");
  EXPECT_EQ(client.exchange(get("/text")).field("Content-Encoding"), "");
}

}  // namespace
}  // namespace millrace::test
