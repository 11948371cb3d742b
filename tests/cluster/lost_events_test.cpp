// NATS loses events that it has delivered, as by a power cut: a real nats-server gets back what its disk had before.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "eventually.h"
#include "mutex.h"
#include "nats_server.h"
#include "program.h"
#include "raw_client.h"
#include "scripted_outlet.h"
#include "stores/jetstream/jetstream_event_log.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

namespace fs = std::filesystem;

// A nats-server, and what its disk has had of a stream.
class LosingNats {
 public:
  NatsServer& server() { return nats_; }

  /// Restarts it; what it has now can be restored.
  void keep(const std::string& stream) {
    nats_.kill();
    fs::remove_all(kept_.path("stream"));
    fs::copy(nats_.store_of(stream), kept_.path("stream"), fs::copy_options::recursive);
    nats_.start();
  }
  /// It loses what it got since.
  void lose(const std::string& stream) {
    nats_.kill();
    fs::remove_all(nats_.store_of(stream));
    fs::copy(kept_.path("stream"), nats_.store_of(stream), fs::copy_options::recursive);
    nats_.start();
  }

 private:
  NatsServer nats_;
  TemporaryFolder kept_;
};

class LostEvents : public ::testing::Test {
 protected:
  // A server's log.
  class Log {
   public:
    explicit Log(LosingNats& nats) : log_(options(nats)) { start(); }

    /// The number of the event; 0 if it is a repeat. Waits until the store accepts it.
    std::uint64_t append(std::string_view data, std::string_view id = "") {
      std::uint64_t sequence = 0;
      bool is_unknown = false;  // whether an earlier attempt has stored it
      const std::uint64_t before = log_.head();
      const Publication publication{.topic = *Topic::parse("a"), .event = {.data = data, .id = *EventId::parse(id)}};
      EXPECT_TRUE(eventually([&] {
        try {
          log_.append({&publication, 1}, {&sequence, 1});
          if (is_unknown && sequence == 0) sequence = found(data, before);
          return true;
        } catch (const StoreUnavailable&) {
          // The connection may have broken after NATS got it.
          is_unknown = true;
          sequence = found(data, before);
          return sequence > 0;
        }
      }));
      return sequence;
    }
    /// The number of the store's entry with this data after `before`; 0 without such an entry. Waits until the log
    /// has read all that NATS has, which is what was sent before on the same connection.
    std::uint64_t found(std::string_view data, std::uint64_t before) const {
      std::uint64_t sequence = 0;
      EXPECT_TRUE(eventually([&] {
        try {
          log_.catch_up_with_others();
          for (const LogEntry& entry : log_.read_after(before, *filter_for({"a"})).entries) {
            if (sequence == 0 && entry.payload.ends_with("data: " + std::string(data) + "\n\n")) {
              sequence = entry.sequence;
            }
          }
          return true;
        } catch (const StoreUnavailable&) {
          return false;
        }
      }));
      return sequence;
    }
    std::map<std::uint64_t, std::string> delivered() const {
      const MutexLock lock(mutex_);
      return delivered_;
    }
    /// What is read from the store, a line for each entry; why, if it cannot be read now.
    std::string read_after(std::uint64_t sequence) const {
      std::string text;
      try {
        for (const LogEntry& entry : log_.read_after(sequence, *filter_for({"a"})).entries) {
          text += std::to_string(entry.sequence) + ' ' + entry.payload;
        }
      } catch (const StoreUnavailable& why) {
        text = why.what();
      }
      return text;
    }
    /// How often it has said that NATS has lost events.
    std::size_t reports() const {
      const MutexLock lock(mutex_);
      return reports_;
    }
    JetStreamEventLog* operator->() { return &log_; }

   private:
    static JetStreamEventLog::Options options(LosingNats& nats) {
      return {.address = StoreAddress::parse(nats.server().url() + "/log"), .bounds = {}, .new_epoch = "e"};
    }
    void start() {
      log_.start({.on_appended =
                      [this](std::span<const LogEntry> entries) {
                        const MutexLock lock(mutex_);
                        for (const LogEntry& entry : entries) {
                          EXPECT_TRUE(delivered_.emplace(entry.sequence, entry.payload).second)
                              << entry.sequence << " was delivered twice";
                        }
                      },
                  .on_status =
                      [this](const StoreStatus& status) {
                        const MutexLock lock(mutex_);
                        if (status.reason.find("NATS has lost events") != std::string::npos) ++reports_;
                      }});
    }

    mutable Mutex mutex_;
    std::size_t reports_ GUARDED_BY(mutex_) = 0;
    std::map<std::uint64_t, std::string> delivered_ GUARDED_BY(mutex_);
    JetStreamEventLog log_;
  };

  static std::string entry(std::uint64_t number, std::string_view data) {
    return "id: e-" + std::to_string(number) + "\ndata: " + std::string(data) + "\n\n";
  }

  LosingNats nats_;
};

TEST_F(LostEvents, AreFollowedByOthersUnderNumbersThatNobodyHasHad) {
  Log one(nats_);
  ASSERT_EQ(one.append("1"), 1U);
  ASSERT_EQ(one.append("2"), 2U);
  nats_.keep("log");
  ASSERT_EQ(one.append("lost 3"), 3U);
  ASSERT_EQ(one.append("lost 4"), 4U);
  ASSERT_EQ(one.append("lost 5"), 5U);
  nats_.lose("log");

  ASSERT_TRUE(eventually([&] { return one->head() > 5; })) << "it notices by itself";
  const std::uint64_t six = one.append("6");
  EXPECT_GT(six, 5U);
  const auto delivered = one.delivered();
  ASSERT_TRUE(delivered.contains(six));
  EXPECT_EQ(delivered.at(six), entry(six, "6"));
  EXPECT_EQ(one->head(), six);
  // Clients that have seen them are told of a gap; others miss nothing.
  EXPECT_EQ(one.read_after(2), std::to_string(six) + ' ' + entry(six, "6"));
  for (const std::uint64_t lost : {3U, 4U, 5U}) {
    EXPECT_GT(one->read_after(lost, *filter_for({"a"})).oldest, lost + 1) << lost;
    EXPECT_EQ(one.read_after(lost), "") << lost;
  }
  Log other(nats_);
  EXPECT_EQ(other.read_after(0), one.read_after(0));
  EXPECT_EQ(other.append("7"), six + 1);
}

// Later looks at the stream, which is shorter than it was, find nothing that is not known.
TEST_F(LostEvents, AreNoticedOnce) {
  Log one(nats_);
  ASSERT_EQ(one.append("1"), 1U);
  nats_.keep("log");
  for (const char* data : {"lost 2", "lost 3", "lost 4", "lost 5"}) ASSERT_NE(one.append(data), 0U);
  nats_.lose("log");
  ASSERT_TRUE(eventually([&] { return one->head() > 5; }));
  ASSERT_NE(one.append("6"), 0U);
  const std::size_t reports = one.reports();
  EXPECT_TRUE(eventually([&] { return one->statistics().entries == 3; })) << "it has looked at 1, the mark and 6";
  ASSERT_NE(one.append("7"), 0U);
  EXPECT_EQ(one.reports(), reports);
}

TEST_F(LostEvents, AreNoticedAlsoIfOthersHavePublishedAsManySince) {
  Log one(nats_);
  ASSERT_EQ(one.append("1"), 1U);
  nats_.keep("log");
  ASSERT_EQ(one.append("lost 2"), 2U);
  ASSERT_EQ(one.append("lost 3"), 3U);
  nats_.lose("log");
  Log other(nats_);
  for (const char* data : {"2", "3", "4"}) ASSERT_NE(other.append(data), 0U);
  ASSERT_TRUE(eventually([&] { return one.read_after(1) == other.read_after(1) && one->head() > 3; }));
  const std::string all = other.read_after(1);
  for (const char* data : {"data: 2\n", "data: 3\n", "data: 4\n"}) EXPECT_NE(all.find(data), std::string::npos) << all;
  const std::uint64_t next = one.append("5");
  EXPECT_EQ(other.append("6"), next + 1);
  ASSERT_TRUE(eventually([&] { return one.delivered().contains(next + 1); }));
  const auto delivered = one.delivered();
  std::string heard;
  for (auto at = delivered.upper_bound(3); at != delivered.end(); ++at) {
    heard += std::to_string(at->first) + ' ' + at->second;
  }
  EXPECT_EQ(heard, one.read_after(1)) << "the first server delivers everything behind the last event that is left";
}

TEST_F(LostEvents, KeepTheirNumbersVoidWhenTheMarkIsGone) {
  Log one(nats_);
  ASSERT_EQ(one.append("1"), 1U);
  nats_.keep("log");
  ASSERT_EQ(one.append("lost"), 2U);
  nats_.lose("log");
  const std::uint64_t next = one.append("2");
  const NatsConnection connection(
      {.address = StoreAddress::parse(nats_.server().url()), .credentials = {}, .on_change = [] {}});
  ASSERT_TRUE(eventually([&] {
    const auto info = connection.ask("STREAM.INFO.log", nullptr);
    return info.at("config").value("description", "").find("; lost ") != std::string::npos;
  }));
  ASSERT_TRUE(connection.ask("STREAM.PURGE.log", {{"filter", "log.lost"}}).value("success", false));
  Log later(nats_);
  ASSERT_EQ(later.append("3"), next + 1);
  ASSERT_TRUE(eventually([&] { return one->head() == next + 1; }));
  EXPECT_EQ(later.read_after(0), one.read_after(0));
}

// What publishers' IDs are found by is a stream of its own, which loses nothing here.
TEST_F(LostEvents, ArePublishedAnewByTheirIds) {
  Log one(nats_);
  ASSERT_EQ(one.append("1"), 1U);
  nats_.keep("log");
  ASSERT_EQ(one.append("lost", "mine"), 2U);
  nats_.lose("log");
  ASSERT_GT(one.append("2"), 2U);
  EXPECT_FALSE(one->find("mine", *filter_for({"a"})).has_value());
  const std::uint64_t again = one.append("again", "mine");
  EXPECT_GT(again, 2U) << "it is no repeat of an event that is gone";
  EXPECT_EQ(one->find("mine", *filter_for({"a"})), again);
}

TEST(LostEventsOfAServer, AreOneLineInTheLogAndAGapForClients) {
  LosingNats nats;
  ServeProgram server({"--insecure", "--store", nats.server().url() + "/log", "--heartbeat", "1"});
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  const auto publish = [port](const std::string& data, const std::string& topic = "a") {
    const std::string body = R"({"topic":")" + topic + R"(","data":")" + data + "\"}";
    return RawClient(port).exchange(post("/events", body, "Content-Type: application/json\r\n")).status;
  };
  const auto readiness = [port] { return RawClient(port).exchange(get("/readyz")).status; };
  StreamClient stream(port, "/events?topic=a");
  ASSERT_EQ(publish("1"), 200);
  EXPECT_EQ(stream.next_data(), "1");
  nats.keep("log");
  // An attempt on the old connection may be refused although NATS has got it.
  ASSERT_TRUE(eventually([&] { return publish("0", "unheard") == 200; }));
  for (const char* data : {"lost 2", "lost 3"}) {
    ASSERT_EQ(publish(data), 200);
    EXPECT_EQ(stream.next_data(), data);
  }
  const std::string seen_two = stream.decoder().last_event_id();
  nats.lose("log");
  ASSERT_TRUE(eventually([&] { return readiness() == 503; }));
  ASSERT_TRUE(eventually([&] { return readiness() == 200 && publish("2") == 200; }));
  EXPECT_EQ(stream.next_data(), "2") << "a stream that was open goes on";
  StreamClient other(port, "/events?topic=a&lastEventId=earliest");
  EXPECT_EQ(other.next_data(), "1");
  EXPECT_EQ(other.next_data(), "2");
  StreamClient resumed(port, "/events?topic=a", "Last-Event-ID: " + seen_two + "\r\n");
  const auto first = resumed.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->type, "millrace.gap");
  EXPECT_EQ(resumed.next_data(), "2");
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  const std::string said = server.program().errors();
  const std::size_t at = said.find("NATS has lost events");
  EXPECT_NE(at, std::string::npos) << said;
  EXPECT_EQ(said.find("NATS has lost events", at + 1), std::string::npos) << said;
}

}  // namespace
}  // namespace millrace::test
