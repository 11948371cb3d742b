// GroupDraft: the entries of a group before they are written, and what they change for the publications after them. The
// index has nothing of it until they are on the disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/string_map.h"
#include "file_index.h"
#include "stores/common/group_commit.h"

namespace millrace {

class GroupDraft {
 public:
  /// The arguments, and the publications, must outlive it. The index must not change.
  GroupDraft(const FileIndex& index, const std::string& epoch, const StoreBounds& bounds);

  /// Gives the publications their sequences, or the contribution its conflict or refusal.
  void add(Contribution& contribution, std::chrono::system_clock::time_point published);

  std::vector<LogEntry>& entries() { return entries_; }
  bool is_retained(std::size_t entry) const { return is_retained_[entry]; }

 private:
  TopicState& state(Topic topic);
  bool is_new(const Publication& publication);
  std::optional<std::uint64_t> published_as(const Publication& publication, Topic topic);
  std::optional<std::string> refusal(std::span<const Publication> publications);
  void append(LogEntry entry, bool is_retained);

  const FileIndex& index_;
  const std::string& epoch_;
  const StoreBounds& bounds_;
  std::uint64_t head_;
  std::size_t retained_topics_;
  std::size_t retained_bytes_;
  std::unordered_map<std::string_view, TopicState, StringHash> topics_;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> holders_;  // ID, topic, publisher's key
  std::vector<LogEntry> entries_;
  std::vector<bool> is_retained_;
};

}  // namespace millrace
