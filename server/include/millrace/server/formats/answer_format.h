// AnswerFormat: one answer of a model, in the form that a vendor's clients read.
//
// A format turns the model's text into the events that the vendor's own unmodified clients expect. It also has the
// answer as the one JSON object that clients get without streaming. It is pure: no socket, thread, clock or lock.
// Make one object for each answer, send the events in the order in which they are returned, and call the object from
// one thread at a time. docs/answers.md says what each client expects.
//
//   ChatCompletionsFormat format({.id = "chatcmpl-1", .model = "toy", .created = now});
//   for (const FormattedEvent& event : format.text("Hello")) stream.send(event.view());
//   for (const FormattedEvent& event : format.complete()) stream.send(event.view());
//
// A token may end in the middle of a character: its bytes wait for the next token. Invalid UTF-8 becomes U+FFFD.
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

/// Longest text of an answer, in bytes. The format drops text beyond it and ends the answer there, as cut_short() does.
inline constexpr std::size_t kMaxFormattedTextBytes = 1024 * 1024;
// A byte becomes six at most (\u0001), and some of a format's last events hold the whole text.
static_assert(kMaxFormattedTextBytes * 6 + 64 * std::size_t{1024} <= kMaxEventBytes);

/// An event of a format. It owns its text.
struct FormattedEvent {
  OwnedEventType type = EventType{};  ///< empty for an event without a type
  std::string data = {};              ///< JSON, or the vendor's word for the end

  /// The event to send, valid as long as this object.
  Event view() const& { return {.type = type, .data = data}; }
  Event view() const&& = delete;
};

/// Events to send, in this order. Empty if the text only has the first bytes of a character.
using FormattedEvents = std::vector<FormattedEvent>;

/// The members that every format has for an answer.
struct AnswerHead {
  std::string id = {};       ///< with which the vendor's clients request it again; must not be empty
  std::string model = {};    ///< the model's name
  std::int64_t created = 0;  ///< the time of the request, in seconds since 1970
};

/// Tokens that an answer took. Formats that must report them report 0 until they are set.
struct TokenUsage {
  std::uint64_t input = 0;   ///< of the question
  std::uint64_t output = 0;  ///< of the answer
};

class AnswerFormat;

/// Makes an answer's format again from the text that AnswerFormat::note() returned. Returns null for any other text.
std::unique_ptr<AnswerFormat> format_from_note(std::string_view id, std::string_view note);

/// One answer in the form of a vendor.
class AnswerFormat {
 public:
  /// The state of the answer.
  enum class State : std::uint8_t {
    kNew,       ///< no event was returned yet
    kRunning,   ///< there may be more text
    kComplete,  ///< the model finished
    kCutShort,  ///< it reached a limit on its length
    kStopped,   ///< somebody stopped it
    kFailed,    ///< it failed
  };

  virtual ~AnswerFormat() = default;
  AnswerFormat(const AnswerFormat&) = delete;
  AnswerFormat& operator=(const AnswerFormat&) = delete;

  /// Begins the answer. Optional: otherwise the first call of another function does the same.
  FormattedEvents begin();
  /// Adds text. Returns nothing if the answer is over.
  FormattedEvents text(std::string_view piece);
  /// Ends the answer: the model finished.
  FormattedEvents complete();
  /// Ends the answer: it reached a limit on its length.
  FormattedEvents cut_short();
  /// Ends the answer: somebody stopped it. Its text stays.
  FormattedEvents stop();
  /// Ends the answer: it failed. The client gets `sentence`, which says why.
  FormattedEvents fail(std::string_view sentence);

  /// Reads an event that this format returned earlier, for example in a process that has ended. An object that has read
  /// all events of an answer continues where the other object stopped. Returns false, and changes nothing, if it is not
  /// an event of this format. Does not read TokenUsage.
  bool read(const Event& event);

  /// The last events of an answer whose text this object does not know: for a service that ends an answer without its
  /// producer. `state` says how the answer ended, and `sentence` why if it failed; `events` is the number of events of
  /// this format that the answer has. Changes nothing.
  virtual FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const = 0;

  /// A note to keep with the answer, as JSON: format_from_note() makes this format again from it.
  std::string note() const;

  /// Sets the figures that the end reports. Has no effect on events already returned.
  void set_usage(TokenUsage usage) { usage_ = usage; }

  /// The answer so far, as the JSON object that clients get without streaming.
  virtual std::string body() const = 0;

  /// The format's name in a note.
  virtual std::string_view name() const = 0;

  /// Whether the client may leave and fetch the answer later. Only Responses have this.
  virtual bool is_in_background() const { return false; }

  /// The state of the answer.
  State state() const { return state_; }
  /// Whether the answer has ended.
  bool is_over() const { return state_ > State::kRunning; }
  /// All text so far.
  std::string_view all_text() const { return text_; }
  /// Its head.
  const AnswerHead& head() const { return head_; }

 protected:
  /// Throws std::invalid_argument if the head has no ID.
  explicit AnswerFormat(AnswerHead head);

  /// The contents of an event.
  struct Read {
    std::string text = {};          ///< more text
    State state = State::kRunning;  ///< the state after it
    std::string failure = {};       ///< why it failed
  };

  /// The figures of set_usage(), or zeros.
  const TokenUsage& usage() const { return usage_; }
  /// Why the answer failed.
  const std::string& failure() const { return failure_; }

 private:
  virtual void write_begin(FormattedEvents& out) = 0;
  virtual void write_text(std::string_view piece, FormattedEvents& out) = 0;
  /// Called when the answer has ended: state() says how, and all_text() is complete.
  virtual void write_end(FormattedEvents& out) = 0;
  /// Returns nothing if this is not an event of the format.
  virtual std::optional<Read> read_event(const Event& event) = 0;

  void append(std::string_view piece, FormattedEvents& out);
  FormattedEvents end(State state, std::string_view sentence = {});

  const AnswerHead head_;
  State state_ = State::kNew;
  std::string text_;
  std::string unfinished_;  // the first bytes of a character that is not complete
  std::string failure_;
  TokenUsage usage_;
};

}  // namespace millrace
