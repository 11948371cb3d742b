// access_sqlite(): the file of a store, as its operators need it.
#include <memory>
#include <optional>
#include <utility>

#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/sqlite.h"
#include "schema.h"
#include "sqlite_queries.h"
#include "sqlite_writer.h"
#include "stores/common/boot_id.h"
#include "stores/common/lock_file.h"
#include "stores/common/named_store.h"
#include "write_ahead_log.h"

namespace millrace {

namespace {

// Sentences about damage, of which SQLite may have any number, and of rows as many again.
constexpr const char* kIntegrityCheck = "PRAGMA integrity_check(20)";
constexpr std::size_t kMostDamagedRows = 20;

void add_damage_of_rows(SqliteDatabase& database, std::vector<std::string>& damage) {
  const auto add = [&](const char* query, const char* what) {
    const std::int64_t count = database.number(query);
    if (count != 0) damage.push_back(std::to_string(count) + what);
  };
  add("SELECT count(*) FROM newest n WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.sequence = n.sequence)"
      " AND NOT EXISTS (SELECT 1 FROM retained r WHERE r.sequence = n.sequence)",
      " topics name a newest event that the file does not have");
  add("SELECT count(*) FROM further f WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.sequence = f.sequence)",
      " further topics belong to an event that the file does not have");
  add("SELECT count(*) FROM entries WHERE kind = 0 AND payload IS NULL", " events have no payload");
  add("SELECT count(*) FROM entries WHERE kind NOT IN (0, 1, 2)", " entries are of an unknown kind");
}

class SqliteAccess final : public StoreAccess {
 public:
  explicit SqliteAccess(std::string path) : path_(std::move(path)) {}

  StoreDescription describe() override {
    return named([&] {
      StoreDescription store = reading_ ? describe(reading_->database) : describe_now();
      store.durability = is_in_memory(path_) ? Durability::kProcess : Durability::kDisk;
      return store;
    });
  }

  std::vector<std::string> find_damage() override {
    return named([&] { return damage_of(SqliteDatabase(path_, SqliteDatabase::Mode::kRead)); });
  }

  void update(Update update) override {
    named([&] {
      // Before the file of locks, which would be left where there is no store.
      if (describe_now().version == kSqliteSchemaVersion) return;
      const LockFile locked(path_ + "-lock");
      rewrite_log(path_);
      SqliteDatabase database(path_, SqliteDatabase::Mode::kWrite);
      database.execute("PRAGMA synchronous = FULL");
      const int version = schema_version(database);
      database.execute("BEGIN IMMEDIATE");
      update_schema(database, version);
      const std::vector<std::string> damage = damage_of(database);
      if (!damage.empty()) throw StoreUnavailable("the updated tables are damaged: " + damage.front());
      database.execute(update == Update::kKeep ? "COMMIT" : "ROLLBACK");
      database.checkpoint_on_close();
    });
  }

  std::vector<Entry> read_after(std::uint64_t sequence) override {
    return named([&] {
      if (!reading_) reading_ = std::make_unique<Reading>(path_);
      return reading_->queries.read_all_after(sequence);
    });
  }

  void fill(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) override {
    named([&] {
      check_log(log);
      const LockFile locked(path_ + "-lock");
      SqliteWriter writer(path_, StoreSync::kFull, log.epoch, {.now = machine_boot_id()});
      if (writer.head() != 0) {
        throw StoreUnavailable("it has had " + std::to_string(writer.head()) +
                               " entries; name a file that does not exist, or move this one away");
      }
      SqliteWriter::Transaction transaction(writer);
      while (const std::optional<Entry> entry = next()) writer.restore(entry->entry, entry->is_retained);
      writer.restore_log(log.epoch, log.oldest);
      writer.skip_to(log.head);
      transaction.commit();
      writer.close();
    });
  }

 private:
  // One state of the file, as long as it exists.
  struct Reading {
    explicit Reading(const std::string& path)
        : database(path, SqliteDatabase::Mode::kRead), queries(of_current(database)) {
      database.execute("BEGIN");
    }
    SqliteDatabase database;
    SqliteQueries queries;
  };

  static SqliteDatabase& of_current(SqliteDatabase& database) {
    const int version = version_of(database);
    if (version == kSqliteSchemaVersion) return database;
    throw StoreUnavailable("its tables are of version " + std::to_string(version) +
                           ", and must be updated first: millrace store migrate");
  }

  static int version_of(SqliteDatabase& database) {
    const int version = schema_version(database);
    if (version == 0) throw StoreUnavailable("the file has no tables: it is not a store");
    return version;
  }

  StoreDescription describe_now() const {
    SqliteDatabase database(path_, SqliteDatabase::Mode::kRead);
    database.execute("BEGIN");
    return describe(database);
  }

  // In a transaction: of one state.
  static StoreDescription describe(SqliteDatabase& database) {
    const int version = version_of(database);
    const auto number = [&](const char* query) { return static_cast<std::uint64_t>(database.number(query)); };
    StoreDescription store{.version = static_cast<std::uint64_t>(version), .known_version = kSqliteSchemaVersion};
    SqliteStatement epoch(database, "SELECT value FROM meta WHERE key = 'epoch'");
    if (SqliteRows rows = epoch(); rows.next()) store.epoch = rows.text(0);
    store.entries = number("SELECT count(*) FROM entries");
    store.head = number(
        "SELECT max(ifnull((SELECT max(sequence) FROM entries), 0),"
        " ifnull((SELECT value FROM meta WHERE key = 'head'), 0))");
    store.oldest = store.entries == 0 ? store.head + 1 : number("SELECT min(sequence) FROM entries");
    if (version == kSqliteSchemaVersion) store.retained_topics = number("SELECT count(*) FROM retained");
    return store;
  }

  static std::vector<std::string> damage_of(SqliteDatabase&& database) { return damage_of(database); }
  static std::vector<std::string> damage_of(SqliteDatabase& database) {
    std::vector<std::string> damage;
    try {
      SqliteStatement check(database, kIntegrityCheck);
      for (SqliteRows rows = check(); rows.next();) {
        if (rows.text(0) != "ok") damage.emplace_back(rows.text(0));
      }
      if (!damage.empty() || version_of(database) != kSqliteSchemaVersion) return damage;
      add_damage_of_rows(database, damage);
      const std::vector<std::string> rows = SqliteQueries(database).find_damaged_rows(kMostDamagedRows);
      damage.insert(damage.end(), rows.begin(), rows.end());
    } catch (const SqliteError& error) {
      if (!error.is_damage()) throw;
      damage.emplace_back(error.what());
    }
    return damage;
  }

  template <typename Work>
  auto named(const Work& work) -> decltype(work()) {
    return naming_store<SqliteError>("sqlite:" + path_, work);
  }

  const std::string path_;
  std::unique_ptr<Reading> reading_;
};

}  // namespace

std::unique_ptr<StoreAccess> access_sqlite(const std::string& path) {
  if (path.empty()) throw InvalidOption("access_sqlite(path)", "the path is empty; expected the path of a file");
  return std::make_unique<SqliteAccess>(path);
}

}  // namespace millrace
