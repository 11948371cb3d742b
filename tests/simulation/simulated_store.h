// SimulatedStore: a store behind the hub that delays, fails and dies as its seed says; and SimulatedDisk, what of it
// survives the process.
//
// IndexedStore keeps the entries and decides what is appended; what stands here is the disk under it, and what happens
// to a process between the steps of an append.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/indexed_store.h"
#include "random.h"
#include "schedule.h"

namespace millrace::simulation {

/// What the disk has of a log.
struct SimulatedDisk {
  std::string epoch;
  std::deque<LogEntry> entries = {};
  std::uint64_t head = 0;  ///< sequence of the newest entry ever

  std::uint64_t oldest() const { return entries.empty() ? head + 1 : entries.front().sequence; }
};

class SimulatedStore final : public IndexedStore {
 public:
  struct Options {
    std::uint64_t max_entries = 1'000;
    std::uint64_t preload = 0;      ///< entries that it hands over when it is started
    std::size_t fault_percent = 0;  ///< of appends
    Duration longest_delay{0};      ///< of an append, before and after
  };

  /// What became of an append, beyond what the hub was told.
  enum class Fate : std::uint8_t {
    kAppended,  ///< it was acknowledged, or was a repeat
    kRefused,   ///< nobody may ever get it
    kUnknown,   ///< the answer was lost: it may be there
  };

  /// `end_process` ends the server at once: it has no time for anything.
  SimulatedStore(Schedule& schedule, Random& random, SimulatedDisk& disk, const Options& options,
                 std::function<void()> end_process);

  void start(Callbacks callbacks) override;
  std::uint64_t head() const override;
  std::uint64_t oldest() const override;
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override;
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  Durability durability() const override { return Durability::kDisk; }

  /// Of the last append.
  Fate fate() const { return fate_; }
  bool is_readable() const { return schedule_.now() >= readable_at_; }
  std::uint64_t faults() const { return faults_; }
  /// Nothing happens to it any more.
  void heal();

 private:
  enum class Fault : std::uint8_t {
    kNone,
    kRefuses,           // before it does anything
    kDiskFails,         // nothing is written
    kDiesBeforeDisk,    // while the disk would be written
    kDiesBehindDisk,    // before anybody has got it
    kAnswerIsLost,      // everybody gets it, and its publisher is told of a failure
    kDiesBeforeAnswer,  // likewise, and the process ends
  };

  void persist(std::span<const LogEntry> entries) override;
  void forget(std::uint64_t through) override;
  Fault draw();
  void wait();
  void die();
  void expect_readable() const;

  Schedule& schedule_;
  Random& random_;
  SimulatedDisk& disk_;
  Options options_;
  const std::function<void()> end_process_;
  std::uint64_t preloading_;  // entries that have not been handed over yet
  Fault fault_ = Fault::kNone;
  Fate fate_ = Fate::kAppended;
  bool is_dead_ = false;
  std::uint64_t faults_ = 0;
  TimePoint readable_at_{};
};

}  // namespace millrace::simulation
