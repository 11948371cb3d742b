// What the stores are measured beside: their engines by themselves. With one thread, and as many events on their way as
// there are publishers; and with a thread for each publisher, which waits for its own acknowledgement, as with a store.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace millrace::bench {

inline constexpr std::size_t kDataBytes = 100;

struct Figures {
  double per_second = 0;
  double p50 = 0;  // microseconds from the call to its return
  double p99 = 0;
  double delivered_p50 = 0;  // to where event loops are handed the event
  double delivered_p99 = 0;
};

inline double quantile(std::vector<double>& sorted, double which) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(which * static_cast<double>(sorted.size())))];
}

inline double microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

/// A table with the two indexes that the log cannot be without; `group` rows a commit, `sync` as SQLite calls it.
Figures bare_sqlite(const std::string& path, const char* sync, std::size_t group, std::chrono::milliseconds length);

/// The same table, into which each of the threads puts a row at a time: the first that comes commits what all of them
/// have brought.
Figures bare_sqlite_threads(const std::string& path, const char* sync, std::size_t threads,
                            std::chrono::milliseconds length);

/// What a disk allows: a file to which `group` records are appended in one write, and one fdatasync(). Without indexes.
Figures bare_file(const std::string& path, std::size_t group, std::chrono::milliseconds length);

/// The same file, to which each of the threads appends a record at a time, as with bare_sqlite_threads().
Figures bare_file_threads(const std::string& path, std::size_t threads, std::chrono::milliseconds length);

/// What threads allow: each of them joins a group, as the publishers of a store do, and waits until it is served. The
/// first of a group serves it, and has nothing to do but to wake the others.
Figures bare_waiting_threads(std::size_t threads, std::chrono::milliseconds length);

/// The same threads, with a disk: the first of a group appends one record, whatever the group has, and syncs the file.
Figures bare_waiting_threads(const std::string& path, std::size_t threads, std::chrono::milliseconds length);

/// Messages of the same size, of which `window` may be without an acknowledgement, by the C client's own publisher,
/// which also follows the stream, if that is wanted. The stream is made for this, and deleted.
Figures bare_jetstream(const std::string& url, std::size_t replicas, std::size_t window,
                       std::chrono::milliseconds length, bool follows);

/// The same with threads that share the connection, each of which waits for the acknowledgement of one message after
/// the other; the client follows the stream.
Figures bare_jetstream_threads(const std::string& url, std::size_t replicas, std::size_t threads,
                               std::chrono::milliseconds length);

}  // namespace millrace::bench
