// Life: one simulated life of a server and its listeners, drawn from a seed.
//
// For some minutes everything happens that can; then the network heals, publishing stops, and all must come to rest
// with every listener having seen its events, or having a report of those it missed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "listener.h"
#include "random.h"
#include "record.h"
#include "schedule.h"
#include "simulated_server.h"

namespace millrace::simulation {

/// What came of it, over and above that nothing broke.
struct Totals {
  std::uint64_t steps = 0;
  std::uint64_t published = 0;
  std::uint64_t faults = 0;
  std::uint64_t lives = 0;
};

class Life {
 public:
  Life(std::uint64_t seed, bool tells_story);

  /// Throws Broken if a promise is.
  void live();

  const std::vector<std::string>& story() const { return schedule_.story(); }
  Totals totals() const;

 private:
  using Act = void (Life::*)();

  static SimulatedServer::Options server_options(Random& random, Random& store_random);
  Wire::Character wire_character();
  void add_listener();
  Listener& some_listener() { return *listeners_[random_.below(listeners_.size())]; }

  // What happens.
  void publish();
  void publish_to(const std::vector<std::string>& topics);
  enum class Appended : std::uint8_t { kYes, kNo, kByNow };
  Appended appended(const Published& published, std::uint64_t number);
  void publish_burst();
  void outrun_listener();
  void publish_again();
  void finish();
  void finish(const std::string& topic);
  void begin();
  void publish_mark(const std::string& topic, Entry::Kind kind);
  void break_wire();
  void stall_wire();
  void sleep_listener();
  void reload_listener();
  void close_listener();
  void online();
  void restart_listener();
  void change_topics();
  void look_at_state();
  void look_at_jobs();
  void restart_server();
  void drain_server();
  void cut_network();
  void disconnect();

  void come_to_rest();
  void compare_state(const TopicFilter& filter, bool is_state);
  void compare_readable_state(const TopicFilter& filter, bool is_state);
  void tell(const std::string& line) { schedule_.tell(line); }

  Random random_;
  Random store_random_;
  Schedule schedule_;
  Record record_;
  SimulatedServer server_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::string> topics_;
  std::vector<std::string> retained_;  // some of them
  std::vector<Act> acts_;              // those of this life, the likely ones several times
  TimePoint network_back_{};
  bool healed_ = false;
  bool wires_are_wide_ = false;
  std::uint64_t faults_ = 0;
  std::uint64_t last_publisher_id_ = 0;
  struct Identified {
    std::vector<std::string> topics;
    std::string id;
    std::uint64_t number;
  };
  std::vector<Identified> identified_;  // events with a publisher's ID
};

}  // namespace millrace::simulation
