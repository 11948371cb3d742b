#include "stored_log.h"

#include <algorithm>
#include <utility>

#include "event_log.h"
#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

bool is_epoch(std::string_view text) {
  return !text.empty() && text.size() <= EventStore::kMaxEpochBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

StoredLog::StoredLog(std::shared_ptr<EventStore> store) : store_(std::move(store)), epoch_(store_->epoch()) {
  if (is_epoch(epoch_)) return;
  throw InvalidOption("ServerOptions::store", "its epoch() must be 1 to " + std::to_string(EventStore::kMaxEpochBytes) +
                                                  " letters and digits; new_store_epoch() makes one");
}

EventLog::Page StoredLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return page_of(store_->read_after(sequence, filter));
}

EventLog::Page StoredLog::read_newest(const Place& place, const TopicFilter& filter) const {
  const auto topics = place.reads == Place::Reads::kState ? EventStore::Topics::kGoingOn : EventStore::Topics::kAll;
  return page_of(store_->read_newest(place.sequence, std::min(place.until, head()), filter, topics));
}

EventLog::Page StoredLog::page_of(const EventStore::Page& read) const {
  Page page{.frames = {}, .through = read.through, .oldest = read.oldest};
  page.frames.reserve(read.entries.size());
  for (const LogEntry& entry : read.entries) page.frames.push_back(frame_of(epoch_, entry, {}));
  page.work = kWorkPerFrame * page.frames.size();
  return page;
}

}  // namespace millrace
