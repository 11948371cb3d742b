// TopicPatterns: a list of checked patterns that owns its texts; what SubscribeOptions, GuardedRoute and authorizers
// have.
//
// A literal is checked by the compiler. Any other text is checked when the list is made, which throws InvalidTopic if
// it is not a pattern. Code that gets a list need not check it again.
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

/// A text is not a topic, or not a pattern: a sentence that begins with "topic:", quotes the text, and says what would
/// be one. It can be shown to whoever has sent the text.
class InvalidTopic : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;  ///< with the sentence
};

namespace detail {
/// Text that is not a literal, which the compiler checks.
template <typename Text>
concept TextAtRunTime = std::is_convertible_v<const Text&, std::string_view> && !std::is_array_v<Text>;

/// A view of `text`. Throws InvalidTopic.
Topic checked_topic(std::string_view text);
/// The same for a pattern.
TopicPattern checked_pattern(std::string_view text);
}  // namespace detail

/// A list of patterns, in the order in which they were given. Every topic is a pattern, too.
class TopicPatterns {
 public:
  /// What a list is made of: a literal, text, or something checked before. A view for the time of the call: nothing to
  /// keep.
  class Element {
   public:
    /// From a string literal, checked while compiling.
    template <std::size_t kSize>
    // NOLINTNEXTLINE(google-explicit-constructor): a literal may stand for the pattern it spells.
    consteval Element(const char (&literal)[kSize]) : pattern_(literal) {}
    /// From text that is made at run time. Throws InvalidTopic if it is not a pattern.
    template <detail::TextAtRunTime Text>
    // NOLINTNEXTLINE(google-explicit-constructor): likewise.
    Element(const Text& text) : pattern_(detail::checked_pattern(text)) {}
    // NOLINTBEGIN(google-explicit-constructor): of what was checked before.
    /// From something that was checked before.
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
  /// The same for texts that were collected at run time.
  // NOLINTNEXTLINE(google-explicit-constructor): one way for text, whether it is one or several.
  TopicPatterns(const std::vector<std::string>& texts);

  /// Appends one. Throws InvalidTopic as Element does.
  void push_back(const Element& element) { patterns_.emplace_back(element.pattern_); }

  /// Whether there are none.
  bool empty() const { return patterns_.empty(); }
  /// How many there are.
  std::size_t size() const { return patterns_.size(); }
  /// One of them; `index` must be less than size().
  const OwnedTopicPattern& operator[](std::size_t index) const { return patterns_[index]; }
  /// The first, a `const OwnedTopicPattern&` to iterators.
  auto begin() const { return patterns_.begin(); }
  /// Behind the last.
  auto end() const { return patterns_.end(); }

  /// Compares the texts, in order.
  friend bool operator==(const TopicPatterns& one, const TopicPatterns& other) {
    return one.patterns_ == other.patterns_;
  }

 private:
  std::vector<OwnedTopicPattern> patterns_;
};

}  // namespace millrace
