// ResponsesFormat: an answer as OpenAI's Responses stream it: events whose type is also in their data, numbered from 0.
//
//   POST /v1/responses {"stream": true, …}                    send what the format returns
//   POST /v1/responses {"background": true}                   answer with body() at once
//   GET  /v1/responses/ID                                     answer with body()
//   GET  /v1/responses/ID?stream=true&starting_after=N        send the events behind number N
//   POST /v1/responses/ID/cancel                              stop(), and answer with body()
//
// OpenAI's clients come back by number: the last `sequence_number` that they have seen. Each event has the next one, so
// the event with number N is the one at place N of the answer, from 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// An answer as a response with one message. A stopped one ends with `response.incomplete`, the only type of end that
/// fits and that the clients know, and its `status` is `cancelled`; a failed one with `response.failed`.
class ResponsesFormat final : public AnswerFormat {
 public:
  /// Whether the client may leave: what the request's `background` says.
  enum class Background : bool { kNo, kYes };

  /// Throws std::invalid_argument if the head has no ID.
  explicit ResponsesFormat(AnswerHead head, Background background = Background::kNo)
      : AnswerFormat(std::move(head)), background_(background) {}

  /// A `response` object with the text so far; `status` says how far it is.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "responses";  ///< in a note

  /// How many events a client has that asks for those behind this `starting_after`: one more than the number, since
  /// the first event has number 0. Nothing if it is not a whole number.
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
