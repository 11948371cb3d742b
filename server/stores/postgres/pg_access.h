// PgAccess: a log in PostgreSQL, as its operators need it. One connection, one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "millrace/server/store_access.h"
#include "pg_connection.h"

namespace millrace {

class PgAccess final : public StoreAccess {
 public:
  /// Connects; makes nothing. `shown`: the address for sentences. Throws PgError.
  PgAccess(const PgConnection::Options& options, std::string shown);

  StoreDescription describe() override;
  std::vector<std::string> find_damage() override;
  void update(Update update) override;
  std::vector<Entry> read_after(std::uint64_t sequence) override;
  void fill(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) override;

 private:
  void check_tables();
  void check_current_tables();
  std::vector<std::string> damage_of_tables();
  std::vector<Entry> page_after(std::uint64_t sequence);
  void fill_tables(const StoreDescription& log, const std::function<std::optional<Entry>()>& next);
  void insert(const std::vector<Entry>& entries);
  template <typename Work>
  auto named(const Work& work) -> decltype(work());

  const PgConnection::Options options_;
  const std::string shown_;
  PgConnection connection_;
  bool is_reading_ = false;
};

}  // namespace millrace
