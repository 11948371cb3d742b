// By which way events leave where the system has rings but does not let them be used.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>
#include <vector>

#include "program.h"
#include "raw_client.h"
#include "refused_system_call.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

struct Refusal {
  const char* name;
  long call;
  int error;
};

// The program's line about it, among those of its start.
std::string said_of_sending(ServeProgram& server) {
  for (;;) {
    std::string line = server.program().read_error_line();
    if (line.empty() || line.find("writing to subscribers") != std::string::npos) return line;
  }
}

class SendingWhere : public ::testing::TestWithParam<Refusal> {};

// The program, as a process of a system that refuses the call.
TEST_P(SendingWhere, TheSystemRefusesRingsEverySubscriberGetsEverythingAllTheSame) {
  const auto [name, call, error] = GetParam();
  where_system_call_fails(call, error, [] {
    ServeProgram server({"--insecure"});
    const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
    std::vector<StreamClient> subscribers;
    for (int i = 0; i < 20; ++i) subscribers.emplace_back(port, "/events?topic=a");
    for (int i = 0; i < 5; ++i) {
      const std::string event = R"({"topic":"a","data":")" + std::to_string(i) + "\"}";
      ASSERT_EQ(RawClient(port).exchange(post("/events", event)).status, 200);
      for (StreamClient& subscriber : subscribers) EXPECT_EQ(subscriber.next_data(), std::to_string(i));
    }
    const std::string metrics = RawClient(port).exchange(get("/metrics")).body;
    EXPECT_NE(metrics.find("\nmillrace_sending_loops{by=\"io_uring\"} 0\n"), std::string::npos) << metrics;
    EXPECT_EQ(metrics.find("\nmillrace_sending_loops{by=\"send\"} 0\n"), std::string::npos) << metrics;
    const std::string said = said_of_sending(server);
    EXPECT_NE(said.find("with send() on"), std::string::npos) << said;
    EXPECT_NE(said.find("io_uring is not available: "), std::string::npos) << said;
  });
}

// 5.1 to 5.5 have rings, but neither SEND nor a way to ask for it: registering a probe is EINVAL there.
INSTANTIATE_TEST_SUITE_P(Calls, SendingWhere,
                         ::testing::Values(Refusal{"NoRingCanBeMade", SYS_io_uring_setup, EPERM},
                                           Refusal{"NoMemoryMayBeLockedForOne", SYS_io_uring_setup, ENOMEM},
                                           Refusal{"RingsDoNotSayWhatTheyCan", SYS_io_uring_register, EINVAL},
                                           Refusal{"RingsAreNotWorkedOff", SYS_io_uring_enter, EPERM}),
                         [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(Sending, IsByIoUringWhereTheSystemHasIt) {
  ServeProgram server({"--insecure"});
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  const std::string metrics = RawClient(port).exchange(get("/metrics")).body;
  const std::string said = said_of_sending(server);
  // What the system of the test has is not the test's to say: but both say the same.
  const bool by_io_uring = metrics.find("\nmillrace_sending_loops{by=\"send\"} 0\n") != std::string::npos;
  EXPECT_EQ(said.find("with io_uring on ") != std::string::npos, by_io_uring) << said << "\n" << metrics;
}

TEST(Sending, IsByCallsWhereTheOperatorWantsIt) {
  ServeProgram server({"--insecure", "--no-io-uring"});
  const std::string said = said_of_sending(server);
  EXPECT_NE(said.find("writing to subscribers with send() on "), std::string::npos) << said;
}

}  // namespace
}  // namespace millrace::test
