// View: what one listener has made of a Record so far; it says whether a promise was broken.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/event.h"
#include "record.h"

namespace millrace::simulation {

/// What one listener has seen. Every member throws Broken if a promise is broken by it.
class View {
 public:
  /// `latest`: it asks for the state of topics. `is_conflated`: it wants what is newest.
  View(Record& record, std::string name, std::vector<std::string> patterns, bool latest, bool is_conflated);

  /// The listener asks for a stream with this last event ID.
  void connect(std::string_view last_event_id);
  /// The stream begins: with the newest event of each topic of numbers below `state_until`; it knows that what is
  /// gone below `forgiven` is gone.
  void begins(std::uint64_t state_until, std::uint64_t forgiven);
  /// From `place` on it listens to these patterns; of those in `added`, the state comes first.
  void changes(std::uint64_t place, std::vector<std::string> patterns, const std::vector<std::string>& added);
  /// An event was dispatched.
  void event(const MessageEvent& event);
  /// The last event ID is this now.
  void cursor(std::string_view last_event_id);
  /// The server has answered 204, when the record had `entries_then` entries and the cursor was at `place`.
  void told_that_it_is_over(std::uint64_t entries_then, std::uint64_t place) const;
  /// Nothing happens any more: there must be nothing left that it has not seen.
  void at_rest() const;

  /// Whether it wants the entry with this number, by what it listened to there.
  bool wants(std::uint64_t number) const;

 private:
  using Patterns = std::vector<std::string>;
  struct Adding {
    std::uint64_t until = 0;  // the largest of `befores`
    Patterns patterns;
    std::vector<std::uint64_t> befores;  // of each pattern: its state is that of the log before this number
  };
  static bool match(const Patterns& patterns, const std::string& topic);
  // Of the entry's topics, those it listened to there.
  std::vector<std::string> wanted(std::uint64_t number) const;
  const Patterns& patterns() const { return patterns_.back().second; }
  bool is_added_state(std::uint64_t number) const;
  // Whether the entry with this number was in the state of the topic when a pattern for it was added.
  bool was_added_unfinished(std::uint64_t number, const std::string& topic) const;
  void gap(const MessageEvent& event);
  void skip_to(std::uint64_t number);
  bool may_skip(std::uint64_t number) const;
  std::uint64_t beginning(std::uint64_t otherwise) const;
  void forgive(std::uint64_t number);
  [[noreturn]] void broken(const std::string& what) const;

  Record& record_;
  const std::string name_;
  std::vector<std::pair<std::uint64_t, Patterns>> patterns_;  // each from that number on
  std::optional<Adding> adding_;                              // state that may come
  std::optional<std::uint64_t> seen_;                         // everything below this number has been dealt with
  const bool latest_;
  const bool is_conflated_;
  std::uint64_t state_until_ = 0;
  std::uint64_t forgiven_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> last_;  // event of each topic that it has got
  std::string sent_id_;                                     // with the request under way
  std::uint64_t entries_at_connect_ = 0;
};

}  // namespace millrace::simulation
