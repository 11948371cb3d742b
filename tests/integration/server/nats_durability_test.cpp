// What an acknowledgement of NATS is worth: by the table of versions, and by what real servers say of themselves.
#include "stores/jetstream/nats_durability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "free_port.h"
#include "millrace/server/stores/jetstream.h"
#include "nats_server.h"
#include "stores/jetstream/nats_survey.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

NatsServerFacts server(const std::string& version, std::optional<bool> syncs = true, const std::string& name = "n1") {
  return {.address = "10.0.0.1:4222", .name = name, .version = version, .syncs_always = syncs};
}

TEST(NatsDurability, IsThatOfTheReplicasAndTheirDisks) {
  EXPECT_EQ(durability_of({server("2.12.3")}, {}).level, Durability::kDisk);
  EXPECT_EQ(durability_of({server("2.12.3", false)}, {}).level, Durability::kProcess);
  EXPECT_EQ(durability_of({server("2.12.3", std::nullopt)}, {}).level, Durability::kProcess);
  EXPECT_EQ(durability_of({server("2.12.3")}, {.replicas = 3, .peers = {"n1"}}).level, Durability::kQuorumAndDisk);
  EXPECT_EQ(durability_of({server("2.12.3"), server("2.12.3", false, "n2")}, {.replicas = 3}).level,
            Durability::kQuorum);
  EXPECT_EQ(durability_of({server("2.12.3")}, {.replicas = 3, .peers = {"n1", "n2"}}).level, Durability::kQuorum)
      << "nobody has asked n2";
  EXPECT_THAT(durability_of({server("2.12.3")}, {}).warnings, IsEmpty());
}

TEST(NatsDurability, IsNoneOfSeveralServersOrTheDiskWhereTheVersionIsNotKnownToBeSafe) {
  for (const char* version : {"", "2", "2.x", "2.9.10", "2.10.0", "2.10.19"}) {
    const NatsDurability found = durability_of({server(version)}, {.replicas = 3});
    EXPECT_EQ(found.level, Durability::kProcess) << version;
    EXPECT_EQ(found.warnings.size(), 1u) << version;
    EXPECT_FALSE(found.refusal) << version;
  }
  EXPECT_EQ(durability_of({}, {.replicas = 3}).level, Durability::kProcess);
  EXPECT_EQ(durability_of({server("2.12.3"), server("2.9.10")}, {.replicas = 3}).level, Durability::kProcess);
}

TEST(NatsDurability, RefusesVersionsThatLoseWholeStreams) {
  for (const char* version : {"2.10.20", "2.10.22", "2.10.22-RC.1"}) {
    const NatsDurability found = durability_of({server("2.12.3"), server(version)}, {.replicas = 3});
    ASSERT_TRUE(found.refusal) << version;
    EXPECT_THAT(*found.refusal, HasSubstr(version));
    EXPECT_THAT(*found.refusal, HasSubstr("use nats-server 2.12.3 or newer"));
  }
  for (const char* version : {"2.10.23", "2.10.27", "2.11.0", "2.12.2"}) {
    const NatsDurability found = durability_of({server(version)}, {.replicas = 3});
    EXPECT_FALSE(found.refusal) << version;
    EXPECT_EQ(found.warnings.size(), 1u) << version;
    EXPECT_EQ(found.level, Durability::kQuorumAndDisk) << version;
  }
}

// As of nats-server 2.10, to which `sync_interval: always` is known.
TEST(NatsDurability, IsWhatTheServersSayOfThemselves) {
  const int monitoring = free_port();
  const std::string http = "http: 127.0.0.1:" + std::to_string(monitoring) + "\n";
  const NatsServer lazy("server_name: lazy\n" + http);
  const StoreAddress address = StoreAddress::parse(lazy.url());
  std::vector<NatsServerFacts> facts = survey_nats(address, static_cast<std::uint16_t>(monitoring));
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0].name, "lazy");
  EXPECT_THAT(facts[0].version, HasSubstr("2."));
  EXPECT_EQ(facts[0].syncs_always, false);
  facts = survey_nats(address, 0);
  EXPECT_EQ(facts[0].syncs_always, std::nullopt);
  facts = survey_nats(StoreAddress::parse("nats://127.0.0.1:" + std::to_string(free_port())), 0);
  EXPECT_EQ(facts[0].version, "") << "nobody answers";
  EXPECT_EQ(open_jetstream(lazy.url(), {.monitoring_port = static_cast<std::uint16_t>(monitoring)})->durability(),
            Durability::kProcess);
  const NatsServer other("server_name: other");
  facts = survey_nats(StoreAddress::parse(other.url()), static_cast<std::uint16_t>(monitoring));
  EXPECT_EQ(facts[0].syncs_always, std::nullopt) << "what another server says counts for nothing";
}

TEST(NatsDurability, IsTheDiskWhereAServerSyncsAlways) {
  const NatsServer any;
  if (survey_nats(StoreAddress::parse(any.url()), 0)[0].version.starts_with("2.9.")) {
    GTEST_SKIP() << "needs nats-server 2.10 or newer";
  }
  const TemporaryFolder folder;
  const int monitoring = free_port();
  const NatsServer careful("jetstream { store_dir: \"" + folder.path("store") +
                               "\", sync_interval: always }\nhttp: 127.0.0.1:" + std::to_string(monitoring),
                           false);
  const auto store = open_jetstream(careful.url(), {.monitoring_port = static_cast<std::uint16_t>(monitoring)});
  EXPECT_EQ(store->durability(), Durability::kDisk);
}

// Greets like a nats-server of a version that nobody has any more.
class Greeter {
 public:
  explicit Greeter(std::string greeting) : greeting_(std::move(greeting)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listening_, generic, size) != 0 || ::listen(listening_, 8) != 0 ||
        ::getsockname(listening_, generic, &size) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { greet(); });
  }
  ~Greeter() {
    is_over_ = true;
    thread_.join();
    ::close(listening_);
  }
  StoreAddress address() const { return StoreAddress::parse("nats://127.0.0.1:" + std::to_string(port_)); }

 private:
  void greet() {
    while (!is_over_) {
      pollfd waiting{.fd = listening_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int client = ::accept(listening_, nullptr, nullptr);
      [[maybe_unused]] const ssize_t sent = ::send(client, greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
      ::close(client);
    }
  }
  std::string greeting_;
  int port_ = 0;
  int listening_;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

TEST(NatsDurability, IsNotKnownWhereTheGreetingIsNone) {
  for (const std::string& greeting :
       {std::string("INFO {\"version\":"), std::string("INFO [1]\r\n"), std::string("INFO {\"version\":1}\r\n"),
        std::string("SSH-2.0\r\n"), std::string(), "INFO " + std::string(100'000, '[')}) {
    const Greeter greeter(greeting);
    EXPECT_EQ(survey_nats(greeter.address(), 0)[0].version, "") << greeting.substr(0, 20);
  }
  const Greeter greeter("INFO {\"version\":\"2.10.21\",\"server_name\":\"x\"}\r\n");
  const auto facts = survey_nats(greeter.address(), 0);
  EXPECT_TRUE(durability_of(facts, {}).refusal);
}

}  // namespace
}  // namespace millrace::test
