// IdIndex: finds events in memory by publisher's ID, topic and publisher; it holds the newest event of each such key.
//
// It owns no text, so a frame must exist until it is erased from the index. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "frame.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

class IdIndex {
 public:
  /// Inserts the frame under each of its topics; replaces older events with the same keys.
  void insert(const Frame& frame);
  /// Erases the frame under its topic with this index, unless a newer event has replaced it.
  void erase(const Frame& frame, std::uint8_t topic);

  /// The sequence of this publisher's event in this topic.
  std::optional<std::uint64_t> find(std::string_view id, std::string_view topic, std::string_view publisher) const;
  /// As EventLog::find().
  std::optional<std::uint64_t> find(std::string_view id, const TopicFilter& filter) const;

 private:
  struct Key {
    std::uint32_t hash;  // of the ID; compared first, which mostly decides
    std::string_view id;
    std::string_view topic;
    std::string_view publisher;
  };
  struct Entry {
    std::uint32_t hash;
    mutable std::uint8_t topic;  // index of the frame's topic
    mutable const Frame* frame;
  };
  struct Less {
    using is_transparent = void;
    static Key key(const Entry& entry);
    static const Key& key(const Key& key) { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      if (a.hash != b.hash) return a.hash < b.hash;
      return is_less(key(a), key(b));
    }
    static bool is_less(const Key& a, const Key& b);
  };

  static std::uint32_t hash(std::string_view id);

  std::set<Entry, Less> entries_;
};

}  // namespace millrace
