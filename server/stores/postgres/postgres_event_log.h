// PostgresEventLog: an event log that several servers share, in a PostgreSQL database. pg_writer.h says how the log
// keeps its order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "pg_queries.h"
#include "pg_writer.h"
#include "stores/common/shared_event_log.h"

namespace millrace {

/// How a SharedEventLog talks to PostgreSQL.
class PgSpeech {
 public:
  using Error = PgError;
  using Queries = PgQueries;
  using Writer = PgWriter;
  using Listener = PgConnection;
  using Options = PgWriter::Options;

  static constexpr const char* kReconnecting = "the server is reconnecting to PostgreSQL";
  static constexpr const char* kReplaced = kPostgresLogReplaced;
  static constexpr bool kHasOutbox = true;

  explicit PgSpeech(Options options) : options_(std::move(options)) {}

  std::unique_ptr<PgQueries> open_queries() const { return std::make_unique<PgQueries>(options_.connection); }
  std::unique_ptr<PgWriter> open_writer(const std::string& epoch, std::uint64_t head);
  std::unique_ptr<PgConnection> listen(const std::string& epoch) const;
  /// Ignores what this server's own writer says.
  bool take_news(PgConnection& listener) const { return listener.take_notifications(own_backend_); }
  static bool is_survived(const PgError& /*error*/) { return false; }
  void look_after(PgWriter& /*writer*/, std::uint64_t /*head*/, bool /*is_accepting*/) const {}

 private:
  const Options options_;
  std::atomic<int> own_backend_ = 0;  // the writer's
};

extern template class SharedEventLog<PgSpeech>;
using PostgresEventLog = SharedEventLog<PgSpeech>;

}  // namespace millrace
