#include "loop/batch_sender.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "refused_system_call.h"

namespace millrace::test {
namespace {

struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
  ~Pair() {
    for (const int end : ends) ::close(end);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  std::string received() const {
    std::string bytes(4096, '\0');
    const ssize_t count = ::recv(ends[1], bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }

  int ends[2] = {-1, -1};
};

struct Kind {
  const char* name;
  std::unique_ptr<BatchSender> (*make)();
};

class BatchSenderTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    sender_ = GetParam().make();
    if (sender_ == nullptr) GTEST_SKIP() << "the system has no io_uring";
  }
  std::unique_ptr<BatchSender> sender_;
};

TEST_P(BatchSenderTest, ReachesMoreSocketsThanGoIntoOneCall) {
  const std::vector<Pair> pairs(600);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < pairs.size(); ++i) texts.push_back("event " + std::to_string(i));
  for (int round = 0; round < 3; ++round) {
    std::vector<BatchSender::Send> sends;
    for (std::size_t i = 0; i < pairs.size(); ++i) sends.push_back({.socket = pairs[i].ends[0], .bytes = texts[i]});
    sender_->send(sends);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_EQ(sends[i].result, static_cast<ssize_t>(texts[i].size()));
      EXPECT_EQ(pairs[i].received(), texts[i]);
    }
  }
}

TEST_P(BatchSenderTest, SaysOfEachWhatBecameOfIt) {
  const Pair good;
  const Pair full;
  Pair gone;
  ::close(std::exchange(gone.ends[1], -1));
  const std::string much(1024 * 1024, 'x');
  std::vector<BatchSender::Send> sends = {{.socket = full.ends[0], .bytes = much},
                                          {.socket = gone.ends[0], .bytes = "gone"},
                                          {.socket = good.ends[0], .bytes = "good"}};
  sender_->send(sends);
  EXPECT_GT(sends[0].result, 0);
  EXPECT_LT(sends[0].result, static_cast<ssize_t>(much.size()));
  EXPECT_EQ(sends[1].result, -EPIPE);
  EXPECT_EQ(sends[2].result, 4);
  EXPECT_EQ(good.received(), "good");

  sender_->send(std::span(sends).first(1));
  EXPECT_EQ(sends[0].result, -EAGAIN);
}

TEST_P(BatchSenderTest, NothingToSendIsDoneAtOnce) {
  sender_->send({});
}

// A ring that the system ceases to serve: the sends under way are lost, and no later ones.
TEST(BatchSenderWithIoUring, GoesOverToCallsWhereTheSystemBeginsToRefuse) {
  std::string why_not;
  auto sender = BatchSender::with_io_uring(why_not);
  if (sender == nullptr) GTEST_SKIP() << why_not;
  where_system_call_fails(SYS_io_uring_enter, EPERM, [&] {
    const Pair pair;
    BatchSender::Send send{.socket = pair.ends[0], .bytes = "lost"};
    sender->send({&send, 1});
    EXPECT_EQ(send.result, -EPERM);
    EXPECT_FALSE(sender->uses_io_uring());
    send = {.socket = pair.ends[0], .bytes = "said"};
    sender->send({&send, 1});
    EXPECT_EQ(send.result, 4);
    EXPECT_EQ(pair.received(), "said");
  });
}

std::unique_ptr<BatchSender> with_io_uring() {
  std::string why_not;
  return BatchSender::with_io_uring(why_not);
}

INSTANTIATE_TEST_SUITE_P(Kinds, BatchSenderTest,
                         ::testing::Values(Kind{"SystemCalls", &BatchSender::with_system_calls},
                                           Kind{"IoUring", &with_io_uring}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace millrace::test
