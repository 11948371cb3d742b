// What the library for NATS does not guard, on a real server.
#include "stores/jetstream/nats_connection.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "eventually.h"
#include "nats_server.h"

namespace millrace::test {
namespace {

TEST(NatsConnection, EndsSubscriptionsWhileMessagesComeForThem) {
  NatsServer nats;
  const NatsConnection connection({.address = StoreAddress::parse(nats.url()), .credentials = {}, .on_change = [] {}});
  const NatsConnection others({.address = StoreAddress::parse(nats.url()), .credentials = {}, .on_change = [] {}});
  std::atomic<bool> is_over = false;
  std::thread publisher([&] {
    while (!is_over) others.reply("prices");
  });
  int received = 0;
  for (int round = 0; round < 500; ++round) {
    NatsSubscription subscription = connection.subscribe("prices");
    if (subscription.next(kDeadline) != nullptr) ++received;
    if (round % 50 == 0) {
      EXPECT_TRUE(connection.ask("INFO", nullptr).is_object());
    }
  }
  is_over = true;
  publisher.join();
  EXPECT_EQ(received, 500);
}

}  // namespace
}  // namespace millrace::test
