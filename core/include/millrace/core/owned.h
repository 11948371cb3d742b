// Owned: a checked value together with its text. OwnedTopic is to Topic what std::string is to std::string_view.
//
// Topic, TopicPattern, EventId and EventType are views of a text with another owner; their parse() refuses a temporary
// string, because a view of it would read freed memory. To keep a value, or to make one at run time, use Owned:
//
//   const auto topic = OwnedTopic::parse("rooms/" + room);     // std::nullopt if that is not a topic
//   if (topic) hub.publish(*topic, {.data = text}).or_throw();  // converts to Topic, unless it is a temporary itself
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/field_value.h"
#include "millrace/core/topic.h"

namespace millrace {

/// A checked value and its text. `View` is Topic, TopicPattern, EventId or EventType.
template <typename View>
class Owned {
 public:
  /// Checks `text` and keeps it; returns nothing if View::parse() refuses it.
  static std::optional<Owned> parse(std::string text) {
    if (!View::parse(std::string_view(text))) return std::nullopt;
    return Owned(std::move(text));
  }

  /// Copies the text of a value that was checked before.
  // NOLINTNEXTLINE(google-explicit-constructor): it keeps what the view shows.
  Owned(View view) : text_(view.view()) {}

  /// The view, valid as long as this object is neither changed nor destroyed. Not checked again.
  // NOLINTNEXTLINE(google-explicit-constructor): wherever a view is asked for, its owner will do.
  operator View() const& { return get(); }
  operator View() const&& = delete;  // the text would go with it: keep the Owned in a variable
  /// The same as the conversion, by name.
  View get() const& { return View(typename View::Checked{text_}); }
  View get() const&& = delete;  // likewise

  /// The text, valid like the view.
  std::string_view view() const& { return text_; }
  std::string_view view() const&& = delete;  // likewise
  /// The text, valid like the view.
  const std::string& text() const& { return text_; }
  /// The text, moved out.
  std::string text() && { return std::move(text_); }

  /// Compares the bytes of the texts.
  friend bool operator==(const Owned& one, const Owned& other) { return one.text_ == other.text_; }
  /// Orders by the bytes of the texts.
  friend bool operator<(const Owned& one, const Owned& other) { return one.text_ < other.text_; }

 private:
  explicit Owned(std::string checked) : text_(std::move(checked)) {}
  std::string text_;
};

/// Several checked values with their text in one piece. It cannot be copied or moved, so that its views stay valid.
template <typename View>
class OwnedList {
 public:
  /// Copies the texts of values that were checked before.
  explicit OwnedList(std::vector<View> views) : views_(std::move(views)) {
    std::size_t bytes = 0;
    for (const View& view : views_) bytes += view.view().size() + 1;
    text_.reserve(bytes);
    for (View& view : views_) {
      const std::size_t begin = text_.size();
      text_.append(view.view());
      view = View(typename View::Checked{std::string_view(text_).substr(begin)});
      text_ += '\n';
    }
    views_.shrink_to_fit();
  }
  OwnedList(const OwnedList&) = delete;
  OwnedList& operator=(const OwnedList&) = delete;

  /// The values, valid as long as the list.
  const std::vector<View>& views() const { return views_; }
  /// All values, each followed by a line end, which no value contains.
  std::string_view text() const { return text_; }

 private:
  std::string text_;
  std::vector<View> views_;  // of text_
};

/// A topic that owns its text.
using OwnedTopic = Owned<Topic>;
/// A pattern that owns its text.
using OwnedTopicPattern = Owned<TopicPattern>;
/// An event ID that owns its text.
using OwnedEventId = Owned<EventId>;
/// An event type that owns its text.
using OwnedEventType = Owned<EventType>;

}  // namespace millrace
