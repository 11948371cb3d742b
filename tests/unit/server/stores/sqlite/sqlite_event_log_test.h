// SqliteEventLogTest: a log in a file of its own, which is opened again and again.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "scripted_outlet.h"
#include "stores/sqlite/sqlite_event_log.h"
#include "temporary_folder.h"

namespace millrace::test {

class SqliteEventLogTest : public ::testing::Test {
 protected:
  SqliteEventLog& open(const StoreBounds& bounds = {}, StoreSync sync = StoreSync::kNormal) {
    log_.reset();
    log_ = std::make_unique<SqliteEventLog>(
        SqliteEventLog::Options{.path = file_,
                                .sync = sync,
                                .bounds = bounds,
                                .new_epoch = "epoch" + std::to_string(++opened_),
                                .clock = [this] { return std::chrono::system_clock::time_point{now_}; }});
    log_->start({.on_appended =
                     [this](std::span<const LogEntry> entries) {
                       for (const LogEntry& entry : entries) delivered_.push_back(entry.sequence);
                     },
                 .on_status = [](const StoreStatus&) {}});
    return *log_;
  }

  std::uint64_t append(std::string_view data = "x", EventId id = {}, Topic topic = "a") {
    return append({.topic = topic, .event = {.data = data, .id = id}});
  }
  std::uint64_t append(const Publication& publication) {
    std::uint64_t sequence = 0;
    log_->append({&publication, 1}, {&sequence, 1});
    return sequence;
  }

  // Why it cannot be opened.
  std::string refusal() {
    try {
      open();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "opened";
  }

  std::vector<std::uint64_t> everything() {
    std::vector<std::uint64_t> sequences;
    for (std::uint64_t seen = log_->oldest() - 1; seen < log_->head();) {
      const auto page = log_->read_after(seen, *filter_for({"**"}));
      for (const LogEntry& entry : page.entries) sequences.push_back(entry.sequence);
      seen = page.through;
    }
    return sequences;
  }

  std::uint64_t file_bytes() const { return std::filesystem::file_size(file_); }

  TemporaryFolder folder_;
  const std::string file_ = folder_.path("log");
  int opened_ = 0;
  std::chrono::milliseconds now_{1'000'000};
  std::vector<std::uint64_t> delivered_;
  std::unique_ptr<SqliteEventLog> log_;
};

}  // namespace millrace::test
