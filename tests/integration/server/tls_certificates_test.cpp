// Certificates: which one a client gets, clients' own, reloading, and those that a server refuses.
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/client_certificate.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/ssl_server.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"
#include "tls_options.h"

namespace millrace::test {
namespace {

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
