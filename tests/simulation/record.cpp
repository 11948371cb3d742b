#include "record.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "log/event_log.h"

namespace millrace::simulation {

std::string data_of(std::uint64_t number, std::size_t size) {
  std::string data = std::to_string(number);
  constexpr std::string_view kFillers[] = {" plain", "\nid: forged", "\n\ndata: forged", " \xc3\xa9\xf0\x9f\xa6\x80",
                                           ":\n"};
  for (std::uint64_t i = number; data.size() < size; ++i) data.append(kFillers[i % std::size(kFillers)]);
  return data;
}

namespace {

// `Of`: Frame or LogEntry.
template <typename Of>
std::vector<std::string> topics_of(const Of& entry) {
  std::vector<std::string> topics;
  for (std::size_t i = 0; i < entry.topic_count(); ++i) topics.push_back(entry.topic_at(i).text());
  return topics;
}

}  // namespace

void Record::begin_life(const std::string& epoch, test::LoneHub& hub, const SimulatedDisk* disk) {
  disk_ = disk;
  lives_[epoch] = life_begin_.size();
  life_begin_.push_back(entries_.size());
  checked_ = entries_.size();
  newest_.clear();
  finished_.clear();
  hub_ = &hub;
  hub.attach(*this);
}

void Record::resume_life(test::LoneHub& hub) {
  hub_ = &hub;
  hub.attach(*this);
  const std::uint64_t known = entries_.size() - life_begin_.back();
  if (disk_->head < known) throw Broken("a delivered entry was lost with the process");
  for (const LogEntry& stored : disk_->entries) {
    if (stored.sequence <= known) {
      compare(entries_[place_of(stored.sequence) - 1], stored);
    } else if (expected_ && stored.sequence == known + 1) {
      add(stored.sequence, topics_of(stored));
      frames_.emplace_back();
      compare(entries_.back(), stored);
    } else {
      throw Broken("entry " + std::to_string(place_of(stored.sequence) - 1) + " is on the disk, though it was refused");
    }
  }
}

void Record::compare(const Entry& entry, const LogEntry& stored) const {
  const bool is_event = entry.kind == Entry::Kind::kEvent;
  const std::string own = millrace::id_of(disk_->epoch, stored.sequence).text();
  const std::string& id = stored.publisher_id.empty() ? own : stored.publisher_id;
  const bool is_same = entry.topics == topics_of(stored) && entry.sequence == stored.sequence &&
                       is_event == (stored.kind == Publication::Kind::kEvent) && (!is_event || entry.id == id);
  if (!is_same) throw Broken("the disk has another entry " + std::to_string(stored.sequence) + " than was delivered");
}

void Record::check() const {
  if (!violation_.empty()) throw Broken(violation_);
}

void Record::expect(std::string type, std::string id, std::size_t size, bool is_retained) {
  expected_ = Entry{.kind = Entry::Kind::kEvent,
                    .type = std::move(type),
                    .id = std::move(id),
                    .size = size,
                    .is_retained = is_retained};
}

void Record::expect_mark(Entry::Kind kind) {
  expected_ = Entry{.kind = kind, .type = {}, .id = {}};
}

void Record::post(const FramePtr& frame) {
  if (frame->sequence != entries_.size() - life_begin_.back() + 1) violation_ = "the log's sequence has a hole";
  if (!expected_) {
    violation_ = "an entry was delivered that was refused, or that nobody has published";
  } else if (frame->finishes_topic != (expected_->kind == Entry::Kind::kFinish)) {
    violation_ = "an entry of another kind";
  }
  if (!violation_.empty()) return;
  add(frame->sequence, topics_of(*frame));
  frames_.push_back(frame);
}

void Record::add(std::uint64_t sequence, std::vector<std::string> topics) {
  Entry entry = *expected_;
  entry.life = life_begin_.size() - 1;
  entry.sequence = sequence;
  entry.topics = std::move(topics);
  if (entry.kind == Entry::Kind::kEvent) {
    if (entry.id.empty()) {
      entry.id = hub_->id_of(sequence).text();
    } else {
      publisher_ids_[entry.id] = entries_.size();
    }
  }
  for (const std::string& topic : entry.topics) {
    if (entry.kind == Entry::Kind::kEvent) newest_[topic] = entries_.size();
    if (entry.kind == Entry::Kind::kFinish) finished_[topic] = entries_.size();
  }
  entries_.push_back(std::move(entry));
  expected_.reset();
}

bool Record::has_newer(std::uint64_t number, const std::string& topic) const {
  return number < life_begin_.back() || newest_.at(topic) != number;
}

bool Record::is_finished_after(std::uint64_t number, const std::string& topic, std::uint64_t until) const {
  const auto finish = finished_.find(topic);
  return finish != finished_.end() && finish->second > number && finish->second < until;
}

bool Record::is_held(std::uint64_t number, const OfTopic& counts) const {
  if (number < life_begin_.back()) return false;
  if (number >= oldest()) return true;
  const Entry& entry = entries_[number];
  return entry.is_retained && std::any_of(entry.topics.begin(), entry.topics.end(), [&](const std::string& topic) {
           return counts(topic) && !has_newer(number, topic) && !is_finished_after(number, topic);
         });
}

std::vector<std::uint64_t> Record::newest_of(const TopicFilter& filter, bool is_state) const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [topic, number] : newest_) {
    if (!filter.matches(*Topic::parse(topic))) continue;
    if (!is_held(number, [&](const std::string& one) { return one == topic; })) continue;
    if (!is_state || !is_finished_after(number, topic)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());  // an event of several topics comes once
  return numbers;
}

std::size_t Record::retained_topics() const {
  std::size_t count = 0;
  for (const auto& [topic, number] : newest_) {
    count += entries_[number].is_retained && !is_finished_after(number, topic) ? 1 : 0;
  }
  return count;
}

std::optional<std::uint64_t> Record::place_of(std::string_view id) const {
  if (const auto found = publisher_ids_.find(id); found != publisher_ids_.end()) return found->second + 1;
  const std::size_t dash = id.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto life = lives_.find(id.substr(0, dash));
  if (life == lives_.end()) return std::nullopt;
  std::uint64_t sequence = 0;
  std::from_chars(id.data() + dash + 1, id.data() + id.size(), sequence);
  return life_begin_[life->second] + sequence;
}

bool Record::is_known(std::string_view id, const OfTopic& is_asked) const {
  // A publisher's ID goes with its event; the log's own say where it is even so.
  if (const auto found = of_publisher(id)) {
    const std::vector<std::string>& topics = entries_[*found].topics;
    return std::any_of(topics.begin(), topics.end(), is_asked) && is_held(*found, is_asked);
  }
  const auto place = place_of(id);
  const auto life = lives_.find(id.substr(0, id.rfind('-')));
  return place && life->second == life_begin_.size() - 1 && *place >= oldest();
}

std::optional<std::uint64_t> Record::of_publisher(std::string_view id) const {
  const auto found = publisher_ids_.find(id);
  return found != publisher_ids_.end() ? std::optional(found->second) : std::nullopt;
}

std::uint64_t Record::place_of(std::uint64_t sequence) const {
  return life_begin_.back() + sequence;
}

std::size_t Record::frames_held() {
  const std::uint64_t oldest_now = oldest_in_memory();
  for (; checked_ < oldest_now; ++checked_) held_.push_back(frames_[checked_]);
  std::erase_if(held_, [](const auto& frame) { return frame.expired(); });
  return held_.size();
}

}  // namespace millrace::simulation
