// ResponsesFormat: an answer in the form of OpenAI's Responses: events whose type is also in their data, numbered from
// 0.
//
//   POST /v1/responses {"stream": true, …}                    send the returned events
//   POST /v1/responses {"background": true}                   answer with body() at once
//   GET  /v1/responses/ID                                     answer with body()
//   GET  /v1/responses/ID?stream=true&starting_after=N        send the events after number N
//   POST /v1/responses/ID/cancel                              stop(), and answer with body()
//
// OpenAI's clients resume by number: the last `sequence_number` that they have seen. Each event has the next number, so
// the event with number N is the answer's event at index N, from 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// An answer as a response with one message. A stopped answer ends with `response.incomplete`, the only fitting type
/// that the clients know, and with `cancelled` as its `status`. A failed answer ends with `response.failed`.
class ResponsesFormat final : public AnswerFormat {
 public:
  /// The request's `background`: whether the client may leave.
  enum class Background : bool { kNo, kYes };

  /// Throws std::invalid_argument if the head has no ID.
  explicit ResponsesFormat(AnswerHead head, Background background = Background::kNo)
      : AnswerFormat(std::move(head)), background_(background) {}

  /// A `response` object with the text so far and the current `status`.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "responses";  ///< the format's name in a note

  /// The number of events that a client with this `starting_after` has: one more, because the first event has number 0.
  /// Returns nothing if the text is not a whole number.
  static std::optional<std::uint64_t> events_before(std::string_view starting_after);

  bool is_in_background() const override { return background_ == Background::kYes; }

  /// The number of the next event.
  std::uint64_t next_sequence_number() const { return next_; }

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;

  const Background background_;
  std::uint64_t next_ = 0;
};

}  // namespace millrace
