// What differs between the versions of cpp-httplib, from 0.11.4 to 0.53: nothing else knows which one it is compiled
// with. Also the private members of its server, whose names and types differ. (The functions that set its handlers are
// not virtual, so that any code with an httplib::Server& can set them: reading the members is the only way to know.)
//
// The language is asked where it can tell (requires, overloads), the version where it cannot.
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

/// httplib::Stream with the same functions in all versions. Which of them it has itself depends on the version, hence
/// no `override`.
// NOLINTBEGIN(modernize-use-override)
class HttplibStream : public httplib::Stream {
 public:
  /// Waits for bytes to read; false if none come.
  virtual bool wait_readable() const = 0;
  /// Waits for room to write; false if there will be none, or if the client has gone.
  virtual bool wait_writable() const = 0;
  /// Whether the client is still there. Does not wait.
  virtual bool is_peer_alive() const = 0;
  /// Whether bytes have come that have not been read. Does not wait.
  virtual bool has_input() const = 0;

  /// Until 0.19 it waits; later it does not.
  virtual bool is_readable() const {
    return kHttplibVersion < httplib_version(20) ? has_input() || wait_readable() : has_input();
  }
  /// Until 0.19.
  virtual bool is_writable() const { return wait_writable(); }
  /// Since 0.19, for clients.
  virtual time_t duration() const { return 0; }
  /// Since 0.33, for websockets.
  virtual void set_read_timeout(time_t seconds, time_t microseconds) = 0;
  /// Since 0.52: what has come of the head, to be read at once and not byte by byte.
  virtual const char* buffered_data(std::size_t& size) const = 0;
  virtual void consume_buffered(std::size_t size) = 0;
};
// NOLINTEND(modernize-use-override)

// --- Requests -------------------------------------------------------------------------------------------------------

/// Most lines of a head's fields (since 0.22); it refuses more with 400.
#ifdef CPPHTTPLIB_HEADER_MAX_COUNT
inline constexpr std::size_t kMaxHttplibFields = CPPHTTPLIB_HEADER_MAX_COUNT;
#else
inline constexpr std::size_t kMaxHttplibFields = static_cast<std::size_t>(-1);
#endif

/// What becomes of a response's connection: since 0.28 it says `Connection: close` with every error.
inline constexpr bool kHttplibClosesOnErrors = kHttplibVersion >= httplib_version(28);

/// Whether it keeps fields without a value.
inline constexpr bool kHttplibKeepsEmptyFields = kHttplibVersion >= httplib_version(18, 1);

/// Whether it answers 415 where it does not know the Content-Encoding; else it hands the body on as it is.
inline constexpr bool kHttplibRefusesUnknownCodings =
    kHttplibVersion >= httplib_version(29) && kHttplibVersion < httplib_version(52);

/// Whether it percent-decodes the value of the field `name`.
bool httplib_decodes(std::string_view name);
/// Decodes as it does.
std::string httplib_decoded(std::string_view value);

/// Whether it may refuse `value`, of the field Accept (since 0.23). True also of uncommon values that it takes.
bool may_httplib_refuse_accept(std::string_view value);

/// Whether a route has been found for the request, and has been asked (matches, path parameters).
bool is_matched(const httplib::Request& request);

// --- Workers --------------------------------------------------------------------------------------------------------

/// What TaskQueue::enqueue() returns: nothing until 0.14, then bool.
using EnqueueResult = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

/// False if the queue does not take the task.
bool enqueue_in(httplib::TaskQueue& queue, std::function<void()> task);

// --- The server -----------------------------------------------------------------------------------------------------

/// One of a server's tables of routes: regular expressions until 0.12, then also patterns with parameters.
template <typename Handler>
struct HttplibRoutes {
  const void* table;
  const Handler* (*find)(const void* table, const std::string& path);

  /// The handler of the first route that takes `path`; null if there is none. Throws std::regex_error if the path is
  /// too much for an expression.
  const Handler* find_first(const std::string& path) const { return find(table, path); }
};

struct HttplibInsides {
  using Handler = httplib::Server::Handler;
  using PieceHandler = httplib::Server::HandlerWithContentReader;

  /// Code of the program's, or a setting, has a part in requests which are not its own: handlers around the routes,
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
  Duration read_timeout;   ///< of a wait for the client to send
  Duration write_timeout;  ///< of a wait for the client to take something
  std::size_t& max_body_bytes;
  const std::atomic<socket_t>& listening_socket;  ///< INVALID_SOCKET once it has been shut down
};

/// What the field Keep-Alive says.
std::string keep_alive_terms(const HttplibInsides& insides);

/// References into `server`.
HttplibInsides look_into(httplib::Server& server);

/// Serves one request of the stream, handlers and all: httplib::Server::process_request(). `set_up` gets the request
/// when its head has been read.
bool process_request(httplib::Server& server, HttplibStream& stream, bool close_connection,
                     const std::function<void(httplib::Request&)>& set_up);

/// Has `seen` called for each request that cpp-httplib refuses by itself, before the program's error logger, until the
/// returned function is called (since 0.25; before, nothing).
std::function<void()> watch_refusals(httplib::Server& server, void (*seen)(const httplib::Request& request));

}  // namespace millrace
