// AnswerRecord: describes an answer in the store, beside its events, for later runs and for other servers of that
// store. The newest record of an answer replaces all earlier ones. Records are JSON on a reserved topic, which no
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

  /// Describes the answer as it is now.
  static AnswerRecord of(const Answer::State& answer);
  std::string json() const;
  /// Returns nothing if `json` is not a record of an answer below `topic`.
  static std::optional<AnswerRecord> parse(std::string_view json, std::string_view topic);
};

/// A request of another server to the one that produces the answer.
enum class AnswerRequest : std::uint8_t {
  kStop,     ///< Answers::stop()
  kArrived,  ///< its first listener has come
  kLeft,     ///< its last listener has left
};

/// The topic of the answer `id` below `topic`; nothing if no answer can have this ID.
std::optional<OwnedTopic> answer_topic(std::string_view topic, std::string_view id);

/// How the topics of records and requests about the answers below `topic` begin; an answer's ID follows.
std::string record_prefix(std::string_view topic);
std::string request_prefix(std::string_view topic);

/// The prefix with the ID of an answer, which answer_topic() has checked. AnswersOptions::topic leaves room for both.
OwnedTopic topic_about(const std::string& prefix, const std::string& id);

/// The topic on which servers that produce answers below `topic` write signs of life; the data of each event is the
/// name of the server (AnswersOptions::node).
OwnedTopic node_topic(std::string_view topic);

/// The data of the event in `payload`, as a log keeps it.
std::string data_in(std::string_view payload);

}  // namespace millrace
