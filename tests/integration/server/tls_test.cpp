// TLS on the server's own loops: what a client gets, in both versions, and what those get that do something else. The
// whole list of the server's tests runs over TLS, too: see CMakeLists.txt.
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/server/client_certificate.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/ssl_server.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

ServerOptions over_tls(ServerTls tls = test_tls()) {
  ServerOptions options = open_to_all();
  options.tls = std::move(tls);
  return options;
}

TlsCertificate text_of(const TestCertificate& certificate) {
  return {.chain = Pem::text(certificate.chain), .key = Pem::text(certificate.key)};
}

// Sentences that the server says on its threads.
class Notices {
 public:
  std::function<void(const std::string&)> taker() {
    return [this](const std::string& notice) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(notice);
    };
  }
  bool has(const std::string& part) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return std::any_of(notices_.begin(), notices_.end(),
                         [&](const std::string& one) { return one.find(part) != std::string::npos; });
    });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> notices_;
};

class TlsVersions : public ::testing::TestWithParam<int> {
 protected:
  TlsWish wish() const { return {.min_version = GetParam(), .max_version = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Both, TlsVersions, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(TlsVersions, AnswersAndStreams) {
  RunningServer server(over_tls());
  RawClient client(server.port(), wish());
  EXPECT_EQ(SSL_version(client.tls()->ssl()), GetParam());
  EXPECT_EQ(
      client.exchange(post("/events", R"({"topic":"a","data":"1"})", "Content-Type: application/json\r\n")).status,
      200);
  EXPECT_EQ(client.exchange(get("/nowhere")).status, 404) << "the connection goes on";
  StreamClient stream(std::move(client), get("/events?topic=a"));
  server->hub().publish("a", {.data = "2"}).or_throw();
  EXPECT_EQ(stream.next_data(), "2");
}

TEST_P(TlsVersions, AClientThatComesBackResumesItsSession) {
  RunningServer server(over_tls());
  SSL_SESSION* session = nullptr;
  {
    RawClient first(server.port(), wish());
    EXPECT_FALSE(first.tls()->is_resumed());
    EXPECT_EQ(first.exchange(get("/nowhere")).status, 404);  // behind which a ticket of 1.3 has come
    session = first.tls()->take_session();
  }
  ASSERT_NE(session, nullptr);
  TlsWish again = wish();
  again.session = session;
  RawClient second(server.port(), again);
  EXPECT_TRUE(second.tls()->is_resumed());
  EXPECT_EQ(second.exchange(get("/nowhere")).status, 404);
  SSL_SESSION_free(session);
}

TEST_P(TlsVersions, EndsWithAGoodbye) {
  RunningServer server(over_tls());
  RawClient client(server.port(), wish());
  client.send(get("/nowhere", "Connection: close\r\n"));
  EXPECT_EQ(client.read_response().status, 404);
  EXPECT_TRUE(client.is_at_end());
  EXPECT_TRUE(client.tls()->is_ended()) << "close_notify comes before the end";
}

TEST(Tls, OlderVersionsAreRefusedAndReported) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  RunningServer server(over_tls(tls));
  EXPECT_THROW(RawClient(server.port(), {.min_version = TLS1_1_VERSION, .max_version = TLS1_1_VERSION}),
               std::runtime_error);
  EXPECT_TRUE(notices.has("supports TLS up to version 1.1 only"));
}

TEST(Tls, AgreesOnHttp11) {
  RunningServer server(over_tls());
  RawClient client(server.port(), {.protocols = {"http/1.1"}});
  EXPECT_EQ(client.tls()->protocol(), "http/1.1");
  EXPECT_EQ(client.exchange(get("/nowhere")).status, 404);
}

TEST(Tls, AProtocolThatNobodySpeaksIsRefusedAndReported) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  RunningServer server(over_tls(tls));
  try {
    RawClient client(server.port(), {.protocols = {"spdy/3"}});
    FAIL() << "the handshake succeeded";
  } catch (const std::runtime_error& failure) {
    EXPECT_NE(std::string(failure.what()).find("no application protocol"), std::string::npos) << failure.what();
  }
  EXPECT_TRUE(notices.has("the client offers no protocol (ALPN) that this server speaks"));
}

// --- What is not TLS ------------------------------------------------------------------------------------------------

class PlainClient : public RawClient {
 public:
  explicit PlainClient(int port) : RawClient((set_speaks_tls(port, false), port)) {}
};

TEST(Tls, ClearTextIsAnsweredAtOnce) {
  Notices notices;
  ServerOptions options = over_tls();
  options.on_foreign_protocol = notices.taker();
  RunningServer server(options);
  PlainClient client(server.port());
  const RawResponse response = client.exchange(get("/events?topic=a"));
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("use https://"), std::string::npos) << response.body;
  EXPECT_TRUE(client.is_at_end());
  EXPECT_TRUE(notices.has("began with clear text, but this port speaks TLS"));
}

TEST(Tls, ClearTextIsAnsweredAtItsFirstByte) {
  RunningServer server(over_tls());
  PlainClient client(server.port());
  client.send("G");
  EXPECT_EQ(client.read_response().status, 400);
}

TEST(Tls, TlsOnAClearPortIsAnswered) {
  Notices notices;
  ServerOptions options = open_to_all();
  options.on_foreign_protocol = notices.taker();
  Server server(options);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  EXPECT_THROW(RawClient(port, TlsWish{}), std::runtime_error);
  EXPECT_TRUE(notices.has("began with a TLS handshake"));
  server.stop();
  thread.join();
}

TEST(Tls, AnInvalidRecordClosesTheConnection) {
  RunningServer server(over_tls());
  PlainClient client(server.port());
  client.send(std::string("\x16\x03\x01\x40\x00", 5) + std::string(70'000, 'x'));
  client.read_to_end();
  RawClient other(server.port(), TlsWish{});
  EXPECT_EQ(other.exchange(get("/nowhere")).status, 404) << "others go on";
}

TEST(Tls, AHandshakeHasADeadline) {
  ServerTls tls = test_tls();
  tls.handshake_deadline = Duration{200};
  RunningServer server(over_tls(tls));
  PlainClient silent(server.port());
  PlainClient begun(server.port());
  TlsEnd end;
  end.shake_hands();
  begun.send(end.take_output().substr(0, 20));
  EXPECT_TRUE(silent.is_at_end());
  EXPECT_TRUE(begun.is_at_end());
}

TEST(Tls, OneHandshakeTooManyCutsTheOneThatHasKeptTheServerWaitingLongest) {
  ServerTls tls = test_tls();
  tls.max_handshakes = 2;
  ServerOptions options = over_tls(tls);
  options.threads.loops = 1;
  RunningServer server(options);
  const auto begin = [&](TlsEnd& end) {
    PlainClient client(server.port());
    end.shake_hands();
    client.send(end.take_output());
    EXPECT_FALSE(client.read_some().empty()) << "the server has answered, and waits";
    return client;
  };
  TlsEnd ends[3];
  PlainClient first = begin(ends[0]);
  PlainClient second = begin(ends[1]);
  EXPECT_FALSE(first.has_input());
  PlainClient third = begin(ends[2]);
  EXPECT_TRUE(first.is_at_end());
  EXPECT_FALSE(second.has_input());
  EXPECT_FALSE(third.has_input());
}

TEST(Tls, AConnectionBeyondTheBoundGetsAnAnswer) {
  ServerOptions options = over_tls();
  options.shares.max_connections = 1;
  RunningServer server(options);
  RawClient first(server.port());
  EXPECT_EQ(first.exchange(get("/nowhere")).status, 404);
  RawClient second(server.port());
  EXPECT_EQ(second.read_response().status, 503);
}

// --- Certificates ---------------------------------------------------------------------------------------------------

std::string subject_seen(RawClient& client) {
  X509* const certificate = SSL_get1_peer_certificate(client.tls()->ssl());
  char text[64] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  X509_free(certificate);
  return text;
}

TEST(Tls, AClientGetsTheCertificateOfTheNameItAsksFor) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  tls.certificates.push_back(text_of(test_authority().issue({.common_name = "b", .names = {"DNS:*.b.example"}})));
  RunningServer server(over_tls(tls));
  RawClient named(server.port(), {.host = "one.b.example"});
  EXPECT_EQ(subject_seen(named), "b");
  RawClient usual(server.port(), {.host = "localhost"});
  EXPECT_EQ(subject_seen(usual), "localhost");
  EXPECT_EQ(usual.exchange(get("/nowhere")).status, 404);
  RawClient unnamed(server.port(), {.host = ""});
  EXPECT_EQ(subject_seen(unnamed), "localhost");
  EXPECT_THROW(RawClient(server.port(), {.host = "other.example"}), std::runtime_error) << "the client refuses it";
  EXPECT_TRUE(notices.has("no certificate is for the name that the client asks for (SNI): other.example"));
}

TEST(Tls, AClientThatDoesNotTrustTheCertificateIsReported) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  RunningServer server(over_tls(tls));
  EXPECT_THROW(RawClient(server.port(), {.trusts = false}), std::runtime_error);
  EXPECT_TRUE(notices.has("does not trust the server's certificate"));
}

TEST(Tls, TheAuthorizerGetsTheSubjectOfAClientsCertificate) {
  ServerTls tls = test_tls();
  tls.client_ca = Pem::text(test_authority().certificate());
  ServerOptions options = over_tls(tls);
  options.publishing.anonymous = false;
  std::mutex mutex;
  std::vector<std::string> subjects;
  options.authorizer = std::make_shared<FunctionAuthorizer>(
      [&](const httplib::Request& request, Authorizer::Action, const TopicPatterns&) {
        const std::lock_guard lock(mutex);
        subjects.push_back(client_certificate_subject(request));
        return Authorizer::Decision::allow();
      });
  RunningServer server(options, [](Server& one) {
    one.events("/events");
    one.Get("/who", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(client_certificate_subject(request) + (request.ssl != nullptr ? " ssl" : ""), "text/plain");
    });
  });
  const TestCertificate own = test_authority().issue({.common_name = "sensor, no. 7"});
  RawClient client(server.port(), {.certificate = own});
  EXPECT_EQ(client.exchange(get("/who")).body, "CN=sensor\\, no. 7 ssl");
  StreamClient stream(std::move(client), get("/events?topic=a"));
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(subjects, std::vector<std::string>{"CN=sensor\\, no. 7"});
  }
  options.authorizer->changed();
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return subjects.size() == 2;
  }));
  EXPECT_EQ(subjects[1], subjects[0]) << "asked again, it sees the same";
}

TEST(Tls, NobodyCanSendASubjectOfTheirOwn) {
  RunningServer server(over_tls(), [](Server& one) {
    one.Get("/who", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content('[' + client_certificate_subject(request) + ']', "text/plain");
    });
  });
  for (const char* field : {":client-subject: CN=me\r\n", "client-subject: CN=me\r\n", " :client-subject: CN=me\r\n"}) {
    RawClient client(server.port());
    const RawResponse response = client.exchange(get("/who", field));
    EXPECT_TRUE(response.status == 400 || response.body == "[]") << field << response.body;
  }
}

TEST(Tls, AClientWithoutACertificateIsRefusedAndReported) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  tls.client_ca = Pem::text(test_authority().certificate());
  RunningServer server(over_tls(tls));
  // In TLS 1.3 the client is done before the server has seen that there is none.
  EXPECT_THROW(RawClient(server.port(), {.max_version = TLS1_2_VERSION}), std::runtime_error);
  EXPECT_TRUE(notices.has("the client has sent no certificate"));
  const TestAuthority strangers;
  EXPECT_THROW(RawClient(server.port(), {.max_version = TLS1_2_VERSION, .certificate = strangers.issue()}),
               std::runtime_error);
  EXPECT_TRUE(notices.has("the client's certificate is not accepted"));
}

TEST(Tls, WhereACertificateIsNotRequiredOthersComeToo) {
  ServerTls tls = test_tls();
  tls.client_ca = Pem::text(test_authority().certificate());
  tls.require_client_certificate = false;
  RunningServer server(over_tls(tls));
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/nowhere")).status, 404);
}

TEST(Tls, ReloadingCutsNoStreamAndKeepsWhatWasWhereAFileIsDamaged) {
  const TemporaryFolder folder;
  const std::string chain = folder.path("chain.pem");
  const std::string key = folder.path("key.pem");
  const auto write = [&](const TestCertificate& certificate) {
    std::ofstream(chain) << certificate.chain;
    std::ofstream(key) << certificate.key;
  };
  write(test_authority().issue({.common_name = "old"}));
  RunningServer server(over_tls({.certificates = {{.chain = Pem::file(chain), .key = Pem::file(key)}}}));
  StreamClient stream(server.port(), "/events?topic=a");
  EXPECT_EQ(subject_seen(stream.client()), "old");
  write(test_authority().issue({.common_name = "new"}));
  server->reload_tls();
  RawClient after(server.port());
  EXPECT_EQ(subject_seen(after), "new");
  std::ofstream(chain) << "nothing";
  EXPECT_THROW(server->reload_tls(), InvalidOption);
  RawClient still(server.port());
  EXPECT_EQ(subject_seen(still), "new");
  server->hub().publish("a", {.data = "1"}).or_throw();
  EXPECT_EQ(stream.next_data(), "1");
}

// As httplib::SSLServer's constructors.
class SslServers : public ::testing::Test {
 protected:
  static int status_of(Server& server, const TlsWish& wish = {}) {
    server.Get("/here", [](const httplib::Request&, httplib::Response&) {});
    const int port = server.bind_to_any_port("127.0.0.1");
    std::thread thread([&] { server.listen_after_bind(); });
    int status = 0;
    try {
      RawClient client(port, wish);
      status = client.exchange(get("/here")).status;
    } catch (const std::runtime_error&) {
      // no answer
    }
    server.stop();
    thread.join();
    return status;
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path(name)) << text;
    return folder_.path(name);
  }

  const TestCertificate certificate_ = test_authority().issue();
  // In TLS 1.3 a client is done before it hears that it needs a certificate.
  const TlsWish stranger_ = {.max_version = TLS1_2_VERSION};
  const TlsWish member_ = {.max_version = TLS1_2_VERSION, .certificate = test_authority().issue()};

 private:
  const TemporaryFolder folder_;
};

TEST_F(SslServers, AreMadeOfFiles) {
  const std::string chain = file("chain.pem", certificate_.chain);
  const std::string key = file("key.pem", encrypted(certificate_.key, "open sesame"));
  const std::string authority = file("authority.pem", test_authority().certificate());
  SslServer open(chain.c_str(), key.c_str(), nullptr, nullptr, "open sesame");
  EXPECT_TRUE(open.is_valid());
  EXPECT_EQ(status_of(open), 200);
  SslServer guarded(chain.c_str(), key.c_str(), authority.c_str(), nullptr, "open sesame");
  EXPECT_EQ(status_of(guarded, stranger_), 0);
  SslServer welcoming(chain.c_str(), key.c_str(), authority.c_str(), nullptr, "open sesame");
  EXPECT_EQ(status_of(welcoming, member_), 200);
  EXPECT_THROW(SslServer(chain.c_str(), key.c_str()), InvalidOption) << "without its passphrase";
  EXPECT_THROW(SslServer(nullptr, key.c_str()), InvalidOption);
}

TEST_F(SslServers, AreMadeOfObjects) {
  BIO* bio = BIO_new_mem_buf(certificate_.chain.data(), -1);
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(certificate_.key.data(), -1);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(test_authority().certificate().data(), -1);
  X509* const authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  X509_STORE* const store = X509_STORE_new();
  X509_STORE_add_cert(store, authority);
  SslServer open(certificate, key);
  SslServer guarded(certificate, key, store);
  SslServer welcoming(certificate, key, store);
  X509_free(authority);
  X509_STORE_free(store);
  X509_free(certificate);
  EVP_PKEY_free(key);
  EXPECT_EQ(status_of(open), 200);
  EXPECT_EQ(status_of(guarded, stranger_), 0);
  EXPECT_EQ(status_of(welcoming, member_), 200);
}

TEST_F(SslServers, AreSetUpByAFunction) {
  const std::string chain = file("chain.pem", certificate_.chain);
  const std::string key = file("key.pem", certificate_.key);
  SslServer server([&](SSL_CTX& context) {
    return SSL_CTX_use_certificate_chain_file(&context, chain.c_str()) == 1 &&
           SSL_CTX_use_PrivateKey_file(&context, key.c_str(), SSL_FILETYPE_PEM) == 1;
  });
  EXPECT_EQ(status_of(server), 200);
  EXPECT_THROW(SslServer([](SSL_CTX&) { return false; }), InvalidOption);
  EXPECT_THROW(SslServer([](SSL_CTX&) { return true; }), InvalidOption) << "it has set no certificate";
}

TEST(Tls, HandshakesAreCounted) {
  RunningServer server(over_tls(), [](Server& one) { one.events("/events").operations(); });
  EXPECT_THROW(RawClient(server.port(), {.protocols = {"spdy/3"}}), std::runtime_error);
  RawClient client(server.port());
  const auto says = [&](const std::string& line) {
    return client.exchange(get("/metrics")).body.find(line) != std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return says("millrace_tls_handshakes_total{result=\"failed\"} 1"); }));
  EXPECT_TRUE(says("millrace_tls_handshakes_total{result=\"full\"} 1"));
}

// What is wrong is said when the server is made, in one sentence that names the option and the file.
class BadCertificates : public ::testing::Test {
 protected:
  static std::string problem(const ServerTls& tls) {
    try {
      const Server server({.tls = tls});
    } catch (const InvalidOption& failure) {
      return failure.what();
    }
    return "accepted";
  }
  static std::string problem(const TestCertificate& certificate, const std::string& passphrase = {}) {
    TlsCertificate one = text_of(certificate);
    one.passphrase = passphrase;
    return problem(ServerTls{.certificates = {one}});
  }
  static void expect(const std::string& problem, const std::string& part) {
    EXPECT_NE(problem.find(part), std::string::npos) << problem;
  }
};

TEST_F(BadCertificates, AreRefusedWithTheirReason) {
  const TestCertificate good = test_authority().issue();
  expect(problem(ServerTls{}), "tls.certificates: must contain at least one certificate");
  expect(problem(ServerTls{.certificates = {{}}}), "tls.certificates.chain: is missing");
  expect(problem({good.chain, test_authority().issue().key}),
         "tls.certificates.key: does not belong to the certificate");
  expect(problem({good.chain, "no key"}), "contains no private key");
  expect(problem({"no certificate", good.key}), "contains no certificate");
  expect(problem({good.chain.substr(0, 200) + "-----END CERTIFICATE-----\n", good.key}),
         "contains a damaged certificate");
  expect(problem(test_authority().issue({.begins_in_seconds = -7200, .ends_in_seconds = -3600})), "expired at 20");
  expect(problem(test_authority().issue({.begins_in_seconds = 3600})), "is valid only from 20");
  expect(problem({good.chain, encrypted(good.key, "open sesame")}), "is encrypted, and there is no passphrase");
  expect(problem({good.chain, encrypted(good.key, "open sesame")}, "wrong"), "cannot be decrypted with the passphrase");
  expect(problem({good.chain, encrypted(good.key, "open sesame")}, "open sesame"), "accepted");
  expect(problem(ServerTls{.certificates = {{.chain = Pem::file("/nowhere/chain.pem"), .key = Pem::text(good.key)}}}),
         "\"/nowhere/chain.pem\" cannot be read: No such file");
  ServerTls customized = test_tls();
  customized.customize = [](ssl_ctx_st&) { return false; };
  expect(problem(customized), "tls.customize: has returned false");
}

TEST_F(BadCertificates, AKeyThatOthersCanReadAndACertificateThatEndsSoonAreReported) {
  const TemporaryFolder folder;
  const TestCertificate certificate = test_authority().issue({.ends_in_seconds = 3 * 24 * 60 * 60});
  const std::string key = folder.path("key.pem");
  std::ofstream(key) << certificate.key;
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  Notices notices;
  const Server server(
      {.tls = ServerTls{.certificates = {{.chain = Pem::text(certificate.chain), .key = Pem::file(key)}},
                        .on_notice = notices.taker()}});
  EXPECT_TRUE(notices.has("other users of this machine can read the private key"));
  EXPECT_TRUE(notices.has("expires in 7"));
}

}  // namespace
}  // namespace millrace::test
