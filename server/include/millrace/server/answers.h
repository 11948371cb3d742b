// Answers: answers that outlive their requests.
//
// An answer is a stream with an ID, one producer and any number of listeners. A client that is cut off resumes it by
// its last event ID or by a number; leaving is not stopping, and a stop reaches the producer from anywhere. Underneath,
// an answer is the topic `answers/<id>` of the server's hub. Any thread may use the service, callbacks included. It
// must not outlive its server. docs/answers.md is its guide.
//
//   millrace::Answers answers(server, {.when_alone = millrace::keep_going(2min)});
//   server.Post("/v1/answers", [&](auto& req, auto& res) {
//     auto answer = answers.begin(req, res);
//     model.generate(req.body, [answer](std::string_view token) { return answer.send({.data = token}); });
//   });
//   server.Get("/v1/answers/([^/]+)", [&](auto& req, auto& res) { answers.resume(req, res, req.matches[1].str()); });
//   server.Delete("/v1/answers/([^/]+)", [&](auto& req, auto& res) { answers.stop(req, res, req.matches[1].str()); });
//
// With an Authorizer, the service asks it for Action::kSubscribe on the answer's topic before a request begins, resumes
// or stops an answer, and again about open streams when rights have changed (Authorizer::changed()): it ends those of
// clients that may no longer listen, or are no longer the owner. The user that it names owns the answers begun by this
// user; for other users they do not exist (404). Without an Authorizer, a program with sessions of its own names the
// user itself (BeginOptions::owner, ResumeOptions::user); otherwise any client with the ID may resume and stop. IDs
// that the service makes cannot be guessed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/answer.h"
#include "millrace/server/cursor_form.h"
#include "millrace/server/httplib_forward.h"
#include "millrace/server/limits.h"

namespace millrace {

class AnswerService;
class Server;

/// Answers that run at once; beyond it begin() answers 503.
inline constexpr std::size_t kMaxAnswersRunning = 10'000;

/// Answers that are over and can still be read; one more makes the service forget the oldest, which is then 404: the
/// oldest of its client, if that has more than half.
inline constexpr std::size_t kMaxAnswersKept = 50'000;

/// Data of one answer's events, in bytes; the event that would go beyond it ends the answer (AnswerEnd::kTooLarge).
inline constexpr std::size_t kMaxAnswerBytes = 8 * 1024 * 1024;

/// Time that an answer may run; then it ends (AnswerEnd::kTooOld).
inline constexpr Duration kMaxAnswerAge{3'600'000};

/// Time for which an answer that is over can still be read; then it is 404.
inline constexpr Duration kAnswerKeepTime{3'600'000};

/// Bytes of one answer that may wait to be written; beyond it send() ends the answer (AnswerEnd::kTooFast).
inline constexpr std::size_t kMaxAnswerWaitingBytes = 1024 * 1024;

/// An answer has room for more while at most this many of its bytes wait to be written.
inline constexpr std::size_t kAnswerRoomBytes = 64 * 1024;

/// Time without a sign of life after which the answers of a server that shares the store are over
/// (AnswerEnd::kInterrupted).
inline constexpr Duration kAnswerNodeTimeout{45'000};

/// Shortest AnswersOptions::node_timeout.
inline constexpr Duration kMinAnswerNodeTimeout{3'000};

/// Longest ID of an answer, in bytes.
inline constexpr std::size_t kMaxAnswerIdBytes = 128;

/// Longest note of an answer, in bytes.
inline constexpr std::size_t kMaxAnswerNoteBytes = 4 * 1024;

/// Longest Idempotency-Key, in bytes.
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

/// Longest time for which events are collected (AnswersOptions::batch).
inline constexpr Duration kMaxAnswerBatch{10'000};

// One answer always fits into the log of a server with the usual options, and a paced producer is never cut.
static_assert(kMaxAnswerBytes <= kHistoryBytes);
static_assert(kAnswerRoomBytes <= kMaxAnswerWaitingBytes && kMaxAnswerWaitingBytes <= kMaxAnswerBytes);
// The store keeps the records of all answers that run beyond its bounds.
static_assert(kMaxAnswersRunning <= kMaxRetainedTopics);
static_assert(kMaxAnswersRunning <= kMaxAnswersKept);
static_assert(kMinAnswerNodeTimeout <= kAnswerNodeTimeout);

/// How long an answer continues without listeners. The clock starts when the last listener has left, and a returning
/// listener stops it; an answer that began without a listener is not alone until one has come and left. Made by
/// keep_going(), stop_after() and stop_at_once().
struct AlonePolicy {
  std::optional<Duration> grace = {};  ///< without a value: to its end
};
/// It continues to its end.
inline AlonePolicy keep_going() {
  return {};
}
/// It continues, but for at most this long: for clients that return after minutes.
inline AlonePolicy keep_going(Duration at_most) {
  return {at_most};
}
/// It stops unless a listener returns within this time: for clients with short interruptions. The same clock as
/// keep_going(at_most).
inline AlonePolicy stop_after(Duration grace) {
  return {grace};
}
/// It stops when the last listener has left, so it does not survive a reload.
inline AlonePolicy stop_at_once() {
  return {Duration{0}};
}

/// An answer's end, for the function that makes its last events.
struct AnswerEnding {
  std::string_view id;        ///< the answer's
  AnswerEnd end;              ///< never kNone
  std::string_view sentence;  ///< of fail(); otherwise as sentence_of(end)
  std::uint64_t number;       ///< of the first of these events: the answer has `number - 1` before it
  std::string_view note;      ///< BeginOptions::note
};

/// An event that owns its text.
struct OwnedAnswerEvent {
  OwnedEventType type = EventType();  ///< as in AnswerEvent
  std::string data = {};              ///< likewise
};

/// Options of an Answers service. Its constructor throws InvalidOption for a value that is out of range.
struct AnswersOptions {
  /// How long an answer continues without listeners.
  AlonePolicy when_alone = keep_going();

  /// The topic above those of answers, which are `<topic>/<id>`. Two services on one hub need different ones. If the
  /// server also has an events route, keep other clients from this topic.
  std::string topic = "answers";

  /// Collects events for this time, at most kMaxAnswerBatch, and sends them together, which needs fewer packets. Zero:
  /// sends each event at once.
  Duration batch{0};

  /// The reconnection time of listeners; short, because a reader waits for the rest of a sentence.
  Duration retry{500};

  /// The form of the cursor. Without a value: the request's `cursor` parameter, otherwise
  /// ServerOptions::streams.cursor. Use CursorForm::kNone for clients that read the data of events of every type.
  std::optional<CursorForm> cursor = {};

  std::size_t max_running = kMaxAnswersRunning;  ///< answers at once (503)

  /// Answers at once of one client (429), so that others can still begin some. A client is the owner, otherwise an IPv4
  /// address or an IPv6 /64. Without a value: half of max_running, rounded up. Answers that the program begins without
  /// a request and without an owner do not count.
  std::optional<std::size_t> max_running_per_client = {};

  std::size_t max_kept = kMaxAnswersKept;                  ///< answers that are over; the oldest is forgotten (404)
  std::size_t max_bytes = kMaxAnswerBytes;                 ///< of one answer's data (AnswerEnd::kTooLarge)
  Duration max_age = kMaxAnswerAge;                        ///< of one that runs (AnswerEnd::kTooOld)
  Duration keep_for = kAnswerKeepTime;                     ///< after its end; then it is forgotten (404)
  std::size_t max_waiting_bytes = kMaxAnswerWaitingBytes;  ///< of one answer, for the store (AnswerEnd::kTooFast)

  /// The name of this server among those that share a store, the same after a restart: answers that a server with this
  /// name was producing when it died are over (AnswerEnd::kInterrupted) once it is back. Required for a shared store;
  /// leave it empty otherwise. At most kMaxClientNameBytes.
  std::string node = {};

  /// How long servers that share a store wait for a sign of life of one that produces answers, before they end its
  /// answers (AnswerEnd::kInterrupted). A server that has got nothing into the store for two thirds of this time ends
  /// its own. Set a longer time if the store may be away for longer; at least kMinAnswerNodeTimeout, and the same for
  /// all servers.
  Duration node_timeout = kAnswerNodeTimeout;

  /// Makes the last events of an answer, in a vendor's format; the list may be empty. Called for every end,
  /// kFinished included, on any thread, without a lock; must not wait. What it throws goes to
  /// ServerOptions::on_failure, and the usual event is sent. Without it, an answer that its producer did not finish
  /// ends with an event of type `stopped` (kStopped, kAlone), `interrupted` (kInterrupted) or `failed` (all others),
  /// whose data is JSON: `{"reason":"<sentence>"}`.
  std::function<std::vector<OwnedAnswerEvent>(const AnswerEnding&)> last_events = nullptr;
};

/// Options of one answer.
struct BeginOptions {
  /// The answer's ID: one segment of a topic, at most kMaxAnswerIdBytes, and not used before. Empty: one that cannot be
  /// guessed.
  std::string id = {};

  /// The request listens: its response becomes the answer's stream. False: the response is left to the handler, unless
  /// it is refused.
  bool listen = true;

  /// Every user that the authorizer lets subscribe may listen, not only the owner; only the owner may stop the answer.
  bool shared = false;

  /// The owner, without an authorizer or a request; empty: no owner.
  std::string owner = {};

  /// The name of the request's stream, as in SubscribeOptions::client.
  std::string client = {};

  /// Text that is kept with the answer, such as the model's name as JSON; at most kMaxAnswerNoteBytes.
  std::string note = {};

  /// As in AnswersOptions, for this request.
  std::optional<CursorForm> cursor = {};
};

/// Options of one resumption.
struct ResumeOptions {
  /// Begins after the event with this number; 0: from the beginning. Without a value: after the request's last event
  /// ID, otherwise its parameter `starting_after`, otherwise from the beginning. A number beyond the last event: a
  /// running answer continues with its next event, and one that is over gives 204.
  std::optional<std::uint64_t> starting_after = {};

  /// The client's user, without an authorizer, as in BeginOptions::owner.
  std::string user = {};

  /// The name of the request's stream, as in SubscribeOptions::client.
  std::string client = {};

  /// As in AnswersOptions, for this request.
  std::optional<CursorForm> cursor = {};
};

/// What is known about an answer.
struct AnswerInfo {
  std::string id;                                    ///< its ID
  std::string owner;                                 ///< empty: no owner
  std::string note;                                  ///< BeginOptions::note
  AnswerEnd end = AnswerEnd::kNone;                  ///< kNone: it is running
  std::uint64_t events = 0;                          ///< that it has, the last one included
  std::size_t listeners = 0;                         ///< on this server
  std::chrono::system_clock::time_point begun = {};  ///< when it was begun
};

/// The result of a request to listen to an answer. In each case the response is complete or has begun.
struct Resumed {
  /// The kinds of results.
  enum class Outcome : std::uint8_t {
    kOpen,              ///< the response is the answer's stream
    kWhole,             ///< 204: the answer is over, and the client has all of it, so it stops
    kHeadOnly,          ///< the request is HEAD: the client gets the head that a stream would have
    kInvalid,           ///< 400: the request asks for something that does not exist
    kUnauthenticated,   ///< 401: the authorizer does not know the client
    kUndecided,         ///< 503: the authorizer cannot tell now
    kUnknown,           ///< 404: there is no such answer for this client
    kDraining,          ///< 503: the server drains
    kStoreUnavailable,  ///< 503: the log's store cannot be used now
    kTooMany,           ///< 429: the user, or the client's address, has as many streams as allowed
  };
  /// The result.
  Outcome outcome = Outcome::kInvalid;
  std::string sentence = {};  ///< why no stream was opened; empty for kOpen

  /// Whether it is kOpen.
  explicit operator bool() const { return outcome == Outcome::kOpen; }
};

/// The result of a stop.
struct Stopped {
  /// The kinds of results.
  enum class Outcome : std::uint8_t {
    kStopped,           ///< 204: the answer ends
    kOver,              ///< 204: it was over already, which is no error
    kUnauthenticated,   ///< 401: the authorizer does not know the client
    kUndecided,         ///< 503: the authorizer cannot tell now
    kUnknown,           ///< 404: there is no such answer for this client
    kStoreUnavailable,  ///< 503: another server produces it, and the store by which it is asked takes nothing now
  };
  /// The result.
  Outcome outcome = Outcome::kUnknown;
  std::string sentence = {};  ///< what was refused, or that there was nothing to stop

  /// Whether the answer is, or will be, over.
  explicit operator bool() const { return outcome == Outcome::kStopped || outcome == Outcome::kOver; }
};

/// Counts since the service was created, and its current contents.
struct AnswersStatistics {
  std::size_t running = 0;        ///< answers that this service produces
  std::size_t kept = 0;           ///< answers that are over and can be read
  std::size_t listeners = 0;      ///< open streams
  std::size_t waiting_bytes = 0;  ///< sent, but not in the log yet
  std::uint64_t begun = 0;        ///< answers
  std::uint64_t joined = 0;       ///< requests that joined an answer instead of beginning one
  std::uint64_t finished = 0;     ///< kFinished
  std::uint64_t failed = 0;       ///< kFailed, kTooLarge, kTooOld, kTooFast
  std::uint64_t stopped = 0;      ///< kStopped, kAlone
  std::uint64_t interrupted = 0;  ///< kInterrupted
};

/// Answers that outlive their requests.
class Answers {
 public:
  /// Throws InvalidOption if an option is out of range, and StoreUnavailable if the answers of an earlier run cannot be
  /// read. Has one thread of its own, for its clocks and its writing.
  explicit Answers(Server& server, AnswersOptions options = {});
  /// Ends the answers that are running (AnswerEnd::kInterrupted); their handles stay valid. Waits for what has been
  /// sent to be written, at most a second.
  ~Answers();
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  /// Begins an answer in the handler of `request`, whose response becomes its stream: the ID is in the header
  /// `Millrace-Answer`, and begins every event's ID. A request with the `Idempotency-Key` of an earlier one of the same
  /// user, or with a last event ID of one of the user's answers, joins that answer instead (Answer::is_joined()); with
  /// the key and another body it is refused (422). If the request is refused, the response says why (400, 401, 403,
  /// 404, 409 where there is an answer with BeginOptions::id, 422, 429, 503) and the handle is over. Throws
  /// InvalidOption if one of `options` is invalid.
  Answer begin(const httplib::Request& request, httplib::Response& response, const BeginOptions& options = {});
  /// Begins an answer without a request of this server. The handle is over if too many answers run
  /// (AnswersOptions::max_running, max_running_per_client), or if the store accepts nothing now.
  Answer begin(const BeginOptions& options = {});

  /// Turns the response into the answer's stream, or answers why not.
  Resumed resume(const httplib::Request& request, httplib::Response& response, std::string_view id,
                 const ResumeOptions& options = {});

  /// Stops an answer in the handler of `request`, and answers 204, or why not. Only the owner may stop it; without an
  /// owner, every client that may subscribe to it. `user` is the client's user, without an authorizer.
  Stopped stop(const httplib::Request& request, httplib::Response& response, std::string_view id,
               std::string_view user = {});
  /// Stops an answer for the program itself, which has checked rights. All listeners get the same last event.
  Stopped stop(std::string_view id);

  /// What is known about an answer; nothing if it does not exist.
  std::optional<AnswerInfo> find(std::string_view id) const;
  /// The same for the client of `request`, as resume() would let it listen; where there is nothing, the response says
  /// why (401, 404).
  std::optional<AnswerInfo> find(const httplib::Request& request, httplib::Response& response, std::string_view id,
                                 std::string_view user = {}) const;

  /// The ID of the answer that the request's last event ID belongs to; empty if it has none of this form. For routes
  /// whose path has no ID.
  static std::string id_in(const httplib::Request& request);

  /// The current statistics, which Server::metrics() also has.
  AnswersStatistics statistics() const;

 private:
  Answer join(const httplib::Request& request, httplib::Response& response, std::string_view id,
              const BeginOptions& options);

  Server& server_;
  std::shared_ptr<AnswerService> service_;
};

}  // namespace millrace
