#include "httplib_insides.h"

namespace millrace {

HttplibInsides open_up(httplib::Server& server);

namespace {

Duration milliseconds(time_t seconds, time_t microseconds) {
  return Duration{static_cast<Duration::rep>(seconds) * 1000 + static_cast<Duration::rep>(microseconds) / 1000};
}

}  // namespace

// Names of private members are allowed in an explicit instantiation [temp.explicit]; the friend makes use of them.
template <auto kPreRouting, auto kPostRouting, auto kLogger, auto kFiles, auto kException, auto kError, auto kGet,
          auto kPost, auto kPut, auto kPatch, auto kErase, auto kOptions, auto kPostPieces, auto kPutPieces,
          auto kPatchPieces, auto kErasePieces, auto kDefaultHeaders, auto kKeepAliveCount, auto kKeepAliveSeconds,
          auto kMaxBodyBytes, auto kReadSeconds, auto kReadMicroseconds, auto kWriteSeconds, auto kWriteMicroseconds,
          auto kSocket, auto kProcessRequest>
struct Opened {
  friend HttplibInsides open_up(httplib::Server& server) {
    return {.has_pre_routing = server.*kPreRouting != nullptr,
            .has_post_routing = server.*kPostRouting != nullptr,
            .has_logger = server.*kLogger != nullptr,
            .has_files = !(server.*kFiles).empty(),
            .exception = server.*kException,
            .error = server.*kError,
            .get = server.*kGet,
            .post = server.*kPost,
            .put = server.*kPut,
            .patch = server.*kPatch,
            .erase = server.*kErase,
            .options = server.*kOptions,
            .post_pieces = server.*kPostPieces,
            .put_pieces = server.*kPutPieces,
            .patch_pieces = server.*kPatchPieces,
            .erase_pieces = server.*kErasePieces,
            .default_headers = server.*kDefaultHeaders,
            .keep_alive_count = server.*kKeepAliveCount,
            .keep_alive_seconds = server.*kKeepAliveSeconds,
            .read_timeout = milliseconds(server.*kReadSeconds, server.*kReadMicroseconds),
            .write_timeout = milliseconds(server.*kWriteSeconds, server.*kWriteMicroseconds),
            .max_body_bytes = server.*kMaxBodyBytes,
            .listening_socket = server.*kSocket,
            .process_request = kProcessRequest};
  }
};
template struct Opened<
    &httplib::Server::pre_routing_handler_, &httplib::Server::post_routing_handler_, &httplib::Server::logger_,
    &httplib::Server::base_dirs_, &httplib::Server::exception_handler_, &httplib::Server::error_handler_,
    &httplib::Server::get_handlers_, &httplib::Server::post_handlers_, &httplib::Server::put_handlers_,
    &httplib::Server::patch_handlers_, &httplib::Server::delete_handlers_, &httplib::Server::options_handlers_,
    &httplib::Server::post_handlers_for_content_reader_, &httplib::Server::put_handlers_for_content_reader_,
    &httplib::Server::patch_handlers_for_content_reader_, &httplib::Server::delete_handlers_for_content_reader_,
    &httplib::Server::default_headers_, &httplib::Server::keep_alive_max_count_,
    &httplib::Server::keep_alive_timeout_sec_, &httplib::Server::payload_max_length_,
    &httplib::Server::read_timeout_sec_, &httplib::Server::read_timeout_usec_, &httplib::Server::write_timeout_sec_,
    &httplib::Server::write_timeout_usec_, &httplib::Server::svr_sock_, &httplib::Server::process_request>;

HttplibInsides look_into(httplib::Server& server) {
  return open_up(server);
}

}  // namespace millrace
