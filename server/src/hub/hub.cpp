#include "millrace/server/hub.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "log/event_log.h"
#include "log/feed.h"
#include "millrace/core/protocol.h"
#include "millrace/server/limits.h"
#include "millrace/server/topic_filter.h"
#include "retained_shares.h"

namespace millrace {

Hub::Hub(Feed& feed, const TopicPatterns& retained, Durability required, std::shared_ptr<RetainedShares> shares)
    : feed_(feed), required_(required), shares_(std::move(shares)) {
  if (retained.size() > 0)
    retained_ = std::make_unique<const TopicFilter>(std::vector<TopicPattern>(retained.begin(), retained.end()));
}

Hub::~Hub() = default;

namespace {

using Reason = Hub::Refusal::Reason;

}  // namespace

std::optional<Hub::Refusal> Hub::refusal(Topic topic) {
  if (!topic.is_reserved()) return std::nullopt;
  return Refusal{Reason::kReservedTopic, "topic: topics that begin with \"millrace.\" are reserved"};
}

std::optional<Hub::Refusal> Hub::refusal(std::span<const Topic> topics) {
  const auto refused = [](std::string sentence) { return Refusal{Reason::kTopics, "topic: " + std::move(sentence)}; };
  if (topics.empty()) return refused("the list is empty; name at least one topic");
  if (topics.size() > kMaxTopicsPerEvent) {
    return refused(std::to_string(topics.size()) + " topics, more than the limit of " +
                   std::to_string(kMaxTopicsPerEvent) + " for one event");
  }
  std::size_t bytes = 0;
  std::vector<std::string_view> names;
  for (const Topic topic : topics) {
    if (auto reserved = refusal(topic)) return reserved;
    bytes += topic.view().size();
    names.push_back(topic.view());
  }
  if (topics.size() > 1 && bytes > kMaxTopicBytesPerEvent) {
    return refused("the topics of one event have " + std::to_string(bytes) +
                   " bytes together, more than the limit of " + std::to_string(kMaxTopicBytesPerEvent));
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return refused("\"" + std::string(*twice) + "\" is given twice");
  return std::nullopt;
}

std::optional<Hub::Refusal> Hub::refusal(std::span<const Topic> topics, const Event& event) const {
  if (auto refused = refusal(topics)) return refused;
  if (topics.size() > 1 && !takes_several_topics()) {
    return Refusal{Reason::kTopics,
                   "topic: the server's store keeps only one topic for each event; publish to each topic separately"};
  }
  return refusal(topics.front(), event);
}

bool Hub::takes_several_topics() const {
  return feed_.takes_several_topics();
}

Durability Hub::durability() const {
  return feed_.durability();
}

std::optional<std::string> Hub::refusal(Durability required) const {
  const Durability promised = durability();
  if (covers(promised, required)) return std::nullopt;
  return "durability: the server promises \"" + std::string(name_of(promised)) + "\", which does not cover \"" +
         std::string(name_of(required)) + "\"; require less, or publish to a server with another store";
}

std::optional<Hub::Refusal> Hub::refusal(Topic topic, const Event& event) const {
  if (auto reserved = refusal(topic)) return reserved;
  const std::string_view id = event.id.view();
  if (!event.id.returns_in_a_header()) {
    return Refusal{Reason::kUnreturnableId,
                   "id: must be UTF-8 without control characters, and must not begin or end with a blank: a client "
                   "could not send it back in Last-Event-ID"};
  }
  if (id == protocol::kEarliest || id == protocol::kLatest) {
    return Refusal{Reason::kReservedId, "id: \"" + std::string(id) + "\" is reserved"};
  }
  if (id.starts_with(protocol::kReservedPrefix)) {
    return Refusal{Reason::kReservedId, "id: IDs that begin with \"millrace.\" are reserved"};
  }
  if (id.starts_with(feed_.epoch() + '-')) {
    return Refusal{Reason::kIdOfALog, "id: IDs of the form <epoch>-<number> are reserved for the log"};
  }
  if (is_from_memory(id)) {
    return Refusal{Reason::kIdOfALog,
                   "id: logs in memory give IDs of this form, so a client could have it from before a restart; omit "
                   "it, or put a name before it, as in upstream:" +
                       std::string(id)};
  }
  if (event.type.view().starts_with(protocol::kReservedPrefix)) {
    return Refusal{Reason::kReservedType, "event: types that begin with \"millrace.\" are reserved"};
  }
  if (event.data.size() > feed_.max_event_bytes()) {
    return Refusal{Reason::kTooLarge,
                   "data: larger than the log's limit (" + std::to_string(feed_.max_event_bytes()) + " bytes)"};
  }
  return std::nullopt;
}

namespace {

std::vector<Published> all_failed(std::size_t count, Published::Outcome outcome, const std::string& sentence) {
  return {count, Published{.outcome = outcome, .sentence = sentence}};
}

std::vector<Topic> topics_of(const Publication& publication) {
  std::vector<Topic> topics{publication.topic};
  topics.insert(topics.end(), publication.further_topics.begin(), publication.further_topics.end());
  return topics;
}

// Why one batch cannot hold these publications: an ID that two of them have for some of the same topics, but not for
// all. The log looks for IDs that it had before the batch.
std::optional<std::string> conflict_within(std::span<const Publication> publications) {
  const bool is_possible =
      publications.size() > 1 && std::any_of(publications.begin(), publications.end(), [](const Publication& one) {
        return !one.further_topics.empty() && !one.event.id.empty();
      });
  if (!is_possible) return std::nullopt;
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const Publication*> first;
  for (const Publication& one : publications) {
    if (one.kind != Publication::Kind::kEvent || one.event.id.empty()) continue;
    std::vector<const Publication*> others;
    for (const Topic topic : topics_of(one)) {
      const auto [place, is_new] = first.try_emplace({one.event.id.view(), one.publisher, topic.view()}, &one);
      if (!is_new) others.push_back(place->second);
    }
    const bool is_other = std::any_of(others.begin(), others.end(), [&](const Publication* other) {
      return other != others.front() || other->topic_count() != others.size();
    });
    if (!is_other && (others.empty() || others.size() == one.topic_count())) continue;
    return "id: two events of one request have the ID \"" + std::string(one.event.id.view()) +
           "\" and only some topics in common; use another ID";
  }
  return std::nullopt;
}

}  // namespace

Published Hub::not_a_topic(std::string_view text) {
  try {
    detail::checked_topic(text);
    return {};
  } catch (const InvalidTopic& invalid) {
    return {.outcome = Published::Outcome::kRefused, .sentence = std::string("topic: ").append(invalid.what())};
  }
}

Published Hub::publish(Topic topic, const Event& event, std::string_view publisher) {
  const Publication publication{.topic = topic, .event = event, .publisher = publisher};
  return std::move(publish({&publication, 1}).front());
}

Published Hub::publish(std::span<const Topic> topics, const Event& event, std::string_view publisher) {
  if (topics.empty()) return {.outcome = Published::Outcome::kRefused, .sentence = refusal(topics)->sentence};
  const Publication publication{
      .topic = topics.front(), .further_topics = topics.subspan(1), .event = event, .publisher = publisher};
  return std::move(publish({&publication, 1}).front());
}

// Why it cannot be published, whatever the log has.
std::optional<Hub::Refusal> Hub::refusal(const Publication& publication) const {
  const bool is_event = publication.kind == Publication::Kind::kEvent;
  if (publication.further_topics.empty()) {
    return is_event ? refusal(publication.topic, publication.event) : refusal(publication.topic);
  }
  if (is_event) return refusal(topics_of(publication), publication.event);
  return Refusal{Reason::kTopics, "topic: finishing or beginning concerns one topic; publish one mark for each topic"};
}

std::vector<Published> Hub::publish(std::span<const Publication> publications) {
  for (const Publication& publication : publications) {
    const auto refused = refusal(publication);
    if (refused) return all_failed(publications.size(), Published::Outcome::kRefused, refused->sentence);
    if (publication.retain && !retains()) {
      return all_failed(publications.size(), Published::Outcome::kRefused, std::string(kRetainsNothing));
    }
    if (const auto unmet = refusal(publication.durability)) {
      return all_failed(publications.size(), Published::Outcome::kRefused, *unmet);
    }
  }
  if (const auto conflict = conflict_within(publications)) {
    return all_failed(publications.size(), Published::Outcome::kIdInUse, *conflict);
  }
  return append(publications);
}

// Those that were checked, or are Millrace's own.
std::vector<Published> Hub::append(std::span<const Publication> publications) {
  const Durability promised = durability();
  if (const auto unmet = unmet_requirement(promised)) {
    return all_failed(publications.size(), Published::Outcome::kStoreUnavailable, *unmet);
  }
  std::vector<std::uint64_t> sequences(publications.size());
  try {
    if (retained_ == nullptr) {
      append_to_feed(publications, sequences);
    } else {
      std::vector<Publication> all(publications.begin(), publications.end());
      for (Publication& one : all) {
        for (std::size_t i = 0; i < one.topic_count(); ++i) {
          one.retain = one.retain || retained_->matches(one.topic_at(i));
        }
      }
      append_to_feed(all, sequences);
    }
  } catch (const IdConflict& conflict) {
    return all_failed(publications.size(), Published::Outcome::kIdInUse, conflict.what());
  } catch (const RetentionRefused& refused) {
    return all_failed(publications.size(), Published::Outcome::kNotRetained, refused.what());
  } catch (const StoreUnavailable& unavailable) {
    return all_failed(publications.size(), Published::Outcome::kStoreUnavailable, unavailable.what());
  }
  // Where the level has changed meanwhile, only what both say is certain.
  const Durability certain = common_level(promised, durability());
  std::vector<Published> result(publications.size());
  for (std::size_t i = 0; i < publications.size(); ++i) {
    result[i].outcome = sequences[i] == 0 ? Published::Outcome::kRepeated : Published::Outcome::kPublished;
    result[i].durability = certain;
    if (publications[i].kind != Publication::Kind::kEvent) continue;
    const std::string_view own = publications[i].event.id.view();
    result[i].id = own.empty() ? feed_.id_of(sequences[i]).text() : std::string(own);
    ++(result[i].is_repeated() ? repeated_ : publishes_);
  }
  return result;
}

void Hub::append_to_feed(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (shares_ == nullptr) return feed_.append(publications, sequences);
  std::string why;
  auto reservation = shares_->reserve(publications, why);
  if (!reservation) throw RetentionRefused(why);
  feed_.append(publications, sequences);
  shares_->settle(std::move(*reservation), publications, sequences);
}

Published Hub::finish(Topic topic) {
  const Publication publication{.topic = topic, .kind = Publication::Kind::kFinish};
  return std::move(publish({&publication, 1}).front());
}

Published Hub::begin(Topic topic) {
  const Publication publication{.topic = topic, .kind = Publication::Kind::kBegin};
  return std::move(publish({&publication, 1}).front());
}

bool Hub::retains() const {
  return feed_.retains();
}

std::string Hub::cursor() const {
  return feed_.id_of(feed_.resolve({}).sequence).text();
}

Hub::Statistics Hub::statistics() const {
  const Feed::Statistics log = feed_.statistics();
  return {.publishes = publishes_,
          .repeated = repeated_,
          .evictions = log.evictions,
          .entries = log.entries,
          .bytes = log.bytes,
          .retained_topics = log.retained_topics,
          .retained_bytes = log.retained_bytes,
          .store = log.store,
          .durability = durability()};
}

std::optional<std::string> Hub::unmet_requirement(Durability promised) const {
  if (covers(promised, required_)) return std::nullopt;
  return "the store promises \"" + std::string(name_of(promised)) + "\", which does not cover the required \"" +
         std::string(name_of(required_)) + "\"";
}

std::optional<std::string> Hub::trouble() const {
  std::string reason = feed_.status().reason;
  if (reason.empty()) return unmet_requirement(durability());
  return reason;
}

}  // namespace millrace
