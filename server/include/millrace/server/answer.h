// Answer: the producer's handle on one answer of an Answers service: what a model, a job or a tool says, event by
// event.
//
// Copies share the answer and cost a pointer. Any thread may use any copy, callbacks included; no call throws, and only
// wait_for_room() waits. When the last copy goes, the answer is finished, as by finish(). Copies may outlive the
// service and the server; the answer is over then. A handle that is made without an answer, or moved from, is over.
//
//   auto answer = answers.begin(req, res);
//   model.generate(req.body, [answer](std::string_view token) { return answer.send({.data = token}); });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/core/field_value.h"
#include "millrace/core/time.h"

namespace millrace {

/// What ended an answer.
enum class AnswerEnd : std::uint8_t {
  kNone,         ///< it is running
  kFinished,     ///< the producer called finish(), or destroyed the last handle
  kFailed,       ///< the producer called fail()
  kStopped,      ///< Answers::stop()
  kAlone,        ///< it had no listener for as long as AnswersOptions::when_alone allows
  kTooLarge,     ///< it would have become larger than AnswersOptions::max_bytes
  kTooOld,       ///< it has run for AnswersOptions::max_age
  kTooFast,      ///< more than AnswersOptions::max_waiting_bytes would have waited for the store
  kInterrupted,  ///< its service ended, or the program that produced it
};

/// The same as a sentence.
std::string_view sentence_of(AnswerEnd end);

/// One event of an answer. A view, like Event; its ID is the answer's, a colon and the event's number from 1 on.
struct AnswerEvent {
  /// The `event` field. Empty: the default type, `message`.
  EventType type = {};
  /// Any text, with any number of lines.
  std::string_view data = {};
};

/// The producer's handle on one answer. Copies share the answer.
class Answer {
 public:
  class State;  // private

  /// A handle on no answer: over from the beginning.
  Answer() = default;
  /// Answers::begin() makes one.
  Answer(std::shared_ptr<State> state, bool is_joined);

  /// Adds an event, which all listeners get. False: the answer is over, so stop generating; end() says why. Listeners
  /// that read slowly, or none, make no difference to it. Without a store, the event is in the log when it returns;
  /// with one, another thread writes it, many events in one commit, and it waits in memory until then: pace
  /// the producer by wait_for_room(), or the answer ends at AnswersOptions::max_waiting_bytes (kTooFast).
  bool send(const AnswerEvent& event) const;

  /// Ends the answer after the events that were sent. Does nothing if it is over.
  void finish() const;

  /// The same with a last event that says why: of type `failed` unless AnswersOptions::last_events makes others.
  /// `sentence` is for the listeners: it must not contain secrets.
  void fail(std::string_view sentence) const;

  /// How a wait for room ended.
  enum class Room : std::uint8_t {
    kNow,        ///< the answer has room
    kNotInTime,  ///< the timeout has passed, and the store has not taken enough
    kNever,      ///< the answer is over; end() says why
  };
  /// The result of wait_for_room(): true if the answer has room.
  struct Waited {
    /// How the wait ended.
    Room room = Room::kNever;
    /// Whether the answer has room.
    explicit operator bool() const { return room == Room::kNow; }
    /// The same as a sentence.
    std::string_view sentence() const;
  };
  /// Waits until at most kAnswerRoomBytes of the answer wait to be written; or until it is over, or `timeout` (at most
  /// a day counts) has passed. Returns at once where there is no store and no batching. Listeners never make it wait.
  Waited wait_for_room(Duration timeout) const;

  /// Calls `callback` once when the answer is over for another reason than finish() or fail(): on a worker thread of
  /// the server, or here and now if it is over already. Never under a lock: the callback may use the answer, the
  /// service and the server. What it throws goes to ServerOptions::on_failure. While the server does not listen, the
  /// call waits for its next listen(). A handle that has joined another request's answer (is_joined()) never calls it.
  void on_stop(std::function<void()> callback) const;

  /// Whether send() would take an event: the answer is running, and this handle is its producer's.
  bool is_running() const { return end() == AnswerEnd::kNone && !is_joined(); }
  /// The same.
  explicit operator bool() const { return is_running(); }
  /// Why it is over; kNone while it is running.
  AnswerEnd end() const;

  /// Whether the request has joined an answer begun by another request: it only listens, so generate nothing.
  bool is_joined() const;

  /// The answer's ID; empty for a handle on no answer.
  const std::string& id() const;

 private:
  struct Handle;
  std::shared_ptr<Handle> handle_;
};

}  // namespace millrace
