// TopicTrie: finds which of very many patterns match a topic, at a cost that does not depend on their number.
//
// It is a tree of the patterns' segments. A topic descends along its own segment and along `*`. Patterns may have `*`
// only in the first kMaxWildcardDepth segments, so a topic follows at most 2^kMaxWildcardDepth paths; far fewer if the
// patterns do not contain all combinations. A path ends where no pattern continues. The caller of add() keeps the
// Entry, so that removing it is cheap, too. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/string_map.h"
#include "millrace/core/topic.h"
#include "millrace/core/topic_segments.h"

namespace millrace {

template <typename Owner>
class TopicTrie {
  struct Node;

 public:
  /// One pattern of an owner. Must not move between add() and remove().
  class Entry {
   private:
    friend class TopicTrie;
    Owner* owner_ = nullptr;
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    Node* node_ = nullptr;
  };

  TopicTrie() = default;
  TopicTrie(const TopicTrie&) = delete;
  TopicTrie& operator=(const TopicTrie&) = delete;

  void add(TopicPattern pattern, Owner& owner, Entry& entry) {
    Node* node = &root_;
    for (TopicSegments rest(pattern.view()); !rest.empty();) node = &node->child(rest.take());
    entry.owner_ = &owner;
    entry.node_ = node;
    entry.previous_ = nullptr;
    entry.next_ = std::exchange(node->first, &entry);
    if (entry.next_ != nullptr) entry.next_->previous_ = &entry;
  }

  void remove(Entry& entry) {
    (entry.previous_ != nullptr ? entry.previous_->next_ : entry.node_->first) = entry.next_;
    if (entry.next_ != nullptr) entry.next_->previous_ = entry.previous_;
    Node* node = std::exchange(entry.node_, nullptr);
    while (node->parent != nullptr && node->first == nullptr && node->below == nullptr) {
      Node* const parent = node->parent;
      parent->remove(*node);
      node = parent;
    }
  }

  /// Calls `found(owner)` for every matching pattern, so perhaps several times for the same owner, until it returns
  /// false. Returns the number of steps.
  template <typename Found>
  std::size_t match(Topic topic, const Found& found) const {
    std::size_t steps = 0;
    bool goes_on = true;
    descend(root_, TopicSegments(topic.view()), !topic.is_reserved(), steps, goes_on, found);
    return steps;
  }

  bool empty() const { return root_.first == nullptr && root_.below == nullptr; }

 private:
  // The children of a node. Most nodes end a pattern and have none.
  struct Below {
    StringMap<Node> named;
    std::unique_ptr<Node> any;   // *
    std::unique_ptr<Node> rest;  // **
  };

  struct Node {
    Node* parent = nullptr;
    Entry* first = nullptr;  // list of the entries whose patterns end here
    std::unique_ptr<Below> below;
    std::string_view name = {};  // the key in the parent's map

    Node& child(std::string_view segment) {
      if (below == nullptr) below = std::make_unique<Below>();
      if (segment == "*") return made(below->any);
      if (segment == "**") return made(below->rest);
      auto found = below->named.find(segment);
      if (found == below->named.end()) {
        found = below->named.try_emplace(std::string(segment)).first;
        found->second.parent = this;
        found->second.name = found->first;
      }
      return found->second;
    }
    Node& made(std::unique_ptr<Node>& place) {
      if (place == nullptr) {
        place = std::make_unique<Node>();
        place->parent = this;
      }
      return *place;
    }
    void remove(Node& gone) {
      if (&gone == below->any.get()) {
        below->any.reset();
      } else if (&gone == below->rest.get()) {
        below->rest.reset();
      } else {
        below->named.erase(below->named.find(gone.name));
      }
      if (below->named.empty() && below->any == nullptr && below->rest == nullptr) below.reset();
    }
  };

  template <typename Found>
  static void tell(const Node& node, bool& goes_on, const Found& found) {
    for (const Entry* entry = node.first; entry != nullptr && goes_on; entry = entry->next_) {
      goes_on = found(*entry->owner_);
    }
  }

  // `takes_wildcards`: false before the first segment of a reserved topic. Recurses only for `*`, which bounds the
  // depth.
  template <typename Found>
  static void descend(const Node& from, TopicSegments rest, bool takes_wildcards, std::size_t& steps, bool& goes_on,
                      const Found& found) {
    const Node* node = &from;
    while (true) {
      ++steps;
      if (rest.empty()) return tell(*node, goes_on, found);
      if (node->below == nullptr || !goes_on) return;
      const Below& below = *node->below;
      if (takes_wildcards && below.rest != nullptr) tell(*below.rest, goes_on, found);
      const std::string_view segment = rest.take();
      if (takes_wildcards && below.any != nullptr && goes_on) descend(*below.any, rest, true, steps, goes_on, found);
      if (!goes_on || below.named.empty()) return;
      const auto named = below.named.find(segment);
      if (named == below.named.end()) return;
      node = &named->second;
      takes_wildcards = true;
    }
  }

  Node root_;
};

}  // namespace millrace
