// TraceContext: the trace that an event or a request belongs to. [W3C Trace Context, level 1]
//
// Millrace passes a trace on as it came, and takes no part in it. Like EventId, a TraceContext is a view that was
// checked when it was made; to keep it, use OwnedTraceContext.
//
//   if (const auto trace = TraceContext::parse(parent, state)) hub.publish("orders", {.data = json, .trace = *trace});
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/field_value.h"

namespace millrace {

/// Whether the text is `00-<32 hexadecimal digits>-<16>-<2>`, in lower case and with neither ID all zeros, or of a
/// later version that begins so and has at most kMaxTraceParentBytes. [3.2.2]
bool is_trace_parent(std::string_view text);

/// Whether the text is a list of the form `key=value,key=value`, of at most kMaxTraceStateBytes and
/// kMaxTraceStateMembers. [3.3.1]
bool is_trace_state(std::string_view text);

/// A checked `traceparent` and `tracestate`. Both are printable ASCII.
class TraceContext {
 public:
  /// No trace.
  constexpr TraceContext() = default;

  /// Nothing if `parent` is invalid. An invalid `state` is left out, and the parent counts. [4.3]
  static std::optional<TraceContext> parse(std::string_view parent, std::string_view state = {});
  template <detail::TemporaryString Text>
  static std::optional<TraceContext> parse(Text&& keep_the_string, std::string_view state = {}) = delete;
  template <typename Text, detail::TemporaryString State>
  static std::optional<TraceContext> parse(const Text& parent, State&& keep_the_string) = delete;

  /// `00-<trace ID>-<parent ID>-<flags>`; empty: no trace.
  constexpr std::string_view parent() const { return parent_; }
  /// The vendors' own; empty without a parent.
  constexpr std::string_view state() const { return state_; }
  /// Whether there is no trace.
  constexpr bool empty() const { return parent_.empty(); }

 private:
  friend class OwnedTraceContext;
  friend class EventStreamParser;  // its module for JavaScript leaves the check to that
  constexpr TraceContext(std::string_view parent, std::string_view state) : parent_(parent), state_(state) {}

  std::string_view parent_;
  std::string_view state_;
};

/// A checked trace that owns its text.
class OwnedTraceContext {
 public:
  /// No trace.
  OwnedTraceContext() = default;

  /// Copies a trace that was checked before.
  // NOLINTNEXTLINE(google-explicit-constructor): it keeps what the view shows.
  OwnedTraceContext(TraceContext trace) : parent_(trace.parent()), state_(trace.state()) {}

  /// The view, valid as long as this object is neither changed nor destroyed.
  // NOLINTNEXTLINE(google-explicit-constructor): wherever a view is asked for, its owner will do.
  operator TraceContext() const& { return {parent_, state_}; }
  operator TraceContext() const&& = delete;  // the text would go with it: keep this object in a variable

  /// Like TraceContext::parent().
  const std::string& parent() const { return parent_; }
  /// Like TraceContext::state().
  const std::string& state() const { return state_; }
  /// Whether there is no trace.
  bool empty() const { return parent_.empty(); }

 private:
  std::string parent_;
  std::string state_;
};

}  // namespace millrace
