// SqliteWriter::Statements: what the writer runs, prepared once. For sqlite_writer.cpp alone.
#pragma once

#include "sqlite_writer.h"

namespace millrace {

struct SqliteWriter::Statements {
  explicit Statements(SqliteDatabase& database)
      : begin(database, "BEGIN IMMEDIATE"),
        commit(database, "COMMIT"),
        insert_event(database,
                     "INSERT INTO entries (sequence, topic, kind, publisher_id, published, payload, publisher, digest)"
                     " VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7)"),
        set_topics(database, "UPDATE entries SET topics = ?2 WHERE sequence = ?1"),
        insert_further(database,
                       "INSERT INTO further (topic, sequence, publisher_id, publisher) SELECT ?2, sequence,"
                       " publisher_id, publisher FROM entries WHERE sequence = ?1"),
        insert_mark(database,
                    "INSERT INTO entries (sequence, topic, kind, published, publisher) VALUES (?1, ?2, ?3, ?4, '')"),
        remove(database, "DELETE FROM entries WHERE sequence <= ?1"),
        remove_further(database, "DELETE FROM further WHERE sequence <= ?1"),
        old(database,
            "SELECT max(sequence) FROM (SELECT sequence, published FROM entries ORDER BY sequence LIMIT ?1)"
            " WHERE published < ?2"),
        index_events(database,
                     "INSERT OR REPLACE INTO newest (topic, sequence, finished) SELECT topic, max(sequence), 0 FROM"
                     " (SELECT topic, sequence FROM entries WHERE sequence > ?1 AND kind = 0"
                     " UNION ALL SELECT topic, sequence FROM further WHERE sequence > ?1) AS event"
                     " WHERE NOT EXISTS (SELECT 1 FROM retained WHERE retained.topic = event.topic) GROUP BY topic"),
        index_finishes(
            database,
            "UPDATE newest SET finished = 1 WHERE topic IN"
            " (SELECT topic FROM entries WHERE sequence > ?1 AND +kind = 1) AND EXISTS (SELECT 1 FROM entries"
            " WHERE kind = 1 AND entries.topic = newest.topic AND entries.sequence > newest.sequence)"),
        forget_newest(database, "DELETE FROM newest WHERE topic = ?1"),
        retire_newest(database, "DELETE FROM newest WHERE sequence <= ?1"),
        retain(database,
               "INSERT OR REPLACE INTO retained (sequence, topic, publisher_id, published, payload, publisher, digest)"
               " SELECT sequence, ?2, publisher_id, published, payload, publisher, digest FROM entries"
               " WHERE sequence = ?1"),
        finish_retained(database,
                        "INSERT OR REPLACE INTO newest (topic, sequence, finished) SELECT topic, sequence, 1"
                        " FROM retained WHERE topic = ?1 AND sequence >= ?2"),
        forget_retained(database, "DELETE FROM retained WHERE topic = ?1"),
        set_meta(database, "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)"),
        page_count(database, "PRAGMA page_count"),
        free_pages(database, "PRAGMA freelist_count") {}

  SqliteStatement begin;
  SqliteStatement commit;
  SqliteStatement insert_event;
  SqliteStatement set_topics;
  SqliteStatement insert_further;
  SqliteStatement insert_mark;
  SqliteStatement remove;
  SqliteStatement remove_further;
  SqliteStatement old;
  SqliteStatement index_events;
  SqliteStatement index_finishes;
  SqliteStatement forget_newest;
  SqliteStatement retire_newest;
  SqliteStatement retain;
  SqliteStatement finish_retained;
  SqliteStatement forget_retained;
  SqliteStatement set_meta;
  SqliteStatement page_count;
  SqliteStatement free_pages;
};

}  // namespace millrace
