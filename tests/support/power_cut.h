// PowerCut: a layer under SQLite, as its default VFS, that loses what was not synced. Files are the system's own; it
// remembers what of them the disk has (as of the last sync), and what it has only been given since. At a power cut each
// sector of each write since then is on the disk or is not, as the seed decides: so writes are lost, torn and out of
// order. It can also fail: writes that are short or fail, and syncs that fail, after which the system forgets that it
// has something to write.
//
//   PowerCut power(seed);
//   power.cut_after(100);                    // writes, syncs and truncations; then everything fails
//   …                                        // use SQLite, and close it
//   power.restore();                         // the files are as the disk has them
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace millrace::test {

class PowerCut {
 public:
  /// One at a time, while no file is open.
  explicit PowerCut(std::uint64_t seed);
  ~PowerCut();
  PowerCut(const PowerCut&) = delete;
  PowerCut& operator=(const PowerCut&) = delete;

  struct Faults {
    double write = 0;  ///< probability that a write fails, after a part of it
    double sync = 0;   ///< that a sync fails
    double lie = 0;    ///< that a sync does nothing, and says that all went well
  };
  void set_faults(const Faults& faults);
  /// The power goes after so many operations.
  void cut_after(std::uint64_t operations);
  void cut_now();
  bool is_cut() const;
  /// Makes the files what the disk has of them, and lets everything work again. No file may be open.
  void restore();
  /// Syncs that have failed.
  std::uint64_t failed_syncs() const;

 private:
  struct File;  // an open one, as SQLite sees it
  struct Operation {
    sqlite3_int64 offset = 0;
    std::optional<std::string> bytes = {};  // nothing: cut to `offset`
  };
  struct Contents {
    std::string on_disk = {};
    bool has_name = false;  // the folder has it on the disk
    bool is_deleted = false;
    std::optional<std::string> former = {};  // what the folder on the disk still calls by this name
    std::vector<Operation> pending = {};
  };
  struct Methods;

  bool coin(double probability) { return std::bernoulli_distribution(probability)(random_); }
  bool takes_operation();  // false: the power is gone
  static void apply(std::string& bytes, const Operation& operation);
  void lose_some(Contents& contents);
  void sync(Contents& contents);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  Faults faults_;
  std::optional<std::uint64_t> left_;
  bool is_cut_ = false;
  std::uint64_t failed_syncs_ = 0;
  std::map<std::string, Contents> files_;
  sqlite3_vfs* system_ = nullptr;
  sqlite3_vfs vfs_{};
};

}  // namespace millrace::test
