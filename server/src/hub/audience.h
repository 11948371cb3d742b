// Audience: what the subscriptions of a server listen to, to know of a topic whether anybody does. One thread.
#pragma once

#include <cstddef>
#include <memory>

#include "base/string_map.h"
#include "log/topic_trie.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

class Audience {
 public:
  void add(const TopicFilter& filter);
  /// What was added before.
  void remove(const TopicFilter& filter);
  bool listens_to(Topic topic) const;

 private:
  struct Listened {
    std::size_t subscriptions = 0;
    TopicTrie<Listened>::Entry entry;
  };

  StringMap<std::unique_ptr<Listened>> patterns_;
  TopicTrie<Listened> tree_;
};

}  // namespace millrace
