// AnswerFormat: one answer of a model, in the form that the clients of a vendor read.
//
// A format turns what the model says into the events that the vendor's own clients expect, unmodified, and has the same
// answer as the one JSON object that they get without streaming. It is pure: no socket, no thread, no clock, no lock.
// There is one object for each answer; send the events in the order in which they are returned, and call it from one
// thread at a time. docs/answers.md says what each client expects.
//
//   ChatCompletionsFormat format({.id = "chatcmpl-1", .model = "toy", .created = now});
//   for (const FormattedEvent& event : format.text("Hello")) stream.send(event.view());
//   for (const FormattedEvent& event : format.complete()) stream.send(event.view());
//
// Tokens may end in the middle of a character: its bytes wait for the next token. What is not UTF-8 becomes U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event.h"
#include "millrace/core/limits.h"
#include "millrace/core/owned.h"

namespace millrace {

/// Longest text of an answer, in bytes. Text that goes beyond it is left out, and the answer ends there as cut_short().
inline constexpr std::size_t kMaxFormattedTextBytes = 1024 * 1024;
// A byte becomes six at most (\u0001), and some of a format's last events hold the whole text.
static_assert(kMaxFormattedTextBytes * 6 + 64 * std::size_t{1024} <= kMaxEventBytes);

/// An event of a format. It owns its text.
struct FormattedEvent {
  OwnedEventType type = EventType{};  ///< empty: the event has none
  std::string data = {};              ///< JSON, or the vendor's word for the end

  /// The event to send, valid as long as this object.
  Event view() const& { return {.type = type, .data = data}; }
  Event view() const&& = delete;
};

/// Events to send, in this order. Often there is one, and for bytes that wait for the rest of a character none.
using FormattedEvents = std::vector<FormattedEvent>;

/// What every format says of an answer.
struct AnswerHead {
  std::string id = {};       ///< by which the vendor's clients ask for it again; not empty
  std::string model = {};    ///< its name
  std::int64_t created = 0;  ///< when it was asked for, in seconds since 1970
};

/// Tokens that an answer took. Formats that must report them report 0 until they are set.
struct TokenUsage {
  std::uint64_t input = 0;   ///< of the question
  std::uint64_t output = 0;  ///< of the answer
};

class AnswerFormat;

/// Makes the format of an answer again from what AnswerFormat::note() has returned; null if `note` is something else.
std::unique_ptr<AnswerFormat> format_from_note(std::string_view id, std::string_view note);

/// One answer in the form of a vendor.
class AnswerFormat {
 public:
  /// How far the answer is.
  enum class State : std::uint8_t {
    kNew,       ///< nothing was returned yet
    kRunning,   ///< there may be more text
    kComplete,  ///< the model was done
    kCutShort,  ///< it reached a limit of its length
    kStopped,   ///< somebody stopped it
    kFailed,    ///< it failed
  };

  virtual ~AnswerFormat() = default;
  AnswerFormat(const AnswerFormat&) = delete;
  AnswerFormat& operator=(const AnswerFormat&) = delete;

  /// What comes before the first text. The first call of another function does the same if this was not called.
  FormattedEvents begin();
  /// More text. An answer that is over returns nothing.
  FormattedEvents text(std::string_view piece);
  /// The end: the model was done.
  FormattedEvents complete();
  /// The end: the answer reached a limit of its length.
  FormattedEvents cut_short();
  /// The end: somebody stopped it. What was said stays.
  FormattedEvents stop();
  /// The end: it failed; `sentence` says why, to the client.
  FormattedEvents fail(std::string_view sentence);

  /// Takes over an event that this format returned earlier, such as in a process that has ended: an object that has
  /// read all events of an answer goes on where the other stopped. Returns false, and changes nothing, if it is no
  /// event of this format. Tokens of TokenUsage are not read.
  bool read(const Event& event);

  /// The end of an answer that this object has not followed, and whose text is unknown: for a service that ends an
  /// answer without its producer. `state` says how the answer ended, `sentence` why if it failed; it has `events` of
  /// this format before. Changes nothing.
  virtual FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const = 0;

  /// What there is to keep with the answer, as JSON, so that format_from_note() makes this format again.
  std::string note() const;

  /// Sets what the end reports; no effect on what was returned before.
  void set_usage(TokenUsage usage) { usage_ = usage; }

  /// The answer as the JSON object that clients get without streaming, as far as it is.
  virtual std::string body() const = 0;

  /// The format's name in a note.
  virtual std::string_view name() const = 0;

  /// Whether the client may leave, and fetch the answer later: Responses alone have a word for it.
  virtual bool is_in_background() const { return false; }

  /// How far the answer is.
  State state() const { return state_; }
  /// Whether it has ended.
  bool is_over() const { return state_ > State::kRunning; }
  /// All text so far.
  std::string_view all_text() const { return text_; }
  /// Its head.
  const AnswerHead& head() const { return head_; }

 protected:
  /// Throws std::invalid_argument if the head has no ID.
  explicit AnswerFormat(AnswerHead head);

  /// What an event says of the answer.
  struct Read {
    std::string text = {};          ///< more text
    State state = State::kRunning;  ///< the state after it
    std::string failure = {};       ///< why it failed
  };

  /// What set_usage() was given, else zeros.
  const TokenUsage& usage() const { return usage_; }
  /// Why it failed.
  const std::string& failure() const { return failure_; }

 private:
  virtual void write_begin(FormattedEvents& out) = 0;
  virtual void write_text(std::string_view piece, FormattedEvents& out) = 0;
  /// state() is how the answer ended, and all_text() is whole.
  virtual void write_end(FormattedEvents& out) = 0;
  /// Nothing if this is no event of the format.
  virtual std::optional<Read> read_event(const Event& event) = 0;

  void append(std::string_view piece, FormattedEvents& out);
  FormattedEvents end(State state, std::string_view sentence = {});

  const AnswerHead head_;
  State state_ = State::kNew;
  std::string text_;
  std::string unfinished_;  // the first bytes of a character
  std::string failure_;
  TokenUsage usage_;
};

}  // namespace millrace
