// LogWriter: writes the last segment of a store in files. One thread at a time.
//
//   const auto offsets = writer.append(entries, …);  // on the disk, with StoreSync::kFull
//   index.add(…);
//   writer.keep();                                   // only now it counts
//
// If something fails in between, the writer writes nothing more until mend() has made the file what was kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "log_files.h"
#include "log_format.h"
#include "log_loader.h"
#include "millrace/server/stores/file.h"

namespace millrace {

/// Bytes that are set aside at once. Meanwhile publishers wait.
inline constexpr std::size_t kRoomStepBytes = 1024 * 1024;

class LogWriter {
 public:
  /// Continues the log, or begins it; removes files that the log does not need. If it continues, mend() must be called.
  /// Throws FileError.
  LogWriter(LogFolder& folder, StoreSync sync, LoadedLog& log, std::uint64_t boot);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  const LogHead& head() const { return head_; }
  std::uint64_t bytes() const { return bytes_; }

  /// Begins the next segment, for entries from `first` on. The present one is on the disk by then. Throws FileError,
  /// and changes nothing that counts.
  void begin_segment(std::uint64_t first);

  /// Writes a group. `is_retained(i)`: of the entry `i`. Returns where each entry is in the file. Throws FileError.
  template <typename IsRetained>
  std::vector<std::size_t> append(std::span<const LogEntry> entries, const IsRetained& is_retained,
                                  std::uint64_t oldest) {
    std::vector<std::size_t> offsets;
    offsets.reserve(entries.size());
    buffer_.clear();
    GroupBuilder group(buffer_, head_.key, entries.front().sequence);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      offsets.push_back(static_cast<std::size_t>(bytes_) + group.add(entries[i], is_retained(i)));
    }
    group.finish(oldest, synced_);
    write();
    return offsets;
  }
  /// What append() has written counts.
  void keep();
  /// Bytes of the segment if keep() is called now.
  std::uint64_t bytes_with_group() const { return bytes_ + buffer_.size(); }

  /// Whether mend() must be called.
  bool is_broken() const { return state_ != State::kGood; }
  /// Makes the last segment what was kept, on the disk, and checks that the disk has room for more. Throws FileError,
  /// or StoreUnavailable if the segment is damaged.
  void mend();

  /// Replaces the file `retained`. Then segments before `first` are not needed. If the disk is full, it takes the room
  /// that was set aside. Throws FileError.
  void write_retained(const std::vector<LogEntry>& entries, std::uint64_t first);
  /// Sets room aside for a file `retained` of so many bytes, if the disk has that much: at most kRoomStepBytes in a
  /// call. Returns whether it must be called again for the rest.
  bool set_room_aside(std::size_t bytes) noexcept;

  /// Returns when all that was kept is on the disk. Throws FileError.
  void sync();

 private:
  enum class State : std::uint8_t {
    kGood,
    kUnsure,    // there may be more in the file than was kept
    kDoubtful,  // a sync has failed: the system may have forgotten what it had to write
  };

  void write();
  void create(std::uint64_t first);
  void rewrite();
  void replace(const std::string& name, std::string_view bytes);
  std::unique_ptr<LogFile> write_new(const std::string& name, std::string_view bytes);
  void remove_after_failure(const std::string& new_name);
  void try_room();
  bool grow_room(std::size_t bytes);
  void drop_new_room() noexcept;
  void give_room_back();

  LogFolder& folder_;
  const StoreSync sync_;
  LogHead head_;
  std::unique_ptr<LogFile> file_;
  std::uint64_t bytes_ = 0;   // kept
  std::uint64_t synced_ = 0;  // on the disk
  State state_ = State::kGood;
  std::uint64_t room_aside_ = 0;       // bytes of the file `reserve`
  std::unique_ptr<LogFile> new_room_;  // what will replace it; null if nothing will
  std::uint64_t new_room_bytes_ = 0;   // on the disk
  std::string buffer_;
};

}  // namespace millrace
