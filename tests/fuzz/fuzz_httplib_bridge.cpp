// Requests that the intake lets through, into cpp-httplib and out again, with handlers and files as a server has them.
// What cpp-httplib takes for the body must be what the intake framed, or the next request would begin elsewhere for one
// than for the other; and no file outside the mounted folder may come out.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

#include "failure.h"
#include "http/request_intake.h"
#include "httplib/httplib_bridge.h"
#include "lone_connection.h"
#include "millrace/server/limits.h"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::string_view kSecret = "not for anybody's eyes";

class Served final : public httplib::Server {
 public:
  Served() {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("millrace-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder / "open");
    std::ofstream(folder / "secret.txt") << kSecret;
    std::ofstream(folder / "open" / "index.html") << "<p>hello";
    set_payload_max_length(1 << 20);
    set_mount_point("/", (folder / "open").string());
    const auto remember = [this](const httplib::Request& request, httplib::Response& response) {
      body_bytes = request.body.size();
      for (const auto& [name, value] : request.params) response.set_header("X-Parameter", name);
      response.set_content(request.path, "text/plain");
    };
    Get("/echo/(.*)", remember);
    Post(".*", remember);
    Put(".*", remember);
    Delete(".*", remember);
    Options(".*", remember);
  }

  std::optional<std::size_t> body_bytes;
};

// Never destroyed: a fuzzer ends without warning.
struct World {
  LoneConnection connection;
  Served server;
  DownloadGate downloads{1};
  HttplibBridge bridge{server, ExchangeTerms{.read_timeout = Duration{10},
                                             .body_deadline = Duration{10},
                                             .write_timeout = Duration{10},
                                             .downloads = downloads}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static World& world = *new World;
  RequestIntake intake(std::string(reinterpret_cast<const char*>(bytes), size));
  if (intake.advance(kMaxRequestHeadBytes) != RequestIntake::Progress::kWhole) return 0;
  const std::string head = intake.input().substr(0, intake.head().bytes);
  Exchange exchange = world.connection.exchange(intake);
  world.server.body_bytes.reset();
  world.bridge.serve(exchange);
  const std::string response = world.connection.written() + exchange.output.bytes();

  if (!response.empty() && !response.starts_with("HTTP/1.")) stop("not a response: " + test::quoted(response));
  if (response.find(kSecret) != std::string::npos) stop("a file outside the folder came out for " + test::quoted(head));
  if (exchange.head.to_head && exchange.output.has_head() && !response.ends_with("\r\n\r\n")) {
    stop("a body to HEAD: " + test::quoted(response));
  }
  if (exchange.consumed > exchange.input.size()) stop("more was consumed than there is");
  // A form's fields are not a body, and an encoded body is longer unpacked.
  std::string lower = head;
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const bool is_plain =
      lower.find("content-type") == std::string::npos && lower.find("content-encoding") == std::string::npos;
  if (is_plain && !exchange.head.chunked && world.server.body_bytes && *world.server.body_bytes != 0 &&
      *world.server.body_bytes != exchange.head.content_length) {
    stop("the body is " + std::to_string(*world.server.body_bytes) + " bytes to cpp-httplib: " + test::quoted(head));
  }
  return 0;
}
