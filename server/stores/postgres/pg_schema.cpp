#include "pg_schema.h"

#include <array>
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
// From version 2 on:
// millrace_topics   for each topic of an event of several: the topic, its place in the event, whether it retains the
//                   event, and what is looked for by topic. In millrace_events such an event has all of its topics in
//                   `topic`, with line ends between them, no id_topic, and `retained` if one of its topics retains it.
// millrace_by_topic what both tables have of a topic; a topic never has a line end, so it is not found twice.
//
// The functions run with the rights of the log's owner. An application only needs the right to execute them.
//
// The steps from an empty schema to the present tables: the one at [n] leads from version n to n + 1. They are never
// changed, only added to, because databases of every version exist.
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

constexpr const char* kSeveralTopics = R"sql(
CREATE TABLE millrace_topics (
  topic text COLLATE "C" NOT NULL, sequence bigint NOT NULL, place bigint NOT NULL, size bigint NOT NULL,
  publisher_id bytea, id_topic bytea, publisher bytea NOT NULL, retained boolean NOT NULL,
  PRIMARY KEY (topic, sequence));
CREATE INDEX millrace_topics_by_sequence ON millrace_topics (sequence);
CREATE INDEX millrace_topics_by_id ON millrace_topics (publisher_id, id_topic, publisher, sequence)
  WHERE publisher_id IS NOT NULL;
CREATE INDEX millrace_topics_retained ON millrace_topics (topic) WHERE retained;
CREATE VIEW millrace_by_topic AS
  SELECT topic, sequence, kind, octet_length(payload)::bigint AS size, publisher_id, id_topic, publisher, retained
    FROM millrace_events
  UNION ALL SELECT topic, sequence, 0::bigint, size, publisher_id, id_topic, publisher, retained FROM millrace_topics;

DROP FUNCTION millrace_enqueue(bigint, text, text, text, text, boolean);
CREATE FUNCTION millrace_enqueue(kind bigint, topics text[], data text, event text, event_id text, retain boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $body$
DECLARE
  topic text;
BEGIN
  IF topics IS NULL OR array_ndims(topics) IS DISTINCT FROM 1 OR cardinality(topics) > 16 THEN
    RAISE EXCEPTION 'topics: must be an array of 1 to 16 topics';
  END IF;
  FOREACH topic IN ARRAY topics LOOP
    IF topic IS NULL OR topic = '' OR octet_length(topic) > 1024 OR topic ~ '[\x01-\x1f\x7f*]' THEN
      RAISE EXCEPTION 'topic: must be 1 to 1024 bytes, without * and control characters';
    ELSIF topic LIKE 'millrace.%' THEN
      RAISE EXCEPTION 'topic: topics that begin with "millrace." are reserved';
    END IF;
  END LOOP;
  IF (SELECT count(*) <> count(DISTINCT one COLLATE "C") FROM unnest(topics) one) THEN
    RAISE EXCEPTION 'topics: a topic is there twice';
  ELSIF octet_length(array_to_string(topics, '')) > 4096 THEN
    RAISE EXCEPTION 'topics: must be at most 4096 bytes together';
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
    VALUES (kind, array_to_string(topics, E'\n'), data, event, event_id, retain);
  PERFORM pg_notify('millrace_' || epoch, '') FROM millrace_log;
END $body$;
CREATE OR REPLACE FUNCTION millrace_publish(topic text, data text, event text DEFAULT '', id text DEFAULT '',
                                            retain boolean DEFAULT false)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS
  $body$ SELECT millrace_enqueue(0, ARRAY[topic], data, event, id, retain) $body$;
CREATE FUNCTION millrace_publish_to(topics text[], data text, event text DEFAULT '', id text DEFAULT '',
                                    retain boolean DEFAULT false)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS
  $body$ SELECT millrace_enqueue(0, topics, data, event, id, retain) $body$;
CREATE OR REPLACE FUNCTION millrace_finish(topic text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS
  $body$ SELECT millrace_enqueue(1, ARRAY[topic], '', '', '', false) $body$;
REVOKE EXECUTE ON FUNCTION millrace_enqueue, millrace_publish_to FROM PUBLIC;
)sql";

constexpr std::array<const char*, kPostgresSchemaVersion> kSteps = {kTables, kSeveralTopics};

// One program at a time creates or updates the tables. The number is arbitrary, and nobody else's.
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

std::uint64_t known_version(std::uint64_t version) {
  if (version <= kPostgresSchemaVersion) return version;
  throw StoreUnavailable("a newer Millrace made the tables (version " + std::to_string(version) +
                         ", this program's version " + std::to_string(kPostgresSchemaVersion) +
                         "): use that Millrace, or another schema");
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
          .retained_bytes = result.number(0, 6),
          .version = known_version(result.number(0, 7))};
}

std::uint64_t schema_version(PgConnection& connection) {
  if (connection.execute("SELECT to_regclass('millrace_log')").is_null(0, 0)) return 0;
  return PgLogRow::of(connection.execute(std::string("SELECT ") + PgLogRow::kColumns + " FROM millrace_log")).version;
}

void update_schema(PgConnection& connection, std::uint64_t from, std::uint64_t to) {
  const PgResult where =
      connection.execute(from == 0 ? "SELECT current_schema()"
                                   : "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                     " WHERE c.oid = to_regclass('millrace_log')");
  if (where.is_null(0, 0)) throw StoreUnavailable("no schema of the connection's search_path exists");
  // The functions keep this path. Temporary tables come after the log's tables.
  connection.execute("SET LOCAL search_path = " + connection.quoted(std::string(where.text(0, 0))) + ", pg_temp");
  for (std::uint64_t step = from; step < to; ++step) connection.execute(kSteps[step]);
  if (from != 0) connection.execute("UPDATE millrace_log SET version = " + std::to_string(to));
}

void prepare_schema(PgConnection& connection, const std::string& schema, const std::string& new_epoch) {
  check_server(connection);
  if (schema_version(connection) == kPostgresSchemaVersion) return;
  PgTransaction transaction(connection, std::string("BEGIN; ") + kOneAtATime);
  const std::uint64_t version = schema_version(connection);
  if (version == 0 && !schema.empty()) {
    connection.execute("CREATE SCHEMA IF NOT EXISTS " + connection.quoted(schema));
  }
  try {
    if (version < kPostgresSchemaVersion) update_schema(connection, version);
  } catch (const PgError& error) {
    if (version == 0) throw;
    throw StoreUnavailable("cannot update the tables from version " + std::to_string(version) + " to " +
                           std::to_string(kPostgresSchemaVersion) + ", which their owner must do: " + error.what());
  }
  if (version == 0) {
    connection.execute("INSERT INTO millrace_log (version, epoch) VALUES (" + std::to_string(kPostgresSchemaVersion) +
                       ", '" + new_epoch + "')");
  }
  transaction.commit();
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
