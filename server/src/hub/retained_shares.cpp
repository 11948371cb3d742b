#include "retained_shares.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <new>
#include <string_view>

namespace millrace {

namespace {

bool takes_share(const Publication& publication) {
  return publication.kind == Publication::Kind::kEvent && publication.retain && !publication.retained_by.empty();
}

// What it takes for one of its topics.
std::size_t cost(const Publication& publication, std::string_view topic) {
  const Event& event = publication.event;
  return topic.size() + event.data.size() + event.id.view().size() + event.type.view().size();
}

// The last of the publications for each topic, which decides whether the topic has a retained event.
std::map<std::string_view, const Publication*> last_for_topics(std::span<const Publication> publications) {
  std::map<std::string_view, const Publication*> last;
  for (const Publication& one : publications) {
    if (one.kind == Publication::Kind::kBegin) continue;
    for (std::size_t i = 0; i < one.topic_count(); ++i) last[one.topic_at(i).view()] = &one;
  }
  return last;
}

}  // namespace

RetainedShares::Reservation::~Reservation() {
  if (shares_ == nullptr || taken_.empty()) return;
  const MutexLock lock(shares_->mutex_);
  shares_->release(*this);
}

std::optional<RetainedShares::Reservation> RetainedShares::reserve(std::span<const Publication> publications,
                                                                   std::string& why) {
  Reservation reservation(this);
  if (std::none_of(publications.begin(), publications.end(), takes_share)) return reservation;
  const auto last = last_for_topics(publications);
  std::optional<std::string> refusal;
  {
    const MutexLock lock(mutex_);
    for (auto one = last.begin(); one != last.end() && !refusal; ++one) {
      if (takes_share(*one->second)) refusal = take(*one->second, one->first, reservation);
    }
  }
  if (!refusal) return reservation;
  why = std::move(*refusal);
  return std::nullopt;
}

// What replaces an event of the same publisher takes only what it is larger.
std::optional<std::string> RetainedShares::take(const Publication& publication, std::string_view topic,
                                                Reservation& reservation) {
  Holder& taker = holder(publication.retained_by);
  const auto known = topics_.find(topic);
  const bool is_own = known != topics_.end() && known->second.holder == &taker;
  const std::size_t before = is_own ? known->second.bytes : 0;
  const Amount more{.topics = is_own ? std::size_t{0} : 1,
                    .bytes = cost(publication, topic) - std::min(before, cost(publication, topic))};
  if (more.bytes > 0) {
    reservation.taken_.emplace_back(&taker, more);
    add(taker, more);
  }
  if (taker.second.topics > bounds_.topics) {
    return "retain: the server retains the newest events of " + std::to_string(bounds_.topics) +
           " topics of one publisher (" + bounds_.topics_option + "); finish topics that are over";
  }
  if (taker.second.bytes <= bounds_.bytes) return std::nullopt;
  return "retain: the event does not fit into the " + std::to_string(bounds_.bytes) +
         " bytes of retained events of one publisher (" + bounds_.bytes_option +
         "); finish topics that are over, or retain less";
}

void RetainedShares::settle(Reservation reservation, std::span<const Publication> publications,
                            std::span<const std::uint64_t> sequences) {
  if (reservation.taken_.empty() && !holds_any_) return;
  const MutexLock lock(mutex_);
  try {
    for (std::size_t i = 0; i < publications.size(); ++i) {
      if (sequences[i] != 0) settle(publications[i]);
    }
  } catch (const std::bad_alloc&) {
    // The events are in the log. Those without an entry count for nobody.
  }
  release(reservation);
  holds_any_ = !topics_.empty();
}

void RetainedShares::settle(const Publication& publication) {
  if (publication.kind == Publication::Kind::kBegin) return;
  for (std::size_t i = 0; i < publication.topic_count(); ++i) {
    const std::string_view topic = publication.topic_at(i).view();
    drop(topic);
    if (!takes_share(publication)) continue;
    Holder& taker = holder(publication.retained_by);
    const std::size_t bytes = cost(publication, topic);
    topics_.emplace(std::string(topic), Held{&taker, bytes});
    add(taker, {.topics = 1, .bytes = bytes});
  }
}

// --- Counts
// -----------------------------------------------------------------------------------------------------------

RetainedShares::Holder& RetainedShares::holder(std::string_view client) {
  const auto known = publishers_.find(client);
  return known != publishers_.end() ? *known : *publishers_.emplace(std::string(client), Amount{}).first;
}

void RetainedShares::add(Holder& holder, const Amount& amount) {
  holder.second.topics += amount.topics;
  holder.second.bytes += amount.bytes;
}

void RetainedShares::subtract(Holder& holder, const Amount& amount) {
  assert(holder.second.topics >= amount.topics && holder.second.bytes >= amount.bytes);
  holder.second.topics -= amount.topics;
  holder.second.bytes -= amount.bytes;
  if (holder.second.bytes == 0) publishers_.erase(publishers_.find(holder.first));
}

void RetainedShares::release(Reservation& reservation) {
  for (const auto& [holder, amount] : reservation.taken_) subtract(*holder, amount);
  reservation.taken_.clear();
}

void RetainedShares::drop(std::string_view topic) {
  const auto known = topics_.find(topic);
  if (known == topics_.end()) return;
  subtract(*known->second.holder, {.topics = 1, .bytes = known->second.bytes});
  topics_.erase(known);
}

}  // namespace millrace
