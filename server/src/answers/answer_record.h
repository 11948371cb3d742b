// AnswerRecord: what a store keeps of an answer beside its events, so that another run, and another server of the same
// store, knows it. The newest record of an answer says all. They are JSON on a topic of Millrace's own, which no
// wildcard of a client matches.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "answer_state.h"
#include "millrace/core/owned.h"

namespace millrace {

struct AnswerRecord {
  Answer::State::Terms terms;
  Answer::State::Past past = {};

  /// Of an answer as it is now.
  static AnswerRecord of(const Answer::State& answer);
  std::string json() const;
  /// Nothing if it is not a record of an answer below `topic`.
  static std::optional<AnswerRecord> parse(std::string_view json, std::string_view topic);
};

/// A request of another server to the one that produces the answer.
enum class AnswerRequest : std::uint8_t {
  kStop,     ///< Answers::stop()
  kArrived,  ///< its first listener has come
  kLeft,     ///< its last listener has left
};

/// Where records of the answers below `topic`, and requests about them, go: `id` may be `*`.
std::string record_topic(std::string_view topic, std::string_view id);
std::string request_topic(std::string_view topic, std::string_view id);

/// The data of the event in `payload`, as a log keeps it.
std::string data_in(std::string_view payload);

}  // namespace millrace
