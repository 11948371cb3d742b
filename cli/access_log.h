// AccessLog: the log of requests and event streams of `millrace serve --access-log`.
//
// Lines are written on a thread of its own, so that no event loop waits for a disk: at most kMaxWaitingLines wait.
// Beyond it the oldest are dropped, and the program's log says how many.
#pragma once

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "millrace/server/access_record.h"

namespace millrace::cli {

/// Most lines that wait to be written.
inline constexpr std::size_t kMaxWaitingLines = 8'192;

class AccessLog {
 public:
  struct Options {
    std::string file;          ///< `-`: standard error
    bool json = false;         ///< otherwise text
    std::size_t every_th = 1;  ///< of requests that succeed, one in so many is written; streams and errors always are
  };

  /// Throws UsageError if the file cannot be opened.
  explicit AccessLog(const Options& options);
  /// Writes what waits.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// Any thread; does not wait.
  void write(const AccessRecord& record);

  /// Opens the file again, which may have been moved. If that fails, logs it and keeps the old one.
  void reopen();

 private:
  class File;

  void report_dropped();

  const Options options_;
  std::shared_ptr<File> file_;
  std::shared_ptr<spdlog::details::thread_pool> thread_;
  std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<std::uint64_t> requests_ = 0;  // that have succeeded
  std::atomic<std::size_t> reported_ = 0;    // of lines that were dropped
};

/// The record as a line: a JSON object, or text.
std::string line_of(const AccessRecord& record, bool json);

}  // namespace millrace::cli
