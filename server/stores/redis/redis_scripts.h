// The scripts that Redis runs for a log. Redis runs one at a time and whole, so a script sees one state of the log, and
// what it writes is there for all at once.
//
// The keys of a log, in the order of KEYS. All have the name in braces, so that a Redis Cluster keeps them together:
//
//   {NAME}:log       hash: version, epoch, run, head, oldest, entries, bytes, retained_topics, retained_bytes, shape;
//                    superseded: entries that the next append drops if no topic retains them; passed_after and
//                    passed_through: which numbers the last restart of Redis passed over; rebuilt: while the other keys
//                    are made anew, how far that is; retiring: in a write that drops entries, how many at most
//   {NAME}:events    stream: the entries. An entry's ID is SEQUENCE-0; its fields are kind (0 event, 1 finish,
//                    2 begin), topic, id and publisher (the publisher's ID and key), time (ms since 1970), and event:
//                    the event as clients get it. Entries before `oldest` are there because they are, or just were,
//                    retained
//   {NAME}:topics    sorted set: TOPIC \0 SEQUENCE KIND SIZE of each entry from `oldest` on
//   {NAME}:finishes  sorted set: TOPIC \0 SEQUENCE of each finish
//   {NAME}:ids       sorted set: ID \0 TOPIC \0 PUBLISHER \0 SEQUENCE of each event with a publisher's ID
//   {NAME}:newest    hash: sequence of each topic's newest event
//   {NAME}:retained  hash: SEQUENCE:COST of each topic's retained event
//   {NAME}:probe, {NAME}:probe-set, {NAME}:probe-hash
//                    written and emptied when a server connects, to see what it may do
//
// All scores are 0: the sets are in the order of their bytes. Sequences in them have 16 digits.
//
// `shape` is how many entries each key has. A key that another program has changed, or that Redis has evicted, is
// noticed by it before anything is read or written.
//
// `version` is 1, and 2 from the first event of several topics on. Every script looks at it, so that a server which
// does not know a version stops when another one writes it.
#pragma once

namespace millrace {

/// A script that a connection loads when it first runs it.
struct RedisScript {
  const char* body;        ///< after the functions that all scripts share
  const char* flags = "";  ///< a first line
};

/// What all scripts have before their body.
extern const char* const kRedisScriptFunctions;

/// Error of a Redis that has reached `maxmemory`.
inline constexpr const char* kRedisFull = "OOM";

/// Errors that scripts answer with.
inline constexpr const char* kRedisLogGone = "MILLRACE_GONE";        ///< there is no log
inline constexpr const char* kRedisLogChanged = "MILLRACE_CHANGED";  ///< `shape` is not that of the keys
inline constexpr const char* kRedisLogNewer = "MILLRACE_NEWER";      ///< a newer Millrace made it
inline constexpr const char* kRedisLogCut = "MILLRACE_CUT";          ///< kRedisRebuild has to mend it
inline constexpr const char* kRedisLogMoved = "MILLRACE_MOVED";      ///< another epoch, or another run of Redis

// Those that write.
extern const RedisScript kRedisEnter;           ///< new epoch, run, given away, skipped: makes the log if it is missing
extern const RedisScript kRedisRebuild;         ///< run, entries at once: 1 if there is more
extern const RedisScript kRedisAppend;          ///< epoch, run, 2 + 2 bounds, time, channel, tag, contributions
extern const RedisScript kRedisRetire;          ///< epoch, run, 2 bounds, time before which entries are too old, most
extern const RedisScript kRedisRetireWhenFull;  ///< the same, for Redis 7.0 and newer

// Those that read. All answer with the log's state first: epoch, head, oldest, entries, bytes.
extern const RedisScript kRedisState;
extern const RedisScript kRedisFollow;  ///< after, entries, bytes: entries
extern const RedisScript kRedisScan;    ///< after, until, whether of the log, entries, bytes, as kRedisNewest or empty
extern const RedisScript kRedisOfTopics;  ///< after, until, entries, bytes, topics: through, entries
extern const RedisScript kRedisNewest;  ///< after, until, entries, bytes, whether finished ones count, topics: likewise
extern const RedisScript kRedisFetch;   ///< sequences: entries
extern const RedisScript kRedisHolder;  ///< ID, place in the order of holders: topic, publisher, sequence
extern const RedisScript kRedisFirstFinish;   ///< topic, from: its sequence or 0
extern const RedisScript kRedisLastFinishes;  ///< topics: the sequence, if the topic is finished, or 0

}  // namespace millrace
