#include "httplib_versions.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <regex>
#include <type_traits>
#include <typeinfo>

#include "base/field_order.h"
#include "http/field_text.h"
#include "millrace/server/limits.h"

namespace millrace {

// --- Requests -------------------------------------------------------------------------------------------------------

bool httplib_decodes(std::string_view name) {
  if (kHttplibVersion >= httplib_version(44)) return false;
  if (kHttplibVersion >= httplib_version(12, 2) && equals_ignoring_case(name, "Location")) return false;
  return kHttplibVersion < httplib_version(18, 6) || !equals_ignoring_case(name, "Referer");
}

namespace {

// The value of `digits` hexadecimal digits; -1 if they are invalid.
int hex_value(std::string_view text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    const char lower = to_lower(c);
    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

// Appends nothing for a surrogate.
void append_utf8(int code, std::string& text) {
  const auto byte = [&](int value) { text += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | (code >> 6));
    return byte(0x80 | (code & 0x3f));
  }
  if (code >= 0xd800 && code < 0xe000) return;
  byte(0xe0 | (code >> 12));
  byte(0x80 | ((code >> 6) & 0x3f));
  byte(0x80 | (code & 0x3f));
}

}  // namespace

// Decodes `%41` and `%u0041`; other percent signs stay. All versions do this, in functions of different names.
std::string httplib_decoded(std::string_view value) {
  std::string decoded;
  decoded.reserve(value.size());
  while (!value.empty()) {
    const bool is_unicode = value.starts_with("%u");
    const std::size_t escape = is_unicode ? 2 : 1;
    const std::size_t digits = is_unicode ? 4 : 2;
    const int code = value.front() == '%' ? hex_value(value.substr(std::min(escape, value.size())), digits) : -1;
    if (code < 0) {
      decoded += value.front();
      value.remove_prefix(1);
      continue;
    }
    if (is_unicode) {
      append_utf8(code, decoded);
    } else {
      decoded += static_cast<char>(code);
    }
    value.remove_prefix(escape + digits);
  }
  return decoded;
}

// Accepts media types alone, each with its slash; cpp-httplib must check qualities and other parameters.
bool may_httplib_refuse_accept(std::string_view value) {
  if (kHttplibVersion < httplib_version(23) || value.empty()) return false;
  if (value.find(';') != std::string_view::npos) return true;
  for (bool is_more = true; is_more;) {
    const std::size_t end = value.find(',');
    is_more = end != std::string_view::npos;
    if (value.substr(0, end).find('/') == std::string_view::npos) return true;
    if (is_more) value.remove_prefix(end + 1);
  }
  return false;
}

namespace {

// The newest versions leave no other mark where a route is a path without expressions or parameters.
template <typename Request>
bool is_matched_by_any(const Request& request) {
  if constexpr (requires { request.matched_route; }) {  // since 0.21
    return !request.matched_route.empty();
  } else if constexpr (requires { request.path_params; }) {
    return !request.matches.empty() || !request.path_params.empty();
  } else {
    return !request.matches.empty();
  }
}

}  // namespace

bool is_matched(const httplib::Request& request) {
  return is_matched_by_any(request);
}

// --- Workers --------------------------------------------------------------------------------------------------------

namespace {

template <typename Queue>
bool enqueue_any(Queue& queue, std::function<void()> task) {
  if constexpr (std::is_void_v<decltype(queue.enqueue(std::move(task)))>) {
    queue.enqueue(std::move(task));
    return true;
  } else {
    return queue.enqueue(std::move(task));
  }
}

}  // namespace

bool enqueue_in(httplib::TaskQueue& queue, std::function<void()> task) {
  return enqueue_any(queue, std::move(task));
}

// --- The server -----------------------------------------------------------------------------------------------------

HttplibInsides open_up(httplib::Server& server);
void give_socket_to(httplib::Server& server, socket_t socket);
bool process_request_of(httplib::Server& server, HttplibStream& stream, bool close_connection,
                        const std::function<void(httplib::Request&)>& set_up);
std::function<void()> watch_refusals_of(httplib::Server& server, void (*seen)(const httplib::Request& request));
std::function<void()> keep_order_in(httplib::Server& server);

namespace {

using SetUp = std::function<void(httplib::Request&)>;

// A negative time counts as 0, and one beyond kMaxOptionTime as that, so that none overflows in a sum.
Duration time_of(time_t seconds, time_t microseconds) {
  const std::chrono::seconds most = std::chrono::duration_cast<std::chrono::seconds>(kMaxOptionTime);
  const auto whole = std::clamp(std::chrono::seconds{seconds}, -most, most);
  const auto rest = std::chrono::duration_cast<Duration>(std::chrono::microseconds{microseconds});
  return std::clamp(whole + rest, Duration{0}, kMaxOptionTime);
}

// Of the overloads for different versions, only one is used.

// Replaces httplib::Server in versions without the member.
// NOLINTBEGIN(readability-identifier-naming): cpp-httplib's names
struct NotYet {
  std::nullptr_t header_writer_;
  std::nullptr_t pre_request_handler_;
  std::nullptr_t pre_compression_logger_;
  std::nullptr_t error_logger_;
  std::nullptr_t trusted_proxies_;
  std::nullptr_t websocket_handlers_;
};
// NOLINTEND(readability-identifier-naming)
template <int kVersion>
using Since = std::conditional_t<(kHttplibVersion >= kVersion), httplib::Server, NotYet>;

// Whether the program has set the member.
template <typename Member>
bool is_set(const httplib::Server& server, Member httplib::Server::*member) {
  if constexpr (requires(Member value) { value.empty(); }) {
    return !(server.*member).empty();
  } else {
    return server.*member != nullptr;
  }
}
[[maybe_unused]] bool is_set(const httplib::Server& /*server*/, std::nullptr_t NotYet::* /*member*/) {
  return false;
}

// cpp-httplib's own writer is a function, whose type depends on the version.
template <typename Writer>
bool is_own_writer(const Writer& writer, const Writer& own) {
  if (writer.target_type() != own.target_type()) return false;
  using Plain = ssize_t (*)(httplib::Stream&, httplib::Headers&);
  using OfConst = ssize_t (*)(httplib::Stream&, const httplib::Headers&);
  if (writer.template target<Plain>() != nullptr) {
    return *writer.template target<Plain>() == *own.template target<Plain>();
  }
  if (writer.template target<OfConst>() != nullptr) {
    return *writer.template target<OfConst>() == *own.template target<OfConst>();
  }
  return false;
}
template <typename Writer>
bool has_writer_of_programs(const httplib::Server& server, Writer httplib::Server::*member) {
  return !is_own_writer(server.*member, httplib::Server().*member);
}
[[maybe_unused]] bool has_writer_of_programs(const httplib::Server& /*server*/, std::nullptr_t NotYet::* /*member*/) {
  return false;
}

template <typename Matcher>
bool matches(const Matcher& matcher, const std::string& path) {
  if constexpr (std::is_same_v<Matcher, std::regex>) {
    return std::regex_match(path, matcher);
  } else {
    httplib::Request asked;
    asked.path = path;
    return matcher->match(asked);
  }
}

template <typename Table>
auto routes_of(const Table& table) {
  using Handler = typename Table::value_type::second_type;
  return HttplibRoutes<Handler>{.table = &table, .find = [](const void* opaque, const std::string& path) {
                                  const Table& routes = *static_cast<const Table*>(opaque);
                                  const auto first = std::find_if(routes.begin(), routes.end(), [&](const auto& route) {
                                    return matches(route.first, path);
                                  });
                                  return first == routes.end() ? static_cast<const Handler*>(nullptr) : &first->second;
                                }};
}

// Until 0.17 cpp-httplib reads the addresses from the stream; later they are arguments. Since 0.33 it reports whether
// the connection has become a websocket.
[[maybe_unused]] bool process_by(bool (httplib::Server::*process)(httplib::Stream&, bool, bool&, const SetUp&),
                                 httplib::Server& server, HttplibStream& stream, bool close_connection,
                                 const SetUp& set_up) {
  bool is_closed = false;
  return (server.*process)(stream, close_connection, is_closed, set_up);
}
template <typename... Upgraded>
bool process_by(bool (httplib::Server::*process)(httplib::Stream&, const std::string&, int, const std::string&, int,
                                                 bool, bool&, const SetUp&, Upgraded...),
                httplib::Server& server, HttplibStream& stream, bool close_connection, const SetUp& set_up) {
  std::string remote;
  std::string local;
  int remote_port = 0;
  int local_port = 0;
  stream.get_remote_ip_and_port(remote, remote_port);
  stream.get_local_ip_and_port(local, local_port);
  bool is_closed = false;
  return (server.*process)(stream, remote, remote_port, local, local_port, close_connection, is_closed, set_up,
                           Upgraded(nullptr)...);
}

template <typename Logger>
std::function<void()> watch_by(Logger httplib::Server::*member, httplib::Server& server,
                               void (*seen)(const httplib::Request&)) {
  Logger of_program = server.*member;
  server.*member = [seen, of_program](const auto& error, const httplib::Request* request) {
    if (request != nullptr) seen(*request);
    if (of_program != nullptr) of_program(error, request);
  };
  return [&server, member, of_program] { server.*member = of_program; };
}
[[maybe_unused]] std::function<void()> watch_by(std::nullptr_t NotYet::* /*member*/, httplib::Server& /*server*/,
                                                void (* /*seen*/)(const httplib::Request&)) {
  return [] {};
}

// cpp-httplib calls the writer once for each response, when all its fields are set.
template <typename Writer>
std::function<void()> keep_order_by(Writer httplib::Server::*member, httplib::Server& server) {
  if constexpr (!kAreFieldsUnordered<httplib::Headers>) {
    return [] {};
  } else {
    Writer usual = server.*member;
    server.*member = [usual](httplib::Stream& stream, auto& headers) {
      put_in_order(headers);
      return usual(stream, headers);
    };
    return [&server, member, usual] { server.*member = usual; };
  }
}
[[maybe_unused]] std::function<void()> keep_order_by(std::nullptr_t NotYet::* /*member*/, httplib::Server& /*server*/) {
  return [] {};
}

}  // namespace

// An explicit instantiation may name private members [temp.explicit]; the friend functions use them.
template <auto kPreRouting, auto kPostRouting, auto kPreRequest, auto kLogger, auto kPreCompressionLogger,
          auto kErrorLogger, auto kHeaderWriter, auto kTrustedProxies, auto kWebsockets, auto kFiles, auto kException,
          auto kError, auto kGet, auto kPost, auto kPut, auto kPatch, auto kErase, auto kOptions, auto kPostPieces,
          auto kPutPieces, auto kPatchPieces, auto kErasePieces, auto kDefaultHeaders, auto kKeepAliveCount,
          auto kKeepAliveSeconds, auto kMaxBodyBytes, auto kReadSeconds, auto kReadMicroseconds, auto kWriteSeconds,
          auto kWriteMicroseconds, auto kSocket, auto kProcessRequest>
struct Opened {
  static bool has_hooks(const httplib::Server& server) {
    return is_set(server, kPreRouting) || is_set(server, kPostRouting) || is_set(server, kPreRequest) ||
           is_set(server, kLogger) || is_set(server, kPreCompressionLogger) || is_set(server, kErrorLogger) ||
           is_set(server, kTrustedProxies) || has_writer_of_programs(server, kHeaderWriter);
  }
  friend HttplibInsides open_up(httplib::Server& server) {
    return {.has_hooks = has_hooks(server),
            .has_files = is_set(server, kFiles),
            .has_websockets = is_set(server, kWebsockets),
            .exception = server.*kException,
            .error = server.*kError,
            .get = routes_of(server.*kGet),
            .post = routes_of(server.*kPost),
            .put = routes_of(server.*kPut),
            .patch = routes_of(server.*kPatch),
            .erase = routes_of(server.*kErase),
            .options = routes_of(server.*kOptions),
            .post_pieces = routes_of(server.*kPostPieces),
            .put_pieces = routes_of(server.*kPutPieces),
            .patch_pieces = routes_of(server.*kPatchPieces),
            .erase_pieces = routes_of(server.*kErasePieces),
            .default_headers = server.*kDefaultHeaders,
            .keep_alive_count = server.*kKeepAliveCount,
            .keep_alive_seconds = server.*kKeepAliveSeconds,
            .keep_alive_timeout = time_of(server.*kKeepAliveSeconds, 0),
            .read_timeout = time_of(server.*kReadSeconds, server.*kReadMicroseconds),
            .write_timeout = time_of(server.*kWriteSeconds, server.*kWriteMicroseconds),
            .max_body_bytes = server.*kMaxBodyBytes,
            .listening_socket = server.*kSocket};
  }
  friend void give_socket_to(httplib::Server& server, socket_t socket) { server.*kSocket = socket; }
  friend bool process_request_of(httplib::Server& server, HttplibStream& stream, bool close_connection,
                                 const SetUp& set_up) {
    return process_by(kProcessRequest, server, stream, close_connection, set_up);
  }
  friend std::function<void()> watch_refusals_of(httplib::Server& server, void (*seen)(const httplib::Request&)) {
    return watch_by(kErrorLogger, server, seen);
  }
  friend std::function<void()> keep_order_in(httplib::Server& server) { return keep_order_by(kHeaderWriter, server); }
};
template struct Opened<
    &httplib::Server::pre_routing_handler_, &httplib::Server::post_routing_handler_,
    &Since<httplib_version(21)>::pre_request_handler_, &httplib::Server::logger_,
    &Since<httplib_version(23)>::pre_compression_logger_, &Since<httplib_version(25)>::error_logger_,
    &Since<httplib_version(14, 1)>::header_writer_, &Since<httplib_version(27)>::trusted_proxies_,
    &Since<httplib_version(33)>::websocket_handlers_, &httplib::Server::base_dirs_,
    &httplib::Server::exception_handler_, &httplib::Server::error_handler_, &httplib::Server::get_handlers_,
    &httplib::Server::post_handlers_, &httplib::Server::put_handlers_, &httplib::Server::patch_handlers_,
    &httplib::Server::delete_handlers_, &httplib::Server::options_handlers_,
    &httplib::Server::post_handlers_for_content_reader_, &httplib::Server::put_handlers_for_content_reader_,
    &httplib::Server::patch_handlers_for_content_reader_, &httplib::Server::delete_handlers_for_content_reader_,
    &httplib::Server::default_headers_, &httplib::Server::keep_alive_max_count_,
    &httplib::Server::keep_alive_timeout_sec_, &httplib::Server::payload_max_length_,
    &httplib::Server::read_timeout_sec_, &httplib::Server::read_timeout_usec_, &httplib::Server::write_timeout_sec_,
    &httplib::Server::write_timeout_usec_, &httplib::Server::svr_sock_, &httplib::Server::process_request>;

std::string keep_alive_terms(const HttplibInsides& insides) {
  return "timeout=" + std::to_string(insides.keep_alive_seconds) + ", max=" + std::to_string(insides.keep_alive_count);
}

HttplibInsides look_into(httplib::Server& server) {
  return open_up(server);
}

void give_socket(httplib::Server& server, socket_t socket) {
  give_socket_to(server, socket);
}

bool process_request(httplib::Server& server, HttplibStream& stream, bool close_connection, const SetUp& set_up) {
  return process_request_of(server, stream, close_connection, set_up);
}

std::function<void()> watch_refusals(httplib::Server& server, void (*seen)(const httplib::Request& request)) {
  return watch_refusals_of(server, seen);
}

std::function<void()> keep_fields_in_order(httplib::Server& server) {
  return keep_order_in(server);
}

}  // namespace millrace
