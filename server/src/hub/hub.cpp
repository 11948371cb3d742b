#include "millrace/server/hub.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "log/event_log.h"
#include "log/feed.h"
#include "millrace/core/protocol.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

Hub::Hub(Feed& feed, const TopicPatterns& retained, Durability required) : feed_(feed), required_(required) {
  if (retained.size() > 0)
    retained_ = std::make_unique<const TopicFilter>(std::vector<TopicPattern>(retained.begin(), retained.end()));
}

Hub::~Hub() = default;

using Refusal = Hub::Refusal;
using Reason = Refusal::Reason;

std::optional<Refusal> Hub::refusal(Topic topic) {
  if (!topic.is_reserved()) return std::nullopt;
  return Refusal{Reason::kReservedTopic, "topic: topics that begin with \"millrace.\" are reserved"};
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

std::optional<Refusal> Hub::refusal(Topic topic, const Event& event) const {
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

std::vector<Published> Hub::publish(std::span<const Publication> publications) {
  for (const Publication& publication : publications) {
    const bool is_event = publication.kind == Publication::Kind::kEvent;
    const auto refused = is_event ? refusal(publication.topic, publication.event) : refusal(publication.topic);
    if (refused) return all_failed(publications.size(), Published::Outcome::kRefused, refused->sentence);
    if (publication.retain && !retains()) {
      return all_failed(publications.size(), Published::Outcome::kRefused, std::string(kRetainsNothing));
    }
    if (const auto unmet = refusal(publication.durability)) {
      return all_failed(publications.size(), Published::Outcome::kRefused, *unmet);
    }
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
      feed_.append(publications, sequences);
    } else {
      std::vector<Publication> all(publications.begin(), publications.end());
      for (Publication& one : all) one.retain = one.retain || retained_->matches(one.topic);
      feed_.append(all, sequences);
    }
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
