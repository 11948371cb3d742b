// Topic: what events are published to. TopicPattern: what clients subscribe to.
//
// A topic is one or more segments separated by `/`: `stocks/nasdaq/ACME`. A segment may be empty, so a URL is a topic:
// `https://example.com/books/1`. In a pattern `*` stands for exactly one segment, and a final `**` for one or more:
// `stocks/*/ACME`, `stocks/**`, `**`. Both are checked views, like EventId: a literal is checked by the compiler,
// anything else by parse(). The text must outlive them, so parse() refuses a temporary string: what is put together at
// run time, or kept, is an OwnedTopic or OwnedTopicPattern. [owned.h]
//
// A `*` may stand in the first kMaxWildcardDepth segments of a pattern. This bounds the cost of matching a topic
// against any number of patterns: see TopicTrie.
//
// Topics whose first segment begins with `millrace.` are reserved. A wildcard in the first segment does not match them:
// a client that subscribes to everything does not get what the server reports about its users.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "millrace/core/field_value.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace detail {
constexpr bool is_topic(std::string_view text, bool pattern);
inline void topic_is_empty_too_long_or_malformed() {}  // not constexpr: stops the compiler, with its name
}  // namespace detail

/// A topic: 1 to kMaxTopicBytes of UTF-8, no control character, no `*`.
class Topic {
 public:
  /// From a string literal, checked while compiling.
  template <std::size_t kSize>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal may stand for the topic it spells.
  consteval Topic(const char (&literal)[kSize]) : text_(literal, kSize - 1) {
    if (!detail::is_topic(text_, false)) detail::topic_is_empty_too_long_or_malformed();
  }
  /// Nothing if `text` is not a topic.
  static std::optional<Topic> parse(std::string_view text);
  template <detail::TemporaryString Text>
  static std::optional<Topic> parse(Text&& write_OwnedTopic_parse_instead) = delete;
  /// The text that it is a view of.
  constexpr std::string_view view() const { return text_; }

  /// Whether it is reserved: only the server publishes to it.
  constexpr bool is_reserved() const { return text_.starts_with(protocol::kReservedPrefix); }

 private:
  friend class Owned<Topic>;
  friend class OwnedList<Topic>;
  friend class TopicPattern;
  struct Checked {
    std::string_view text;
  };
  constexpr explicit Topic(Checked checked) : text_(checked.text) {}
  std::string_view text_;
};

/// A topic in which any of the first kMaxWildcardDepth segments may be `*`, and the last one `**`.
class TopicPattern {
 public:
  /// From a string literal, checked while compiling.
  template <std::size_t kSize>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal may stand for the pattern it spells.
  consteval TopicPattern(const char (&literal)[kSize]) : text_(literal, kSize - 1) {
    if (!detail::is_topic(text_, true)) detail::topic_is_empty_too_long_or_malformed();
  }
  /// Nothing if `text` is not a pattern. Every topic is one.
  static std::optional<TopicPattern> parse(std::string_view text);
  template <detail::TemporaryString Text>
  static std::optional<TopicPattern> parse(Text&& write_OwnedTopicPattern_parse_instead) = delete;
  /// Matches that topic alone.
  // NOLINTNEXTLINE(google-explicit-constructor): every topic is a pattern.
  constexpr TopicPattern(Topic topic) : text_(topic.view()) {}
  /// The text that it is a view of.
  constexpr std::string_view view() const { return text_; }

  /// Whether the pattern matches the topic. Linear in the length of the two.
  bool matches(Topic topic) const;

  /// Whether this pattern matches every topic that `other` matches. Linear in the length of the two.
  bool covers(TopicPattern other) const;

  /// The pattern as a topic; nothing if it has `*` or `**`.
  std::optional<Topic> literal() const;
  /// Whether it has neither `*` nor `**`.
  bool is_literal() const { return literal().has_value(); }

  /// Whether it matches reserved topics; if so, it matches no others.
  constexpr bool is_reserved() const { return text_.starts_with(protocol::kReservedPrefix); }

 private:
  friend class Owned<TopicPattern>;
  friend class OwnedList<TopicPattern>;
  struct Checked {
    std::string_view text;
  };
  constexpr explicit TopicPattern(Checked checked) : text_(checked.text) {}
  std::string_view text_;
};

namespace detail {

// Checks only the form. parse() checks that the bytes are UTF-8 (the compiler checks a literal).
constexpr bool is_topic(std::string_view text, bool pattern) {
  if (text.empty() || text.size() > kMaxTopicBytes) return false;
  std::size_t begin = 0;
  for (std::size_t depth = 1;; ++depth) {
    const std::size_t slash = text.find('/', begin);
    const bool last = slash == std::string_view::npos;
    const std::string_view segment = text.substr(begin, last ? std::string_view::npos : slash - begin);
    const bool wildcard = pattern && ((segment == "*" && depth <= kMaxWildcardDepth) || (last && segment == "**"));
    for (const char c : segment) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f || (c == '*' && !wildcard)) return false;
    }
    if (last) return true;
    begin = slash + 1;
  }
}

}  // namespace detail

}  // namespace millrace
