// Listening to an answer: where a listener begins, and the stream that it gets.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <optional>
#include <string>

#include "answer_access.h"
#include "answer_service.h"
#include "millrace/server/answers.h"

namespace millrace {

/// Where a listener begins.
struct AnswerStart {
  std::string last_event_id;
  bool is_whole = false;  ///< the answer is over, and the client has all of it
};

/// The request's last event ID, from its header or its parameter; empty without one.
std::string last_event_id_of(const httplib::Request& request);

/// Where the request asks to begin: after the event that `starting_after`, its last event ID or its parameter names, at
/// the first event without one. Nothing if the parameter is no number.
std::optional<AnswerStart> start_of(AnswerService& service, const httplib::Request& request,
                                    const Answer::State& answer, std::optional<std::uint64_t> starting_after);

/// Options of one listener.
struct AnswerListener {
  std::optional<CursorForm> cursor;
  std::string client;
};

/// Opens a stream of the answer from `start` on. Responds with 204 instead if the client has all of it, with an error
/// if the stream cannot be opened.
Resumed listen_to_answer(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                         const AnswerPtr& answer, const AnswerRight& right, AnswerStart start, AnswerListener listener);

}  // namespace millrace
