#include "poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "poll_time.h"
#include "socket_calls.h"

namespace millrace::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint32_t kBoth = Ready::kInput | Ready::kInputEnd;

// A watched end and the peer's end.
struct Pair {
  Pair() { EXPECT_EQ(open_socket_pair(ends), 0); }
  ~Pair() {
    close_peer();
    ::close(ends[0]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  int socket() const { return ends[0]; }
  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(ends[1], bytes.data(), bytes.size(), kSendFlags), static_cast<ssize_t>(bytes.size()));
  }
  void close_peer() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }

  int ends[2] = {-1, -1};
};

std::vector<std::uintptr_t> tags(std::span<const Poller::Event> events) {
  std::vector<std::uintptr_t> tags;
  for (const Poller::Event& event : events) tags.push_back(event.tag);
  return tags;
}

// All that one wait reports of a socket: one system may use two events for it.
std::uint32_t ready(std::span<const Poller::Event> events) {
  std::uint32_t sum = 0;
  for (const Poller::Event& event : events) sum |= event.ready;
  return sum;
}

TEST(Poller, ReportsInputForAsLongAsItIsThere) {
  Poller poller;
  const Pair pair;
  ASSERT_TRUE(poller.add(pair.socket(), kBoth, 7));
  EXPECT_THAT(tags(poller.wait(0)), IsEmpty());
  pair.send("x");
  for (int i = 0; i < 2; ++i) {
    const auto events = poller.wait(-1);
    EXPECT_THAT(tags(events), ElementsAre(7));
    EXPECT_EQ(ready(events), Ready::kInput);
  }
  char byte = 0;
  ASSERT_EQ(::recv(pair.socket(), &byte, 1, 0), 1);
  EXPECT_THAT(tags(poller.wait(0)), IsEmpty());
}

TEST(Poller, ReportsRoomForOutputOnlyWhereItIsWatchedFor) {
  Poller poller;
  const Pair pair;
  ASSERT_TRUE(poller.add(pair.socket(), kBoth | Ready::kOutput, 1));
  EXPECT_EQ(ready(poller.wait(-1)), Ready::kOutput);
  poller.modify(pair.socket(), kBoth, 2);
  EXPECT_THAT(tags(poller.wait(0)), IsEmpty());
  poller.modify(pair.socket(), Ready::kOutput, 3);
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(3));
}

TEST(Poller, ReportsOnceWhatIsWatchedForOnce) {
  Poller poller;
  const Pair pair;
  pair.send("x");
  ASSERT_TRUE(poller.add(pair.socket(), kBoth | Ready::kOnce, 1));
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(1));
  EXPECT_THAT(tags(poller.wait(0)), IsEmpty());
  poller.modify(pair.socket(), kBoth | Ready::kOnce, 2);
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(2));
  poller.modify(pair.socket(), kBoth, 3);
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(3));
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(3));
}

TEST(Poller, ReportsThatThePeerHasEndedItsOutput) {
  Poller poller;
  const Pair pair;
  ASSERT_TRUE(poller.add(pair.socket(), kBoth, 1));
  ASSERT_EQ(::shutdown(pair.ends[1], SHUT_WR), 0);
  EXPECT_NE(ready(poller.wait(-1)) & Ready::kInput, 0U);
}

TEST(Poller, ReportsThatThePeerIsGone) {
  Poller poller;
  Pair pair;
  ASSERT_TRUE(poller.add(pair.socket(), kBoth | Ready::kOutput, 1));
  pair.close_peer();
  EXPECT_NE(ready(poller.wait(-1)) & (Ready::kHangUp | Ready::kError), 0U);
}

TEST(Poller, ForgetsWhatIsRemovedAndKeepsTheOthers) {
  Poller poller;
  std::deque<Pair> pairs(5);
  for (std::uintptr_t i = 0; i < pairs.size(); ++i) ASSERT_TRUE(poller.add(pairs[i].socket(), kBoth, i));
  for (const Pair& pair : pairs) pair.send("x");
  poller.remove(pairs[1].socket());
  poller.remove(pairs[4].socket());
  EXPECT_THAT(tags(poller.wait(-1)), UnorderedElementsAre(0, 2, 3));
  poller.modify(pairs[3].socket(), kBoth, 30);
  EXPECT_THAT(tags(poller.wait(-1)), UnorderedElementsAre(0, 2, 30));
  ASSERT_TRUE(poller.add(pairs[1].socket(), kBoth, 10));
  EXPECT_THAT(tags(poller.wait(-1)), UnorderedElementsAre(0, 2, 10, 30));
}

TEST(Poller, WatchesANewSocketWithTheNumberOfARemovedOne) {
  Poller poller;
  int had = -1;
  {
    const Pair pair;
    had = pair.socket();
    pair.send("x");
    ASSERT_TRUE(poller.add(had, kBoth | Ready::kOnce, 1));
    EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(1));
    poller.remove(had);
  }
  const Pair pair;
  ASSERT_EQ(pair.socket(), had) << "the system gives the lowest number that is free";
  ASSERT_TRUE(poller.add(pair.socket(), kBoth, 2));
  EXPECT_THAT(tags(poller.wait(0)), IsEmpty());
  pair.send("x");
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(2));
}

TEST(Poller, ReportsMoreSocketsThanOneWaitTakes) {
  Poller poller;
  std::deque<Pair> pairs(400);
  for (std::uintptr_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(poller.add(pairs[i].socket(), kBoth | Ready::kOnce, i));
    pairs[i].send("x");
  }
  std::vector<bool> seen(pairs.size());
  for (std::size_t count = 0; count < pairs.size();) {
    const auto events = poller.wait(0);
    ASSERT_FALSE(events.empty()) << count << " reported";
    for (const Poller::Event& event : events) {
      ASSERT_FALSE(seen[event.tag]) << event.tag << " reported twice";
      seen[event.tag] = true;
    }
    count += events.size();
  }
}

TEST(Poller, IsWokenByAnotherThreadOnceForManyCalls) {
  Poller poller;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) poller.wake();
  });
  poller.wait(-1);
  EXPECT_TRUE(poller.was_woken());
  other.join();
  poller.wait(0);  // takes what came later
  poller.wait(0);
  EXPECT_FALSE(poller.was_woken());
}

TEST(Poller, ReportsSocketsBesideAWakeUp) {
  Poller poller;
  const Pair pair;
  ASSERT_TRUE(poller.add(pair.socket(), kBoth, 1));
  pair.send("x");
  poller.wake();
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(1));
  EXPECT_TRUE(poller.was_woken());
  EXPECT_THAT(tags(poller.wait(-1)), ElementsAre(1));
  EXPECT_FALSE(poller.was_woken());
}

TEST(PollTime, IsNeitherNegativeNorTruncated) {
  using std::chrono::milliseconds;
  EXPECT_EQ(poll_milliseconds(milliseconds{250}), 250);
  for (const auto time : {milliseconds{-1}, milliseconds{-4'294'967'295}, milliseconds::min()}) {
    EXPECT_EQ(poll_milliseconds(time), 0);
  }
  for (const auto time : {milliseconds{4'294'967'295}, milliseconds::max()}) {
    EXPECT_EQ(poll_milliseconds(time), std::numeric_limits<int>::max());
  }
}

}  // namespace
}  // namespace millrace::test
