#include "simulated_store.h"

#include <algorithm>
#include <utility>

namespace millrace::simulation {

SimulatedStore::SimulatedStore(Schedule& schedule, Random& random, SimulatedDisk& disk, const Options& options,
                               std::function<void()> end_process)
    : IndexedStore(disk.epoch, {disk.entries.begin(), disk.entries.end()}, options.max_entries),
      schedule_(schedule),
      random_(random),
      disk_(disk),
      options_(options),
      end_process_(std::move(end_process)),
      preloading_(std::min<std::uint64_t>(options.preload, disk.entries.size())) {}

// A process that has ended hands nothing over.
void SimulatedStore::start(Callbacks callbacks) {
  auto hand_over = std::move(callbacks.on_appended);
  callbacks.on_appended = [this, hand_over](std::span<const LogEntry> entries) {
    if (!is_dead_) hand_over(entries);
  };
  IndexedStore::start(std::move(callbacks));
  const std::vector<LogEntry> newest(disk_.entries.end() - static_cast<std::ptrdiff_t>(preloading_),
                                     disk_.entries.end());
  if (!newest.empty()) hand_over(newest);
  preloading_ = 0;
}

std::uint64_t SimulatedStore::head() const {
  return IndexedStore::head() - preloading_;
}

std::uint64_t SimulatedStore::oldest() const {
  expect_readable();
  return IndexedStore::oldest();
}

std::optional<std::uint64_t> SimulatedStore::find(std::string_view publisher_id, const TopicFilter& filter) const {
  expect_readable();
  return IndexedStore::find(publisher_id, filter);
}

std::optional<std::uint64_t> SimulatedStore::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  expect_readable();
  return IndexedStore::finished_at(filter, seen);
}

EventStore::Page SimulatedStore::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  expect_readable();
  return IndexedStore::read_after(sequence, filter);
}

void SimulatedStore::expect_readable() const {
  if (!is_readable()) throw StoreUnavailable("the disk cannot be read");
}

void SimulatedStore::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  fault_ = draw();
  fate_ = Fate::kRefused;
  wait();
  if (fault_ == Fault::kRefuses) throw StoreUnavailable("refused");
  IndexedStore::append(publications, sequences);
  if (is_dead_) {  // the process has ended on the way
    fate_ = Fate::kUnknown;
    throw StoreUnavailable("the process has ended");
  }
  wait();
  fate_ = Fate::kUnknown;
  if (fault_ == Fault::kDiesBeforeAnswer) die();
  if (fault_ == Fault::kDiesBeforeAnswer || fault_ == Fault::kAnswerIsLost) throw StoreUnavailable("no answer");
  fate_ = Fate::kAppended;
}

SimulatedStore::Fault SimulatedStore::draw() {
  if (!random_.chance(options_.fault_percent)) return Fault::kNone;
  ++faults_;
  if (random_.chance(20)) {
    readable_at_ = schedule_.now() + random_.between(Duration{1}, Duration{20'000});
    return Fault::kNone;
  }
  return random_.one_of<Fault>({Fault::kRefuses, Fault::kDiskFails, Fault::kDiesBeforeDisk, Fault::kDiesBehindDisk,
                                Fault::kAnswerIsLost, Fault::kDiesBeforeAnswer});
}

// The publisher waits; all others go on.
void SimulatedStore::wait() {
  if (options_.longest_delay == Duration{0} || random_.chance(80)) return;
  schedule_.run_until(schedule_.now() + random_.between(Duration{0}, options_.longest_delay));
}

void SimulatedStore::die() {
  is_dead_ = true;
  end_process_();
}

void SimulatedStore::persist(std::span<const LogEntry> entries) {
  if (fault_ == Fault::kDiskFails) throw StoreUnavailable("the disk is full");
  if (fault_ == Fault::kDiesBeforeDisk) {
    die();
    throw StoreUnavailable("the process has ended");
  }
  disk_.entries.insert(disk_.entries.end(), entries.begin(), entries.end());
  disk_.head = entries.back().sequence;
  if (fault_ == Fault::kDiesBehindDisk) die();
}

void SimulatedStore::forget(std::uint64_t through) {
  while (!disk_.entries.empty() && disk_.entries.front().sequence <= through) disk_.entries.pop_front();
}

void SimulatedStore::heal() {
  options_.fault_percent = 0;
  readable_at_ = {};
}

}  // namespace millrace::simulation
