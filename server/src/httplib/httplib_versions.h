// The differences between cpp-httplib 0.11.4 and 0.53; no other file depends on the version. Also accesses private
// members of its server, whose names and types differ. (The functions that set handlers are not virtual, and any code
// with an httplib::Server& can call them: only the members show what is set.)
//
// Uses the language (requires, overloads) where possible, otherwise the version number.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/time.h"
#include "millrace/server/built_with.h"

namespace millrace {

/// 0.18.7 is 1807.
constexpr int httplib_version(int minor, int patch = 0) {
  return minor * 100 + patch;
}
inline constexpr int kHttplibVersion =
    built_with::kNumbers[0] * 10'000 + httplib_version(built_with::kNumbers[1], built_with::kNumbers[2]);
static_assert(kHttplibVersion >= httplib_version(11, 4), "millrace needs cpp-httplib 0.11.4 or newer");

// --- Streams --------------------------------------------------------------------------------------------------------

/// httplib::Stream with the same functions in all versions. Which of them the base class has depends on the version,
/// hence no `override`.
// NOLINTBEGIN(modernize-use-override)
class HttplibStream : public httplib::Stream {
 public:
  /// Waits for bytes to read; false if none arrive in time.
  virtual bool wait_readable() const = 0;
  /// Waits for room to write; false if none appears in time, or if the client has left.
  virtual bool wait_writable() const = 0;
  /// Whether the client is still connected. Does not wait.
  virtual bool is_peer_alive() const = 0;
  /// Whether unread bytes are there. Does not wait.
  virtual bool has_input() const = 0;

  /// Waits until 0.19; later versions do not wait.
  virtual bool is_readable() const {
    return kHttplibVersion < httplib_version(20) ? has_input() || wait_readable() : has_input();
  }
  /// Until 0.19.
  virtual bool is_writable() const { return wait_writable(); }
  /// Since 0.19, for clients.
  virtual time_t duration() const { return 0; }
  /// Since 0.33, for websockets.
  virtual void set_read_timeout(time_t seconds, time_t microseconds) = 0;
  /// Since 0.52: the received part of the head, read at once instead of byte by byte.
  virtual const char* buffered_data(std::size_t& size) const = 0;
  virtual void consume_buffered(std::size_t size) = 0;
};
// NOLINTEND(modernize-use-override)

// --- Requests -------------------------------------------------------------------------------------------------------

/// Most field lines in a head (since 0.22); cpp-httplib refuses more with 400.
#ifdef CPPHTTPLIB_HEADER_MAX_COUNT
inline constexpr std::size_t kMaxHttplibFields = CPPHTTPLIB_HEADER_MAX_COUNT;
#else
inline constexpr std::size_t kMaxHttplibFields = static_cast<std::size_t>(-1);
#endif

/// Whether it adds `Connection: close` to every error (since 0.28).
inline constexpr bool kHttplibClosesOnErrors = kHttplibVersion >= httplib_version(28);

/// Whether it keeps fields without a value.
inline constexpr bool kHttplibKeepsEmptyFields = kHttplibVersion >= httplib_version(18, 1);

/// Whether it answers an unknown Content-Encoding with 415; otherwise it passes the body on unchanged.
inline constexpr bool kHttplibRefusesUnknownCodings =
    kHttplibVersion >= httplib_version(29) && kHttplibVersion < httplib_version(52);

/// Whether it percent-decodes the value of the field `name`.
bool httplib_decodes(std::string_view name);
/// Decodes as cpp-httplib does.
std::string httplib_decoded(std::string_view value);

/// Whether it may refuse this value of the field Accept (since 0.23). Also true for uncommon values that it accepts.
bool may_httplib_refuse_accept(std::string_view value);

/// Whether a route has matched the request (matches, path parameters).
bool is_matched(const httplib::Request& request);

// --- Workers --------------------------------------------------------------------------------------------------------

/// The result type of TaskQueue::enqueue(): void until 0.14, then bool.
using EnqueueResult = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

/// Returns false if the queue refuses the task.
bool enqueue_in(httplib::TaskQueue& queue, std::function<void()> task);

// --- The server -----------------------------------------------------------------------------------------------------

/// One of a server's route tables: regular expressions until 0.12, then also patterns with parameters.
template <typename Handler>
struct HttplibRoutes {
  const void* table;
  const Handler* (*find)(const void* table, const std::string& path);

  /// The handler of the first route that matches `path`; null without one. Throws std::regex_error if the path is too
  /// complex for an expression.
  const Handler* find_first(const std::string& path) const { return find(table, path); }
};

struct HttplibInsides {
  using Handler = httplib::Server::Handler;
  using PieceHandler = httplib::Server::HandlerWithContentReader;

  /// Whether the program's code or settings take part in requests of Millrace's routes: handlers around the routes,
  /// loggers, a writer of header fields, trusted proxies.
  bool has_hooks;
  bool has_files;
  bool has_websockets;
  const httplib::Server::ExceptionHandler& exception;
  const httplib::Server::HandlerWithResponse& error;
  HttplibRoutes<Handler> get;
  HttplibRoutes<Handler> post;
  HttplibRoutes<Handler> put;
  HttplibRoutes<Handler> patch;
  HttplibRoutes<Handler> erase;
  HttplibRoutes<Handler> options;
  HttplibRoutes<PieceHandler> post_pieces;
  HttplibRoutes<PieceHandler> put_pieces;
  HttplibRoutes<PieceHandler> patch_pieces;
  HttplibRoutes<PieceHandler> erase_pieces;
  const httplib::Headers& default_headers;
  std::size_t keep_alive_count;
  time_t keep_alive_seconds;
  Duration keep_alive_timeout;  ///< the same, from 0 to kMaxOptionTime, like the others
  Duration read_timeout;        ///< for one wait for input
  Duration write_timeout;       ///< for one wait for room
  std::size_t& max_body_bytes;
  const std::atomic<socket_t>& listening_socket;  ///< INVALID_SOCKET after it was shut down
};

/// The value of the field Keep-Alive.
std::string keep_alive_terms(const HttplibInsides& insides);

/// References into `server`.
HttplibInsides look_into(httplib::Server& server);

/// Makes `socket` the one that a bind would have made. It listens already, or is never accepted from.
void give_socket(httplib::Server& server, socket_t socket);

/// Serves one request of the stream with its handlers, by httplib::Server::process_request(). `set_up` gets the request
/// when its head has been read.
bool process_request(httplib::Server& server, HttplibStream& stream, bool close_connection,
                     const std::function<void(httplib::Request&)>& set_up);

/// Calls `seen` for each request that cpp-httplib itself refuses, before the program's error logger, until the returned
/// function is called (since 0.25; earlier versions: does nothing).
std::function<void()> watch_refusals(httplib::Server& server, void (*seen)(const httplib::Request& request));

/// Makes responses have their fields of one name in the order in which they were set, until the returned function is
/// called. (In versions without an order of their own; others: does nothing.)
std::function<void()> keep_fields_in_order(httplib::Server& server);

}  // namespace millrace
