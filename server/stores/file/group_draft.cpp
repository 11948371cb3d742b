#include "group_draft.h"

#include <algorithm>
#include <utility>

#include "log/id_conflict.h"
#include "log/retention.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;

}  // namespace

GroupDraft::GroupDraft(const FileIndex& index, const std::string& epoch, const StoreBounds& bounds)
    : index_(index),
      epoch_(epoch),
      bounds_(bounds),
      head_(index.head()),
      retained_topics_(index.retained_topics()),
      retained_bytes_(index.retained_bytes()) {}

void GroupDraft::add(Contribution& contribution, std::chrono::system_clock::time_point published) {
  const auto find = [this](const Publication& one, Topic topic) { return published_as(one, topic); };
  contribution.conflict = id_conflict(contribution.publications, find);
  if (contribution.conflict) return;
  contribution.refusal = refusal(contribution.publications);
  if (contribution.refusal) return;
  for (std::size_t i = 0; i < contribution.publications.size(); ++i) {
    const Publication& publication = contribution.publications[i];
    contribution.sequences[i] = 0;
    if (!is_new(publication)) continue;
    append(LogEntry::of(epoch_, head_ + 1, publication, published), publication.retain);
    contribution.sequences[i] = head_;
    for (std::size_t t = 0; t < publication.topic_count(); ++t) {
      TopicState& topic = state(publication.topic_at(t));
      if (publication.kind != Kind::kBegin && topic.retained != 0) {
        --retained_topics_;
        retained_bytes_ -= topic.retained_cost;
        topic.retained = 0;
      }
      topic.add(head_, publication.kind);
      if (publication.kind != Kind::kEvent || !publication.retain) continue;
      topic.retained = head_;
      topic.retained_cost = retained_cost(entries_.back());
      ++retained_topics_;
      retained_bytes_ += topic.retained_cost;
    }
  }
}

void GroupDraft::append(LogEntry entry, bool is_retained) {
  is_retained_.push_back(is_retained && entry.kind == Kind::kEvent);
  for (std::size_t i = 0; !entry.publisher_id.empty() && i < entry.topic_count(); ++i) {
    holders_[{entry.publisher_id, entry.topic_at(i).text(), entry.publisher_key}] = entry.sequence;
  }
  head_ = entry.sequence;
  entries_.push_back(std::move(entry));
}

TopicState& GroupDraft::state(Topic topic) {
  const auto [place, is_first] = topics_.try_emplace(topic.view());
  if (is_first) {
    if (const TopicState* known = index_.state_of(topic.view())) place->second = *known;
  }
  return place->second;
}

bool GroupDraft::is_new(const Publication& publication) {
  if (publication.kind != Kind::kEvent) {
    return state(publication.topic).is_finished() == (publication.kind == Kind::kBegin);
  }
  if (publication.event.id.empty()) return true;
  for (std::size_t i = 0; i < publication.topic_count(); ++i) {
    if (!published_as(publication, publication.topic_at(i))) return true;
  }
  return false;
}

// The publisher's event with this ID in the topic, published since the topic began.
std::optional<std::uint64_t> GroupDraft::published_as(const Publication& publication, Topic topic) {
  const std::string_view id = publication.event.id.view();
  if (id.empty()) return std::nullopt;
  const std::string key = publisher_key(publication.publisher);
  const auto own = holders_.find({std::string(id), std::string(topic.view()), key});
  const auto found = own != holders_.end() ? std::optional(own->second) : index_.holder(id, topic.view(), key);
  return found && *found >= state(topic).begun ? found : std::nullopt;
}

std::optional<std::string> GroupDraft::refusal(std::span<const Publication> publications) {
  if (std::none_of(publications.begin(), publications.end(), [](const Publication& one) { return one.retain; })) {
    return std::nullopt;
  }
  RetentionCheck check(retained_topics_, retained_bytes_,
                       {.topics = bounds_.retained_topics, .bytes = bounds_.retained_bytes});
  for (const Publication& publication : publications) {
    if (!is_new(publication)) continue;
    const auto own = [&] { return retained_cost(LogEntry::of(epoch_, head_ + 1, publication, {})); };
    const auto before = [&](Topic topic) {
      const TopicState& known = state(topic);
      return known.retained != 0 ? known.retained_cost : 0;
    };
    if (auto refusal = check.add(publication, own, before)) return refusal;
  }
  return std::nullopt;
}

}  // namespace millrace
