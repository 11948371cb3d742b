#include "request_dispatch.h"

#include <algorithm>
#include <new>
#include <string>
#include <string_view>

#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "http/error_response.h"

namespace millrace {

namespace {

// The request's name in failure reports; empty if there is no memory for it.
std::string request_line_of(const Exchange& exchange) noexcept try {
  const std::string_view line = std::string_view(exchange.input).substr(0, exchange.input.find_first_of("\r\n"));
  const std::size_t method_end = std::min(line.find(' '), line.size());
  const std::string_view target = line.substr(std::min(method_end + 1, line.size()));
  return name_of(line.substr(0, method_end), target.substr(0, target.find(' ')));
} catch (const std::bad_alloc&) {
  return {};
}

}  // namespace

void RequestDispatch::stop() {
  bridge_.reset();
  parts_.uploads.reset();
}

// Requests whose bodies a worker must wait for must not occupy all workers.
void RequestDispatch::dispatch(const std::shared_ptr<Exchange>& exchange) {
  if (!exchange->is_upload()) return serve(exchange);
  switch (parts_.uploads.enter(exchange)) {
    case UploadGate::Permit::kGo:
      return serve(exchange);
    case UploadGate::Permit::kWait:
      return;
    case UploadGate::Permit::kRefuse:
      refuse(exchange, RefusalReason::kUploads, "too many uploads to the server");
      exchange->loop.give_back(exchange);
  }
}

// A refused upload passes its turn to a waiting one.
void RequestDispatch::serve(std::shared_ptr<Exchange> exchange) noexcept {
  while (exchange != nullptr && !give_to_worker(exchange)) {
    const bool is_upload = exchange->is_upload();
    ConnectionLoop& loop = exchange->loop;
    loop.give_back(std::move(exchange));
    exchange = is_upload ? parts_.uploads.leave() : nullptr;
  }
}

// Otherwise refuses the request.
bool RequestDispatch::give_to_worker(const std::shared_ptr<Exchange>& exchange) noexcept {
  try {
    if (parts_.workers.enqueue([this, exchange] { serve_on_worker(exchange); })) return true;
    refuse(exchange, RefusalReason::kWorkers, "the server has more requests than it can handle");
  } catch (const std::bad_alloc&) {
    refuse(exchange, RefusalReason::kMemory, kNoMemory);
  }
  return false;
}

// Without memory for a response, closes the connection.
void RequestDispatch::refuse(const std::shared_ptr<Exchange>& exchange, RefusalReason reason,
                             std::string_view sentence) noexcept {
  parts_.refusals.add(503, reason);
  exchange->status = 503;
  try {
    exchange->output.append(error_response({503, sentence}, parts_.retry_spread.draw(),
                                           parts_.cross_origin.lines_for(origin_in(exchange->input))));
  } catch (const std::bad_alloc&) {
    exchange->is_broken_off = true;
  }
}

void RequestDispatch::serve_on_worker(const std::shared_ptr<Exchange>& exchange) noexcept {
  // cpp-httplib catches exceptions of handlers, but not of loggers, content providers and others.
  const std::string name = request_line_of(*exchange);
  exchange->is_broken_off = !call_guarded(parts_.on_failure, name, [&] { bridge_->serve(*exchange); });
  if (exchange->failure != nullptr) report_failure(parts_.on_failure, name, exchange->failure);
  parts_.refusals.add(exchange->status, exchange->refusal);
  if (exchange->is_upload()) {
    if (const auto next = parts_.uploads.leave()) serve(next);
  }
  if (!exchange->taken) exchange->loop.give_back(exchange);
}

}  // namespace millrace
