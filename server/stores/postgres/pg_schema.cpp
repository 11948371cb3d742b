#include "pg_schema.h"

#include <string_view>

#include "millrace/server/publication.h"

namespace millrace {

namespace {

// millrace_log      one row: the log. `entries` and `bytes` count the events from `oldest` on.
// millrace_events   the entries. kind: 0 event, 1 finish, 2 begin; published: milliseconds since 1970; payload: the
//                   event in the format of event streams; id_topic: if there is a publisher_id, the topic's bytes,
//                   because the search for an ID's holders compares with bytes that are no text. Rows before `oldest`
//                   are retained events.
// millrace_outbox   publications of applications. They have no place in the log until their transaction is committed
//                   and a server moves them. `refused`: why a row could not be published.
//
// The functions run with the rights of the log's owner. An application only needs the right to execute them.
constexpr const char* kTables = R"sql(
CREATE TABLE millrace_log (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL, epoch text NOT NULL,
  head bigint NOT NULL DEFAULT 0, oldest bigint NOT NULL DEFAULT 1,
  entries bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
  retained_topics bigint NOT NULL DEFAULT 0, retained_bytes bigint NOT NULL DEFAULT 0);
CREATE TABLE millrace_events (
  sequence bigint PRIMARY KEY, topic text COLLATE "C" NOT NULL, kind bigint NOT NULL,
  publisher_id bytea, id_topic bytea, publisher bytea NOT NULL, published bigint NOT NULL,
  payload bytea NOT NULL, retained boolean NOT NULL,
  cost bigint NOT NULL GENERATED ALWAYS AS
    (octet_length(payload) + octet_length(topic) + coalesce(octet_length(publisher_id), 0) + octet_length(publisher))
    STORED);
CREATE INDEX millrace_events_by_topic ON millrace_events (topic, sequence);
CREATE INDEX millrace_events_finishes ON millrace_events (topic, sequence) WHERE kind = 1;
CREATE INDEX millrace_events_by_id ON millrace_events (publisher_id, id_topic, publisher, sequence)
  WHERE publisher_id IS NOT NULL;
CREATE INDEX millrace_events_retained ON millrace_events (topic) WHERE retained;
CREATE TABLE millrace_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind bigint NOT NULL, topic text NOT NULL, data text NOT NULL,
  event text NOT NULL, event_id text NOT NULL, retain boolean NOT NULL, refused text);
CREATE INDEX millrace_outbox_waiting ON millrace_outbox (id) WHERE refused IS NULL;

CREATE FUNCTION millrace_enqueue(kind bigint, topic text, data text, event text, event_id text, retain boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $body$
BEGIN
  IF topic IS NULL OR topic = '' OR octet_length(topic) > 1024 OR topic ~ '[[:cntrl:]*]'
     OR topic LIKE '/%' OR topic LIKE '%/' OR topic LIKE '%//%' THEN
    RAISE EXCEPTION 'topic: must be 1 to 1024 bytes of segments separated by /, without * and control characters';
  ELSIF topic LIKE 'millrace.%' THEN
    RAISE EXCEPTION 'topic: topics that begin with "millrace." are reserved';
  ELSIF data IS NULL OR octet_length(data) > 1048576 THEN
    RAISE EXCEPTION 'data: must be at most 1048576 bytes, and not NULL';
  ELSIF event IS NULL OR octet_length(event) > 128 OR event ~ '[\r\n]' OR event LIKE 'millrace.%' THEN
    RAISE EXCEPTION 'event: must be at most 128 bytes without line ends, not NULL, and not begin with "millrace."';
  ELSIF event_id IS NULL OR octet_length(event_id) > 256 OR event_id ~ '[[:cntrl:]]|^ | $'
     OR event_id LIKE 'millrace.%' OR event_id IN ('earliest', 'latest') OR event_id ~ '^[ms][a-z0-9]{7}-[0-9]+$' THEN
    RAISE EXCEPTION 'id: must be at most 256 bytes without control characters and blanks at its ends, not NULL, and not an ID of Millrace''s own';
  ELSIF retain IS NULL THEN
    RAISE EXCEPTION 'retain: must be true or false';
  END IF;
  INSERT INTO millrace_outbox (kind, topic, data, event, event_id, retain)
    VALUES (kind, topic, data, event, event_id, retain);
  PERFORM pg_notify('millrace_' || epoch, '') FROM millrace_log;
END $body$;
CREATE FUNCTION millrace_publish(topic text, data text, event text DEFAULT '', id text DEFAULT '',
                                 retain boolean DEFAULT false)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS
  $body$ SELECT millrace_enqueue(0, topic, data, event, id, retain) $body$;
CREATE FUNCTION millrace_finish(topic text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS
  $body$ SELECT millrace_enqueue(1, topic, '', '', '', false) $body$;
REVOKE EXECUTE ON FUNCTION millrace_enqueue, millrace_publish, millrace_finish FROM PUBLIC;
)sql";

// One server at a time creates the tables. The number is arbitrary, and nobody else's.
constexpr const char* kOneAtATime = "SELECT pg_advisory_xact_lock(5569065178211)";

std::string setting(PgConnection& connection, const std::string& name) {
  return std::string(connection.execute("SELECT current_setting('" + name + "')").text(0, 0));
}

void check_server(PgConnection& connection) {
  constexpr std::uint64_t kOldest = 120'000;  // in the form of `server_version_num`
  if (connection.execute("SELECT current_setting('server_version_num')").number(0, 0) < kOldest) {
    throw StoreUnavailable("PostgreSQL " + setting(connection, "server_version") + " is too old: use 12 or newer");
  }
  if (setting(connection, "server_encoding") != "UTF8") {
    throw StoreUnavailable("the database's encoding is " + setting(connection, "server_encoding") +
                           ": create one with ENCODING 'UTF8'");
  }
  if (connection.execute("SELECT pg_is_in_recovery()").number(0, 0) != 0) {
    throw StoreUnavailable(
        "the server is a read-only standby: name all servers in the URL, and add ?target_session_attrs=read-write");
  }
}

}  // namespace

PgLogRow PgLogRow::of(const PgResult& result) {
  if (result.size() != 1) throw StoreUnavailable("millrace_log has no row: the database was not restored completely");
  return {.epoch = std::string(result.text(0, 0)),
          .head = result.number(0, 1),
          .oldest = result.number(0, 2),
          .entries = result.number(0, 3),
          .bytes = result.number(0, 4),
          .retained_topics = result.number(0, 5),
          .retained_bytes = result.number(0, 6)};
}

void prepare_schema(PgConnection& connection, const std::string& schema, const std::string& new_epoch) {
  check_server(connection);
  const auto is_there = [&] { return !connection.execute("SELECT to_regclass('millrace_log')").is_null(0, 0); };
  if (!is_there()) {
    PgTransaction transaction(connection, std::string("BEGIN; ") + kOneAtATime);
    if (!schema.empty()) connection.execute("CREATE SCHEMA IF NOT EXISTS " + connection.quoted(schema));
    if (!is_there()) {
      const PgResult where = connection.execute("SELECT current_schema()");
      if (where.is_null(0, 0)) throw StoreUnavailable("no schema of the connection's search_path exists");
      // The functions keep this path. Temporary tables come after the log's tables.
      connection.execute("SET LOCAL search_path = " + connection.quoted(std::string(where.text(0, 0))) + ", pg_temp");
      connection.execute(kTables);
      connection.execute("INSERT INTO millrace_log (version, epoch) VALUES (" + std::to_string(kPostgresSchemaVersion) +
                         ", '" + new_epoch + "')");
    }
    transaction.commit();
  }
  check_schema_version(connection);
}

void check_schema_version(PgConnection& connection) {
  const std::uint64_t version = connection.execute("SELECT version FROM millrace_log").number(0, 0);
  if (version > kPostgresSchemaVersion) {
    throw StoreUnavailable("a newer Millrace made the tables (version " + std::to_string(version) +
                           ", this program's version " + std::to_string(kPostgresSchemaVersion) +
                           "): use that Millrace, or another schema");
  }
}

PgDurability durability_of(PgConnection& connection) {
  PgDurability result;
  const std::string commit = setting(connection, "synchronous_commit");
  const bool has_standbys = !setting(connection, "synchronous_standby_names").empty();
  const auto turned_off = [&](const char* name, const char* then) {
    if (setting(connection, name) != "off") return false;
    result.warnings.push_back(std::string("PostgreSQL: ") + name + " is off: " + then);
    return true;
  };
  bool is_on_disk = !turned_off("fsync", "a power cut can lose acknowledged events, and damage the database");
  is_on_disk = !turned_off("synchronous_commit", "a power cut can lose acknowledged events") && is_on_disk;
  turned_off("full_page_writes", "a power cut can damage the database");
  if (!is_on_disk) return result;
  // With remote_write, the commit may not be on the standby's disk yet: only one disk has it.
  const bool is_on_theirs = commit == "on" || commit == "remote_apply";
  result.level = has_standbys && is_on_theirs ? Durability::kQuorumAndDisk : Durability::kDisk;
  return result;
}

}  // namespace millrace
