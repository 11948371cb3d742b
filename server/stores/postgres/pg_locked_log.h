// PgWriter::LockedLog: a transaction that holds the log's lock, see pg_writer.h.
#pragma once

#include "pg_writer.h"

namespace millrace {

class PgWriter::LockedLog {
 public:
  explicit LockedLog(PgWriter& writer);
  /// Stores the writer's row of the log, and commits.
  void commit();

 private:
  PgWriter& writer_;
  PgTransaction transaction_;
};

}  // namespace millrace
