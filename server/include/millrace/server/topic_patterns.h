// TopicPatterns: a list of checked patterns that owns its texts, for SubscribeOptions, GuardedRoute and authorizers.
//
// The compiler checks a literal. The list's constructor checks any other text, and throws InvalidTopic if it is not a
// pattern. Code that gets a list need not check it again.
//
//   server.subscribe(request, response, {.topics = {"news/**", "rooms/" + room}});
//   if (topics != millrace::TopicPatterns{"users/" + user}) return Decision::forbidden("only your own topic");
#pragma once

#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/core/owned.h"
#include "millrace/core/topic.h"

namespace millrace {

/// A text is not a topic or pattern. The sentence begins with "topic:", quotes the text, and says what is valid; it may
/// be shown to the client that sent the text.
class InvalidTopic : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;  ///< constructed with the sentence
};

namespace detail {
/// Text other than a literal, which the compiler checks.
template <typename Text>
concept TextAtRunTime = std::is_convertible_v<const Text&, std::string_view> && !std::is_array_v<Text>;

/// A view of `text`. Throws InvalidTopic.
Topic checked_topic(std::string_view text);
/// The same for a pattern.
TopicPattern checked_pattern(std::string_view text);
}  // namespace detail

/// A list of patterns in the order given. Every topic is also a pattern.
class TopicPatterns {
 public:
  /// An element to add to a list: a literal, text, or an already checked value. A view for the duration of the call: do
  /// not store it.
  class Element {
   public:
    /// From a string literal, which the compiler checks.
    template <std::size_t kSize>
    // NOLINTNEXTLINE(google-explicit-constructor): a literal may stand for the pattern it spells.
    consteval Element(const char (&literal)[kSize]) : pattern_(literal) {}
    /// From text made at run time. Throws InvalidTopic if it is not a pattern.
    template <detail::TextAtRunTime Text>
    // NOLINTNEXTLINE(google-explicit-constructor): likewise.
    Element(const Text& text) : pattern_(detail::checked_pattern(text)) {}
    // NOLINTBEGIN(google-explicit-constructor): of what was checked before.
    /// From an already checked value.
    Element(Topic topic) : pattern_(topic) {}
    /// Likewise.
    Element(TopicPattern pattern) : pattern_(pattern) {}
    /// Likewise.
    Element(const OwnedTopic& topic) : pattern_(topic.get()) {}
    /// Likewise.
    Element(const OwnedTopicPattern& pattern) : pattern_(pattern.get()) {}
    // NOLINTEND(google-explicit-constructor)

   private:
    friend class TopicPatterns;
    TopicPattern pattern_;
  };

  /// Empty.
  TopicPatterns() = default;
  /// Copies the texts. Throws InvalidTopic as Element does.
  TopicPatterns(std::initializer_list<Element> elements);
  /// The same for texts collected at run time.
  // NOLINTNEXTLINE(google-explicit-constructor): one way for text, whether it is one or several.
  TopicPatterns(const std::vector<std::string>& texts);

  /// Appends a pattern. Throws InvalidTopic as Element does.
  void push_back(const Element& element) { patterns_.emplace_back(element.pattern_); }

  /// Whether the list is empty.
  bool empty() const { return patterns_.empty(); }
  /// The number of patterns.
  std::size_t size() const { return patterns_.size(); }
  /// The pattern at `index`, which must be less than size().
  const OwnedTopicPattern& operator[](std::size_t index) const { return patterns_[index]; }
  /// Iterates over `const OwnedTopicPattern&`.
  auto begin() const { return patterns_.begin(); }
  /// The end of the iteration.
  auto end() const { return patterns_.end(); }

  /// Compares the texts in order.
  friend bool operator==(const TopicPatterns& one, const TopicPatterns& other) {
    return one.patterns_ == other.patterns_;
  }

 private:
  std::vector<OwnedTopicPattern> patterns_;
};

}  // namespace millrace
