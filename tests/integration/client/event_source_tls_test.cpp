// https, with cpp-httplib's own TLS server and certificates made by openssl for the occasion.

#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "collector.h"
#include "eventually.h"
#include "millrace/client/event_source.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

/// A folder with a self-signed certificate and its key, for these names.
class Certificate {
 public:
  explicit Certificate(const std::string& alternative_names) {
    std::string folder = std::filesystem::temp_directory_path() / "millrace-tls-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder_ = folder;
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=millrace-test"
        " -addext 'subjectAltName=" +
        alternative_names + "' -keyout '" + key() + "' -out '" + file() + "' 2>'" + folder + "/log'";
    if (std::system(command.c_str()) != 0) {
      std::ifstream log(folder_ / "log");
      throw std::runtime_error("openssl: " + std::string(std::istreambuf_iterator<char>(log), {}));
    }
  }
  ~Certificate() { std::filesystem::remove_all(folder_); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  std::string file() const { return folder_ / "certificate.pem"; }
  std::string key() const { return folder_ / "key.pem"; }

 private:
  std::filesystem::path folder_;
};

/// tls_context() since cpp-httplib 0.31, which then deprecated ssl_context().
template <typename AnyServer>
SSL_CTX* context_of(AnyServer& server) {
  if constexpr (requires { server.tls_context(); }) {
    return static_cast<SSL_CTX*>(server.tls_context());
  } else {
    return server.ssl_context();
  }
}

/// Streams two events and keeps the stream open until the client has gone.
class TlsServer {
 public:
  explicit TlsServer(const Certificate& certificate) : server_(certificate.file().c_str(), certificate.key().c_str()) {
    server_.Get("/events", [this](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("text/event-stream", [this](std::size_t offset, httplib::DataSink& sink) {
        if (offset == 0) {
          const std::string events = "data: 1\n\ndata: " + std::string(100'000, 'x') + "\n\n";
          return sink.write(events.data(), events.size());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // cpp-httplib knows no other way to keep quiet
        return !ending_ && sink.is_writable();
      });
    });
    server_.Get("/moved",
                [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/events"); });
    // As OpenSSL's macros do it, which the compiler warns of.
    SSL_CTX_callback_ctrl(context_of(server_), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(&TlsServer::note_name));
    SSL_CTX_ctrl(context_of(server_), SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, this);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    EXPECT_TRUE(eventually([this] { return server_.is_running(); }));
  }
  ~TlsServer() {
    ending_ = true;
    server_.stop();
    thread_.join();
  }

  std::string url(const std::string& host, const std::string& path = "/events") const {
    return "https://" + host + ":" + std::to_string(port_) + path;
  }

  /// The server's name that the last client gave in its handshake.
  std::string name_asked_for() const {
    const std::lock_guard lock(mutex_);
    return name_;
  }

 private:
  static int note_name(SSL* ssl, int*, void* self) {
    auto& server = *static_cast<TlsServer*>(self);
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const std::lock_guard lock(server.mutex_);
    server.name_ = name == nullptr ? "" : name;
    return SSL_TLSEXT_ERR_OK;
  }

  httplib::SSLServer server_;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::string name_;
  int port_ = 0;
  std::thread thread_;
};

class EventSourceTls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    certificate = std::make_unique<Certificate>("DNS:localhost,IP:127.0.0.1");
    server = std::make_unique<TlsServer>(*certificate);
  }
  static void TearDownTestSuite() {
    server.reset();
    certificate.reset();
  }

  static EventSourceOptions trusting() {
    EventSourceOptions options;
    options.tls.ca_file = certificate->file();
    return options;
  }

  /// The sizes of the first two events, or the first error.
  static std::string outcome(const std::string& url, EventSourceOptions options) {
    EventSource source(url, std::move(options));
    std::string result;
    int events = 0;
    source.on_message([&](const MessageEvent& event) {
      result += std::to_string(event.data.size()) + " ";
      if (++events == 2) source.close();
    });
    source.on_error([&](const EventSourceError& error) {
      result += error.message;
      source.close();
    });
    source.run();
    return result;
  }

  static std::unique_ptr<Certificate> certificate;
  static std::unique_ptr<TlsServer> server;
};

std::unique_ptr<Certificate> EventSourceTls::certificate;
std::unique_ptr<TlsServer> EventSourceTls::server;

TEST_F(EventSourceTls, StreamsFromAServerItTrusts) {
  EXPECT_EQ(outcome(server->url("localhost"), trusting()), "1 100000 ");
  EXPECT_EQ(server->name_asked_for(), "localhost");
  EXPECT_EQ(outcome(server->url("127.0.0.1"), trusting()), "1 100000 ");
  EXPECT_EQ(server->name_asked_for(), "") << "an address is no name";
}

TEST_F(EventSourceTls, RefusesACertificateItDoesNotTrust) {
  const std::string result = outcome(server->url("localhost"), {});
  EXPECT_NE(result.find("no TLS session with localhost"), std::string::npos) << result;
  EXPECT_NE(result.find("self-signed certificate"), std::string::npos) << result;
}

// libcurl's words for the target differ between versions: `host name 'a'`, `hostname 'a'`, `ipv4 address '127.0.0.1'`.
bool is_for_another_target(const std::string& problem, const std::string& target) {
  return problem.find("no alternative certificate subject name matches target ") != std::string::npos &&
         problem.find("'" + target + "'") != std::string::npos;
}

TEST_F(EventSourceTls, RefusesACertificateOfAnotherHost) {
  const Certificate other("DNS:elsewhere.example,IP:127.0.0.2");
  const TlsServer imposter(other);
  EventSourceOptions options;
  options.tls.ca_file = other.file();
  const std::string by_name = outcome(imposter.url("localhost"), options);
  EXPECT_TRUE(is_for_another_target(by_name, "localhost")) << by_name;
  const std::string by_address = outcome(imposter.url("127.0.0.1"), options);
  EXPECT_TRUE(is_for_another_target(by_address, "127.0.0.1")) << by_address;
}

TEST_F(EventSourceTls, AcceptsAnyCertificateIfVerificationIsOff) {
  EventSourceOptions options;
  options.tls.verify = false;
  EXPECT_EQ(outcome(server->url("localhost"), std::move(options)), "1 100000 ");
}

TEST_F(EventSourceTls, FollowsRedirectsWithinAndAcrossSchemes) {
  EXPECT_EQ(outcome(server->url("localhost", "/moved"), trusting()), "1 100000 ");
  ScriptedServer plain([&](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 308 Elsewhere\r\nLocation: " + server->url("localhost") + "\r\n\r\n");
  });
  EXPECT_EQ(outcome(plain.url(), trusting()), "1 100000 ");
}

TEST_F(EventSourceTls, SaysThatAPlainServerSpeaksNoTls) {
  ScriptedServer plain([](Peer& peer, int) { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  const std::string result = outcome("https://127.0.0.1:" + std::to_string(plain.port()) + "/", trusting());
  EXPECT_NE(result.find("no TLS session"), std::string::npos) << result;
}

TEST_F(EventSourceTls, ClosesWhileReadingAndDuringTheHandshake) {
  ScriptedServer silent([](Peer& peer, int) { peer.wait_until_closed(); });  // takes the ClientHello, says nothing
  for (const std::string& url :
       {server->url("localhost"), "https://127.0.0.1:" + std::to_string(silent.port()) + "/"}) {
    Collector collector;
    EventSourceOptions options = trusting();
    options.connect_timeout = Duration{3'600'000};
    options.headers_for_attempt = [&] {
      collector.add("connecting");
      return HttpHeaders{};
    };
    EventSource source(url, std::move(options));
    source.on_message([&](const MessageEvent&) { collector.add("message"); });
    std::future<void> ended = std::async(std::launch::async, [&] { source.run(); });
    ASSERT_TRUE(collector.wait_for(url == server->url("localhost") ? 3 : 1));
    source.close();
    EXPECT_EQ(ended.wait_for(kDeadline), std::future_status::ready) << url;
  }
}

}  // namespace
}  // namespace millrace::test
