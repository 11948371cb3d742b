// EventId and EventType: field values that are safe to write, by construction.
//
// A CR, LF or NUL in `id` or `event` would let a value inject fields into the stream (CWE-93). Both types refuse them
// when they are made, so that code that has one can write it without another check. Both are views: the text must
// outlive them, so parse() refuses a temporary string. To keep a value, use OwnedEventId or OwnedEventType. [owned.h]
//
//   EventType type = "created";                               // a literal is checked by the compiler
//   if (auto id = EventId::parse(from_outside)) use(*id);     // anything else is checked here
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "millrace/core/limits.h"

namespace millrace {

template <typename View>
class Owned;
template <typename View>
class OwnedList;

namespace detail {

/// A string that is destroyed at the end of the statement: a view of it would point to freed memory.
template <typename Text>
concept TemporaryString = !std::is_reference_v<Text> && std::is_same_v<std::remove_cv_t<Text>, std::string>;

/// Whether `text` can be the value of a field of an event stream: no CR, LF or NUL, and at most `max_bytes` long.
constexpr bool is_field_value(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) return false;
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
  }
  return true;
}

// Deliberately not constexpr: reaching it while a literal is checked stops the compiler, with this name in its message.
inline void field_value_has_cr_lf_nul_or_is_too_long() {}

}  // namespace detail

/// A checked value of the `id` field. Empty: the event carries no ID.
class EventId {
 public:
  /// Empty.
  constexpr EventId() = default;

  /// From a string literal, which the compiler checks.
  template <std::size_t kSize>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal may stand for the ID it spells.
  consteval EventId(const char (&literal)[kSize]) : text_(literal, kSize - 1) {
    if (!detail::is_field_value(text_, kMaxEventIdBytes)) detail::field_value_has_cr_lf_nul_or_is_too_long();
  }

  /// Nothing if `text` holds CR, LF or NUL or is longer than kMaxEventIdBytes. [WHATWG 9.2.6: `id`]
  static constexpr std::optional<EventId> parse(std::string_view text) {
    if (!detail::is_field_value(text, kMaxEventIdBytes)) return std::nullopt;
    return EventId(Checked{text});
  }
  template <detail::TemporaryString Text>
  static constexpr std::optional<EventId> parse(Text&& write_OwnedEventId_parse_instead) = delete;

  /// The text that it is a view of.
  constexpr std::string_view view() const { return text_; }
  /// Whether the text is empty.
  constexpr bool empty() const { return text_.empty(); }

  /// Whether a client can send it back unchanged in Last-Event-ID: it is UTF-8 without control characters, and does not
  /// begin or end with a blank, which would not be part of the header's value. [RFC 9110 5.5] A server must not send
  /// any other ID.
  bool returns_in_a_header() const;

 private:
  friend class Owned<EventId>;
  friend class OwnedList<EventId>;
  struct Checked {
    std::string_view text;
  };
  constexpr explicit EventId(Checked checked) : text_(checked.text) {}

  std::string_view text_;
};

/// A checked value of the `event` field. Empty: the event is a `message`.
class EventType {
 public:
  /// Empty.
  constexpr EventType() = default;

  /// From a string literal, which the compiler checks.
  template <std::size_t kSize>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal may stand for the type it spells.
  consteval EventType(const char (&literal)[kSize]) : text_(literal, kSize - 1) {
    if (!detail::is_field_value(text_, kMaxEventTypeBytes)) detail::field_value_has_cr_lf_nul_or_is_too_long();
  }

  /// From a constant, such as those of protocol.h, checked while compiling.
  explicit consteval EventType(std::string_view constant) : text_(constant) {
    if (!detail::is_field_value(text_, kMaxEventTypeBytes)) detail::field_value_has_cr_lf_nul_or_is_too_long();
  }

  /// Nothing if `text` holds CR, LF or NUL or is longer than kMaxEventTypeBytes. [WHATWG 9.2.6: `event`]
  static constexpr std::optional<EventType> parse(std::string_view text) {
    if (!detail::is_field_value(text, kMaxEventTypeBytes)) return std::nullopt;
    return EventType(Checked{text});
  }
  template <detail::TemporaryString Text>
  static constexpr std::optional<EventType> parse(Text&& write_OwnedEventType_parse_instead) = delete;

  /// The text that it is a view of.
  constexpr std::string_view view() const { return text_; }
  /// Whether the text is empty.
  constexpr bool empty() const { return text_.empty(); }

 private:
  friend class Owned<EventType>;
  friend class OwnedList<EventType>;
  struct Checked {
    std::string_view text;
  };
  constexpr explicit EventType(Checked checked) : text_(checked.text) {}

  std::string_view text_;
};

}  // namespace millrace
