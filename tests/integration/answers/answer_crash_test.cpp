// Answers over a server that is killed by SIGKILL again and again, and over connections that are cut at random. Each
// listener gets every event of its answer once and in order: its words, and then the end, or that it was interrupted.
//
// MILLRACE_ANSWERS, _RATE, _CUTS, _KILLS and _SEED set how many answers run at once, how many words a second each has,
// how often connections are cut and the server is killed, and where. docs/reliability.md has a run by hand.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "crash_server.h"
#include "eventually.h"
#include "free_port.h"
#include "from_environment.h"
#include "raw_client.h"
#include "stream_decoder.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWords = 30;
// Without any event, something is stuck. On a slow machine the rounds of this program take longer, too.
constexpr std::chrono::seconds kSilence{120};
constexpr std::chrono::milliseconds kRound{10};
constexpr int kSilentRounds = kSilence / kRound;

// A thousand listeners, and as many connections of the server, need more than the usual 1,024 files.
void allow_many_files() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

struct Counts {
  std::size_t events = 0;
  std::size_t finished = 0;
  std::size_t interrupted = 0;
  std::size_t connections = 0;
};

// One client: asks, listens, comes back with its last event ID, and asks anew when its answer is over.
class Listener {
 public:
  Listener(int port, Counts& counts) : port_(port), counts_(counts) {}
  ~Listener() { disconnect(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }
  bool is_connected() const { return fd_ >= 0; }
  bool is_between_answers() const { return id_.empty() && fd_ < 0; }

  void disconnect() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // False if the server is not there.
  bool connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      disconnect();
      return false;
    }
    const std::string request =
        id_.empty() ? post("/answers", "why?") : get("/answers/" + id_, "Last-Event-ID: " + last_event_id_ + "\r\n");
    ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    head_.clear();
    decoder_.reset();
    seen_ = 0;
    ++counts_.connections;
    return true;
  }

  void on_readable() {
    char bytes[16 * 1024];
    const ssize_t size = ::recv(fd_, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return disconnect();
    take(std::string_view(bytes, static_cast<std::size_t>(size)));
  }

 private:
  void take(std::string_view bytes) {
    if (!decoder_) {
      head_.append(bytes);
      const std::size_t end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      const std::string rest = head_.substr(end + 4);
      if (!begin()) return;
      return decode(rest);
    }
    decode(bytes);
  }

  bool begin() {
    if (head_.starts_with("HTTP/1.1 204")) {
      EXPECT_TRUE(number_ == kWords || has_end_) << id_ << " is whole after " << number_;
      is_over();
      return false;
    }
    if (!head_.starts_with("HTTP/1.1 200")) {
      ADD_FAILURE() << id_ << " after " << last_event_id_ << ": " << head_;
      is_over();
      return false;
    }
    const std::size_t field = head_.find("Millrace-Answer: ");
    const std::string id = head_.substr(field + 17, head_.find("\r\n", field) - field - 17);
    if (id_.empty()) {
      id_ = id;
      number_ = 0;
      has_end_ = false;
    }
    EXPECT_EQ(id, id_);
    decoder_.emplace(true, false);
    return true;
  }

  void decode(std::string_view bytes) {
    decoder_->feed(bytes);
    for (; seen_ < decoder_->events().size(); ++seen_) check(decoder_->events()[seen_]);
    if (!decoder_->last_event_id().empty()) last_event_id_ = decoder_->last_event_id();
    if (!decoder_->ended()) return;
    EXPECT_TRUE(number_ == kWords || has_end_) << id_ << " ended after " << number_;
    is_over();
  }

  void check(const Received& event) {
    ++counts_.events;
    ++number_;
    EXPECT_EQ(event.id, id_ + ':' + std::to_string(number_)) << event.type << ' ' << event.data;
    EXPECT_FALSE(has_end_) << id_ << ": an event behind the end";
    if (event.type == "message") {
      EXPECT_EQ(event.data, id_ + ' ' + std::to_string(number_));
    } else {
      EXPECT_EQ(event.type, "interrupted") << event.data;
      has_end_ = true;
    }
  }

  void is_over() {
    ++(has_end_ ? counts_.interrupted : counts_.finished);
    disconnect();
    id_.clear();
    last_event_id_.clear();
  }

  const int port_;
  Counts& counts_;
  int fd_ = -1;
  std::string head_;
  std::optional<StreamDecoder> decoder_;
  std::size_t seen_ = 0;
  std::string id_;  // empty: it has not asked
  std::string last_event_id_;
  int number_ = 0;
  bool has_end_ = false;
};

TEST(AnswerCrash, NoTokenIsLostDoubledOrOutOfOrder) {
  const std::uint64_t seed = from_environment("MILLRACE_ANSWERS_SEED", std::random_device{}());
  const std::size_t count = from_environment("MILLRACE_ANSWERS", 50);
  const int rate = static_cast<int>(from_environment("MILLRACE_ANSWERS_RATE", 50));
  const std::size_t cuts = from_environment("MILLRACE_ANSWERS_CUTS", 300);
  const std::size_t kills = from_environment("MILLRACE_ANSWERS_KILLS", 5);
  allow_many_files();
  SCOPED_TRACE("MILLRACE_ANSWERS_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TemporaryFolder folder;
  const int port = free_port();
  CrashServer server({folder.path("log"), std::to_string(port), std::to_string(rate), std::to_string(kWords)});
  Counts counts;
  std::vector<std::unique_ptr<Listener>> listeners;
  for (std::size_t i = 0; i < count; ++i) listeners.push_back(std::make_unique<Listener>(port, counts));

  std::size_t cut = 0;
  std::size_t killed = 0;
  std::size_t next_cut = 0;
  std::size_t next_kill = 1'000;  // events
  const std::size_t events_per_cut = 20 * count / 50 + 1;
  const auto began = Clock::now();
  auto progressed = began;
  int silent_rounds = 0;
  std::size_t events = 0;
  std::vector<pollfd> polled;
  while ((cut < cuts || killed < kills) && !HasFailure()) {
    if (std::exchange(events, counts.events) != counts.events) {
      progressed = Clock::now();
      silent_rounds = 0;
    }
    ASSERT_FALSE(server.has_ended()) << "by itself, after " << killed << " kills and " << events << " events";
    ASSERT_FALSE(++silent_rounds > kSilentRounds && Clock::now() - progressed > kSilence)
        << "no event for " << kSilence.count() << " s, after " << cut << " cuts, " << killed << " kills, " << events
        << " events";
    polled.clear();
    for (const auto& listener : listeners) {
      if (!listener->is_connected()) static_cast<void>(listener->connect());
      polled.push_back({.fd = listener->fd(), .events = POLLIN, .revents = 0});
    }
    ::poll(polled.data(), polled.size(), static_cast<int>(kRound.count()));
    for (std::size_t i = 0; i < listeners.size(); ++i) {
      if (polled[i].fd >= 0 && polled[i].revents != 0) listeners[i]->on_readable();
    }
    for (; cut < cuts && counts.events >= next_cut; ++cut) {
      listeners[random() % count]->disconnect();
      next_cut += random() % events_per_cut;
    }
    if (killed < kills && counts.events >= next_kill) {
      server.kill();
      server.start();
      ++killed;
      next_kill = counts.events + count * 10 + random() % (count * 50);
    }
  }
  std::cout << counts.events << " events, " << counts.finished << " finished, " << counts.interrupted
            << " interrupted, " << counts.connections << " connections, " << cut << " cuts, " << killed << " kills, "
            << std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began).count() << " s" << std::endl;
  EXPECT_GT(counts.finished, 0u);
  EXPECT_GT(counts.interrupted, 0u);
}

}  // namespace
}  // namespace millrace::test
