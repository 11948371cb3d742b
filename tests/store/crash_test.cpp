// `millrace serve --store sqlite:…` or `file:…`, the process, killed by SIGKILL at random points under load, with
// publishers, subscribers and retention running. After each death: every event that was acknowledged is there, once and
// in order; and every event that a subscriber has seen is there, too. In a second test the disk is full for a while in
// each life.
#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "from_environment.h"
#include "program.h"
#include "raw_client.h"
#include "small_disk.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr int kPublishers = 4;
constexpr int kSubscribers = 3;
constexpr std::uint64_t kKept = 3'000;  // events

std::uint64_t sequence_of(const std::string& id) {
  std::uint64_t sequence = 0;
  const std::size_t dash = id.find('-');
  if (dash == std::string::npos) return 0;
  std::from_chars(id.data() + dash + 1, id.data() + id.size(), sequence);
  return sequence;
}

// What somebody outside knows of the log: by sequence, what the event there says.
class Known {
 public:
  // Checks that no client got another answer.
  void add(const std::string& id, const std::string& data) {
    const std::lock_guard lock(mutex_);
    const auto [known, is_new] = events_.try_emplace(sequence_of(id), data);
    if (!is_new && known->second != data) {
      ADD_FAILURE() << id << " is \"" << data << "\" to one, and \"" << known->second << "\" to another";
    }
    ++count_;
    counted_.notify_all();
  }
  std::map<std::uint64_t, std::string> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  // False if it takes too long.
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return counted_.wait_for(lock, kDeadline, [&] { return count_ >= count; });
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::string> events_;
  std::size_t count_ = 0;
  std::condition_variable counted_;
};

class Crash : public ::testing::TestWithParam<std::string> {  // the kind of the store
 protected:
  void start() {
    server_ = std::make_unique<ServeProgram>(std::vector<std::string>{"--insecure", "--store", GetParam() + ":" + path_,
                                                                      "--sync", sync_, "--store-events",
                                                                      std::to_string(kKept), "--history-events", "50"});
    port_ = std::stoi(server_->url().substr(server_->url().rfind(':') + 1));
  }

  // Until the server dies.
  void publish(int publisher) {
    try {
      RawClient client(port_);
      for (int i = 0;; ++i) {
        const std::string data = std::to_string(round_) + "/" + std::to_string(publisher) + "/" + std::to_string(i);
        const nlohmann::json event = {{"topic", "crash/" + std::to_string(publisher)}, {"data", data}};
        if (!client.send(post("/events", event.dump(), "Content-Type: application/json\r\n"))) return;
        const RawResponse response = client.read_response();
        if (response.status == 200) {
          acknowledged_.add(nlohmann::json::parse(response.body).at("id"), data);
        } else {
          EXPECT_EQ(response.status, 503) << response.body;
          ++refused_;
        }
      }
    } catch (const std::exception&) {
      // That is its death.
    }
  }

  // Each from where it was when the server died the last time.
  void subscribe(std::size_t subscriber) {
    std::string& id = resume_from_[subscriber];
    try {
      StreamClient stream(port_, "/events?topic=crash/*", id.empty() ? "" : "Last-Event-ID: " + id + "\r\n");
      while (const auto event = stream.next()) {
        if (event->type == "millrace.gap") {
          ADD_FAILURE() << "round " << round_ << ": a gap " << event->data;
          return;
        }
        if (!id.empty()) {
          EXPECT_GT(sequence_of(event->id), sequence_of(id)) << "round " << round_;
        }
        id = event->id;
        delivered_.add(id, event->data);
      }
    } catch (const std::exception&) {
    }
  }

  // What the log has, by a subscriber that reads all of it, up to an event which is published for this.
  std::map<std::uint64_t, std::string> everything() {
    RawClient client(port_);
    const std::string end = "end of " + std::to_string(round_);
    const RawResponse response = client.exchange(
        post("/events", R"({"topic":"crash/end","data":")" + end + "\"}", "Content-Type: application/json\r\n"));
    EXPECT_EQ(response.status, 200) << response.body;
    std::map<std::uint64_t, std::string> found;
    StreamClient stream(port_, "/events?topic=**&lastEventId=earliest");
    std::uint64_t last = 0;
    while (const auto event = stream.next()) {
      const std::uint64_t sequence = sequence_of(event->id);
      EXPECT_GT(sequence, last) << "round " << round_;
      last = sequence;
      found.emplace(sequence, event->data);
      if (event->data == end) break;
    }
    return found;
  }

  // Whether the log has what is known of it, from its oldest event on. Returns how much was looked at.
  std::size_t compare(const std::map<std::uint64_t, std::string>& found, const Known& known, const char* what) const {
    std::size_t compared = 0;
    const auto events = known.events();
    for (auto event = events.lower_bound(found.begin()->first); event != events.end(); ++event, ++compared) {
      const auto there = found.find(event->first);
      if (there == found.end()) {
        ADD_FAILURE() << "round " << round_ << ": lost " << event->first << " (" << event->second << "), " << what;
      } else {
        EXPECT_EQ(there->second, event->second) << "round " << round_ << ", " << what;
      }
    }
    return compared;
  }

  // A life of the server: publishers and subscribers at it, `happens` under their load, and the kill.
  void live(const std::function<void()>& happens) {
    start();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kSubscribers; ++i) threads.emplace_back([this, i] { subscribe(i); });
    for (int i = 0; i < kPublishers; ++i) threads.emplace_back([this, i] { publish(i); });
    happens();
    server_->program().signal(SIGKILL);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(server_->program().wait(), -SIGKILL);
  }
  // Somewhere in the next few hundred: while an event is committed, delivered, dropped, or acknowledged.
  void publish_some(std::mt19937_64& random) {
    const std::size_t enough = acknowledged_.count() + std::uniform_int_distribution<std::size_t>(1, 400)(random);
    EXPECT_TRUE(acknowledged_.wait_for(enough)) << "round " << round_;
  }

  // Whether all is there that was acknowledged or seen.
  void check() {
    start();
    const auto found = everything();
    ASSERT_FALSE(found.empty());
    EXPECT_LE(found.size(), kKept + 1);
    EXPECT_GT(found.rbegin()->first, newest_) << "a sequence that had been given before";
    newest_ = found.rbegin()->first;
    compared_ += compare(found, acknowledged_, "acknowledged");
    compared_ += compare(found, delivered_, "delivered");
    server_->program().signal(SIGKILL);
    server_->program().wait();
  }
  void tell() const {
    std::cout << acknowledged_.count() << " acknowledged, " << refused_ << " refused, " << delivered_.count()
              << " delivered, " << compared_ << " compared" << std::endl;
  }

  static std::string sync() {
    const char* value = std::getenv("MILLRACE_CRASH_SYNC");
    return value == nullptr ? "normal" : value;
  }

  const std::string sync_ = sync();
  TemporaryFolder folder_;
  std::string path_ = folder_.path("log");
  std::unique_ptr<ServeProgram> server_;
  int port_ = 0;
  std::uint64_t round_ = 0;
  Known acknowledged_;
  Known delivered_;
  std::atomic<std::size_t> refused_ = 0;
  std::size_t compared_ = 0;
  std::uint64_t newest_ = 0;
  std::vector<std::string> resume_from_ = std::vector<std::string>(kSubscribers);
};

TEST_P(Crash, LosesNothingThatWasAcknowledgedAndTakesNothingBackThatWasSeen) {
  const std::uint64_t rounds = from_environment("MILLRACE_CRASH_ROUNDS", 30);
  const std::uint64_t seed = from_environment("MILLRACE_CRASH_SEED", std::random_device{}());
  std::cout << "MILLRACE_CRASH_SEED=" << seed << " MILLRACE_CRASH_ROUNDS=" << rounds << " MILLRACE_CRASH_SYNC=" << sync_
            << std::endl;
  std::mt19937_64 random(seed);
  for (round_ = 1; round_ <= rounds && !HasFailure(); ++round_) {
    live([&] { publish_some(random); });
    check();
  }
  tell();
  if (rounds >= 30) {
    EXPECT_GT(newest_, kKept) << "nothing has been dropped meanwhile";
  }
}

TEST_P(Crash, NorWhereTheDiskWasFullMeanwhile) {
  const std::uint64_t rounds = from_environment("MILLRACE_CRASH_FULL_ROUNDS", 6);
  const std::uint64_t seed = from_environment("MILLRACE_CRASH_SEED", std::random_device{}());
  std::cout << "MILLRACE_CRASH_SEED=" << seed << " MILLRACE_CRASH_FULL_ROUNDS=" << rounds
            << " MILLRACE_CRASH_SYNC=" << sync_ << std::endl;
  SmallDisk disk(folder_.path("disk"), 32 * 1'024);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system: " << disk.error();
  path_ = disk.path("log");
  std::mt19937_64 random(seed);
  std::size_t killed_full = 0;
  std::size_t refusing = 0;
  for (round_ = 1; round_ <= rounds && !HasFailure(); ++round_) {
    const bool is_killed_full = std::uniform_int_distribution<int>(0, 1)(random) == 1;
    killed_full += is_killed_full ? 1 : 0;
    live([&] {
      publish_some(random);
      const std::size_t refused = refused_;
      const std::size_t acknowledged = acknowledged_.count();
      disk.fill();
      // What the log drops makes room in its file, so that it may go on all the same.
      EXPECT_TRUE(eventually([&] { return refused_ > refused + 20 || acknowledged_.count() > acknowledged + 1'000; }));
      refusing += refused_ > refused + 20 ? 1 : 0;
      if (is_killed_full) return;
      disk.make_room();
      publish_some(random);
    });
    disk.make_room();
    check();
  }
  std::cout << refusing << " refused events, " << killed_full << " killed while it was full; ";
  tell();
  EXPECT_GT(refusing, 0u) << "the disk was never too full";
}

INSTANTIATE_TEST_SUITE_P(Stores, Crash, ::testing::Values("sqlite", "file"),
                         [](const auto& store) { return store.param; });

}  // namespace
}  // namespace millrace::test
