// open_file_log(): a store in files of Millrace's own, in a folder. Part of `millrace::server`.
//
//   millrace::Server server({.store = millrace::open_file_log("/var/lib/app/events", {.bounds = {.age = 24h}})});
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "millrace/server/event_store.h"
#include "millrace/server/store_access.h"
#include "millrace/server/stores/store_sync.h"

namespace millrace {

/// Bytes of memory of the index of a store in files; beyond it the store drops its oldest events.
inline constexpr std::size_t kFileLogIndexBytes = 1024 * 1024 * 1024;

/// Settings of a store in files.
struct FileLogOptions {
  /// Events that a power cut may lose.
  StoreSync sync = StoreSync::kFull;
  /// Bounds of the files: by default 1 GiB (kStoreBytes).
  StoreBounds bounds = {};
  /// Most bytes of memory for the index, about; beyond it the store drops its oldest events, as beyond `bounds`. Many
  /// topics with few events each, and many IDs of publishers, need more. Without a value: no bound.
  std::optional<std::size_t> index_bytes = kFileLogIndexBytes;
};

/// Bytes of a file of the store; then the next one begins. With StoreBounds::bytes at most an eighth of that, and at
/// least kFileLogLeastBytes.
inline constexpr std::size_t kFileLogBytes = 64 * 1024 * 1024;

/// The least of them.
inline constexpr std::size_t kFileLogLeastBytes = 64 * 1024;

/// Bytes of events, topics and IDs that are appended at once; more of them throw StoreUnavailable.
inline constexpr std::size_t kFileLogAppendBytes = 256 * 1024 * 1024;

/// Opens the folder, or creates it. Events are appended to its newest file; concurrent publishers share a write and a
/// sync. Files whose events are all beyond the bounds are removed, so the folder has up to one file, and its retained
/// events, more than `bounds.bytes`. At a start all files are read, to make the index, which is in memory: 12 to 24
/// bytes for each event, about 200 for each topic and for each ID of a publisher, and the retained events.
///
/// While the files cannot be written, the store refuses events and tries again every kStoreRetry. After a sync that
/// failed it first copies the newest file and checks it. It no longer writes if a file is damaged.
///
/// Throws InvalidOption if an option is invalid, StoreUnavailable if the folder cannot be used: another program has it
/// open, a file is damaged or missing, a newer Millrace wrote it, or the system refuses it. Only what was written last
/// and never acknowledged is cut off, and reported by EventStore::warnings().
std::shared_ptr<EventStore> open_file_log(const std::string& folder, const FileLogOptions& options = {});

/// The same folder for operators. A server may have it open; StoreAccess::fill() then throws StoreUnavailable. Opens
/// nothing yet.
std::unique_ptr<StoreAccess> access_file_log(const std::string& folder);

}  // namespace millrace
