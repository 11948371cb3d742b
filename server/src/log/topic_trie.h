// TopicTrie: finds which of very many patterns match a topic, at a cost that does not depend on their number.
//
// It is a tree of the patterns' segments. A topic descends along its own segments and along `*`. Patterns may have `*`
// only in the first kMaxWildcardDepth segments, so a topic follows at most 2^kMaxWildcardDepth paths; far fewer if the
// patterns do not contain all combinations. A path ends where no pattern continues. Segments at which no path branches
// are one step, so a pattern takes memory for its bytes, and not for each of its segments. The caller of add() keeps
// the Entry, so that removing it is cheap, too. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
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
    for (TopicSegments rest(pattern.view()); !rest.empty();) {
      if (is_wildcard(rest.first())) {
        node = &node->wildcard(rest.next());
      } else {
        node = &node->child(literal_begin(rest));
        rest.skip(node->segments);
      }
    }
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
    if (node->is_mere_step()) node->parent->join(*node);
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
    StringMap<std::unique_ptr<Node>> named;  // by the first of their segments
    std::unique_ptr<Node> any;               // *
    std::unique_ptr<Node> rest;              // **
  };

  struct Node {
    Node* parent = nullptr;
    Entry* first = nullptr;  // list of the entries whose patterns end here
    std::unique_ptr<Below> below;
    std::string segments = {};  // that lead here from the parent, joined by slashes; none contains `*`

    // The child along `way`, segments without wildcards: along all of them if it is new, otherwise along those that it
    // shares with another.
    Node& child(std::string_view way) {
      if (below == nullptr) below = std::make_unique<Below>();
      if (const auto known = below->named.find(first_of(way)); known != below->named.end()) {
        const std::size_t shared = shared_begin(known->second->segments, way);
        if (shared < known->second->segments.size()) split(known->second, shared);
        return *known->second;
      }
      auto made = std::make_unique<Node>();
      made->parent = this;
      made->segments = way;
      return *below->named.emplace(first_of(way), std::move(made)).first->second;
    }
    Node& wildcard(std::string_view segment) {
      if (below == nullptr) below = std::make_unique<Below>();
      std::unique_ptr<Node>& place = segment == "*" ? below->any : below->rest;
      if (place == nullptr) {
        place = std::make_unique<Node>();
        place->parent = this;
      }
      return *place;
    }

    // Puts a node between this one and its child, after so many bytes of the segments in between.
    void split(std::unique_ptr<Node>& place, std::size_t bytes) {
      auto between = std::make_unique<Node>();
      between->parent = this;
      between->segments = place->segments.substr(0, bytes);
      between->below = std::make_unique<Below>();
      const std::string_view rest = std::string_view(place->segments).substr(bytes + 1);
      std::unique_ptr<Node>& after = between->below->named[std::string(first_of(rest))];
      place->segments.erase(0, bytes + 1);
      place->parent = between.get();
      after = std::move(place);
      place = std::move(between);
    }

    // Whether no pattern ends here, and no path branches.
    bool is_mere_step() const {
      return parent != nullptr && this != parent->below->any.get() && first == nullptr && below->named.size() == 1 &&
             below->any == nullptr && below->rest == nullptr;
    }
    // Puts the only child of a mere step into its place. Without memory for that, the tree is right, too.
    void join(Node& step) {
      Node& only = *step.below->named.begin()->second;
      try {
        only.segments.insert(0, step.segments + '/');
      } catch (const std::bad_alloc&) {
        return;
      }
      only.parent = this;
      std::unique_ptr<Node> kept = std::move(step.below->named.begin()->second);
      below->named.find(first_of(step.segments))->second = std::move(kept);
    }

    void remove(Node& gone) {
      if (&gone == below->any.get()) {
        below->any.reset();
      } else if (&gone == below->rest.get()) {
        below->rest.reset();
      } else {
        below->named.erase(below->named.find(first_of(gone.segments)));
      }
      if (below->named.empty() && below->any == nullptr && below->rest == nullptr) below.reset();
    }
  };

  static bool is_wildcard(std::string_view segment) { return segment == "*" || segment == "**"; }

  static std::string_view first_of(std::string_view segments) { return TopicSegments(segments).first(); }

  // The segments before the next wildcard.
  static std::string_view literal_begin(TopicSegments rest) {
    const std::string_view text = rest.text();
    std::size_t bytes = 0;
    while (!rest.empty() && !is_wildcard(rest.first())) {
      const std::string_view segment = rest.next();
      bytes = static_cast<std::size_t>(segment.data() + segment.size() - text.data());
    }
    return text.substr(0, bytes);
  }

  // The bytes of the segments with which both begin; they have the first one in common.
  static std::size_t shared_begin(std::string_view one, std::string_view other) {
    const std::size_t most = std::min(one.size(), other.size());
    const auto end = std::mismatch(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(most), other.begin()).first;
    const auto equal = static_cast<std::size_t>(end - one.begin());
    const auto is_whole = [equal](std::string_view text) { return text.size() == equal || text[equal] == '/'; };
    return is_whole(one) && is_whole(other) ? equal : one.rfind('/', equal - 1);
  }

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
      if (takes_wildcards && below.any != nullptr && goes_on) {
        TopicSegments after = rest;
        after.next();
        descend(*below.any, after, true, steps, goes_on, found);
      }
      if (!goes_on || below.named.empty()) return;
      const auto named = below.named.find(rest.first());
      if (named == below.named.end() || !rest.skip(named->second->segments)) return;
      node = named->second.get();
      takes_wildcards = true;
    }
  }

  Node root_;
};

}  // namespace millrace
