// TopicChanges: `POST /subscriptions/{client}` adds topics to an open stream of an events route, and removes some.
// docs/protocol.md, "Changing the topics of an open stream", is its contract. On workers: it waits for the loops.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "admission.h"
#include "connection/loop_answers.h"
#include "connection/topic_change.h"
#include "millrace/core/limits.h"
#include "millrace/server/limits.h"
#include "millrace/server/topic_patterns.h"
#include "rights_review.h"

namespace millrace {

/// Largest body of a request that changes topics, in bytes; beyond it the answer is 413.
inline constexpr std::size_t kMaxTopicChangeBytes = 256 * 1024;
static_assert(kMaxTopicsPerSubscription * kMaxTopicBytes < kMaxTopicChangeBytes);

/// Shortest name, in bytes, by which a stream without a user can be changed: the name is its key.
inline constexpr std::size_t kShortestKeyBytes = 16;
static_assert(kShortestKeyBytes <= kMaxClientNameBytes);

/// Changes of a stream's topics by others, at the same time, after which the answer is 409.
inline constexpr int kMostChangesMeanwhile = 8;

/// What a request asks for.
struct AskedTopics {
  TopicPatterns add;
  TopicPatterns remove;
  bool with_state = false;
};

/// Nothing, and a sentence in `error`, if the body does not say. Pure.
std::optional<AskedTopics> parse_topic_change(std::string_view body, std::string& error);

class TopicChanges {
 public:
  struct Ports {
    std::function<Answered<std::optional<NamedStream>>(const StreamName& name)> find;
    std::function<Answered<bool>(const TopicChange&)> change;
  };

  /// All must outlive it.
  TopicChanges(Admission& admission, const RightsReview& rights, Ports ports)
      : admission_(admission), rights_(rights), ports_(std::move(ports)) {}

  void answer(const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader& read_content) const;

 private:
  enum class Outcome { kChanged, kRefused, kMeanwhile };
  std::optional<StreamName> name_of_stream(const httplib::Request& request, httplib::Response& response,
                                           const AskedTopics& asked) const;
  Outcome change(const httplib::Request& request, httplib::Response& response, const StreamName& name,
                 const AskedTopics& asked) const;

  Admission& admission_;
  const RightsReview& rights_;
  const Ports ports_;
};

/// The handler of its route.
struct ChangeTopicsHandler {
  const TopicChanges* changes;
  void operator()(const httplib::Request& request, httplib::Response& response,
                  const httplib::ContentReader& read_content) const {
    changes->answer(request, response, read_content);
  }
};

}  // namespace millrace
