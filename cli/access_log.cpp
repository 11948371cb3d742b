#include "access_log.h"

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "command.h"
#include "log.h"
#include "terminal_text.h"
#include "thread_name.h"

namespace millrace::cli {

// A file that can be opened again, or standard error. Written to by the log's thread.
class AccessLog::File final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit File(std::string path) : path_(std::move(path)) {
    descriptor_ = open_file();
    if (descriptor_ < 0) throw UsageError("--access-log: cannot open \"" + path_ + "\": " + std::strerror(errno));
  }
  ~File() override {
    if (is_file()) ::close(descriptor_);
  }

  void reopen() {
    if (!is_file()) return;
    const int fresh = open_file();
    if (fresh < 0) {
      return spdlog::error("could not reopen the access log \"{}\"; still writing to the old file: {}", path_,
                           std::strerror(errno));
    }
    const std::lock_guard lock(mutex_);
    ::close(std::exchange(descriptor_, fresh));
  }

 private:
  bool is_file() const { return path_ != "-"; }
  int open_file() const {
    return is_file() ? ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : STDERR_FILENO;
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    if (write_whole(line)) {
      has_failed_ = false;
    } else if (!std::exchange(has_failed_, true)) {
      spdlog::error("cannot write to the access log: {}", std::strerror(errno));
    }
  }
  void flush_() override {}

  // A pipe may take a part of a long line, above all where a signal comes.
  bool write_whole(std::string_view line) const {
    while (!line.empty()) {
      const ssize_t count = ::write(descriptor_, line.data(), line.size());
      if (count == 0 || (count < 0 && errno != EINTR)) return false;
      if (count > 0) line.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  const std::string path_;
  int descriptor_ = -1;
  bool has_failed_ = false;
};

AccessLog::AccessLog(const Options& options)
    : options_(options),
      file_(std::make_shared<File>(options.file)),
      thread_(std::make_shared<spdlog::details::thread_pool>(kMaxWaitingLines, 1,
                                                             [] { name_this_thread("millrace-access"); })),
      logger_(std::make_shared<spdlog::async_logger>("access", file_, thread_,
                                                     spdlog::async_overflow_policy::overrun_oldest)) {}

AccessLog::~AccessLog() {
  report_dropped();
}

void AccessLog::write(const AccessRecord& record) {
  const bool is_plain = record.end == AccessEnd::kAnswered && record.status >= 200 && record.status < 400;
  if (is_plain && requests_.fetch_add(1, std::memory_order_relaxed) % options_.every_th != 0) return;
  logger_->info(spdlog::string_view_t(line_of(record, options_.json)));
  if (thread_->overrun_counter() != reported_.load(std::memory_order_relaxed)) report_dropped();
}

// Not for each line: at most once for every full queue.
void AccessLog::report_dropped() {
  const std::size_t dropped = thread_->overrun_counter();
  std::size_t reported = reported_;
  if (dropped < reported + kMaxWaitingLines && dropped != 0 && reported != 0) return;
  if (dropped == reported || !reported_.compare_exchange_strong(reported, dropped)) return;
  spdlog::warn(
      "{} lines of the access log were dropped, since they came faster than they could be written; see "
      "--access-log-every",
      dropped);
}

void AccessLog::reopen() {
  file_->reopen();
}

namespace {

std::string as_json(const AccessRecord& record) {
  nlohmann::ordered_json line{{"time", utc_now()},
                              {"address", record.address},
                              {"method", record.method},
                              {"path", record.path},
                              {"status", record.status},
                              {"bytes", record.bytes},
                              {"duration_ms", record.duration.count()},
                              {"user", record.user}};
  if (!record.traceparent.empty()) line["traceparent"] = record.traceparent;
  if (!record.tracestate.empty()) line["tracestate"] = record.tracestate;
  if (record.end != AccessEnd::kAnswered) {
    line["end"] = text_of(record.end);
    line["client"] = record.client;
    line["topics"] = record.topics;
    line["last_event_id"] = record.last_event_id;
    line["events"] = record.events;
  }
  return printable_json(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string in_quotes(std::string_view text) {
  return printable_json(nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string as_text(const AccessRecord& record) {
  std::string line = utc_now() + " " + record.address + " " + (record.user.empty() ? "-" : in_quotes(record.user)) +
                     " " + in_quotes(record.method + " " + record.path) + " " + std::to_string(record.status) + " " +
                     std::to_string(record.bytes) + "B " + std::to_string(record.duration.count()) + "ms";
  if (!record.traceparent.empty()) line += " traceparent=" + record.traceparent;
  if (!record.tracestate.empty()) line += " tracestate=" + in_quotes(record.tracestate);
  if (record.end == AccessEnd::kAnswered) return line;
  line.append(" end=").append(text_of(record.end)).append(" events=").append(std::to_string(record.events));
  for (const std::string& topic : record.topics) line += " topic=" + in_quotes(topic);
  if (!record.client.empty()) line += " client=" + in_quotes(record.client);
  if (!record.last_event_id.empty()) line += " last-event-id=" + in_quotes(record.last_event_id);
  return line;
}

}  // namespace

std::string line_of(const AccessRecord& record, bool json) {
  return json ? as_json(record) : as_text(record);
}

}  // namespace millrace::cli
