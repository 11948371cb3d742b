// FaultyDisk: a folder on a disk in memory, which loses what was not synced. It remembers what of each file and name
// the disk has, and what it has only been given since. At a power cut each sector of each write since the last sync is
// on the disk or is not, as the seed decides, and so is each change of a name: writes and names are lost, torn and out
// of order. It can also fail: writes that are short or fail, and syncs that fail, after which the system forgets what
// it had to write.
//
//   const auto disk = std::make_shared<FaultyDisk>(seed);
//   disk->cut_after(100);                    // operations; then everything fails
//   …                                        // use a store on it, and destroy it
//   disk->restore();                         // the files are as the disk has them
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "stores/file/log_files.h"

namespace millrace::test {

class FaultyDisk final : public LogFolder {
 public:
  explicit FaultyDisk(std::uint64_t seed) : random_(seed) {}

  struct Faults {
    double write = 0;  ///< probability that a write fails, after a part of it
    double sync = 0;   ///< that a sync fails
    double name = 0;   ///< that a file cannot be created, renamed or removed
    double lie = 0;    ///< that a sync does nothing, and says that all went well
    /// Whether readers, after a sync that failed, get what the disk has.
    bool forgets = false;
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
  /// Most bytes that one sync has put on the disk.
  std::size_t largest_sync() const;
  void forget_largest_sync();
  /// All bytes of a file, to look at or to damage.
  std::string& bytes_of(const std::string& name) { return names_.at(name)->visible; }
  void forget(const std::string& name) { names_.erase(name); }

  std::unique_ptr<LogFile> open(const std::string& name) override;
  std::unique_ptr<LogFile> open_to_append(const std::string& name) override;
  std::unique_ptr<LogFile> create(const std::string& name) override;
  void rename(const std::string& name, const std::string& new_name) override;
  void remove(const std::string& name) override;
  std::vector<std::string> list() override;
  void sync() override;

 private:
  class File;
  struct Write {
    std::size_t offset = 0;
    std::optional<std::string> bytes = {};  // nothing: cut to `offset`
  };
  struct Contents {
    std::string visible = {};
    std::string on_disk = {};
    std::vector<Write> pending = {};
  };
  using Names = std::map<std::string, std::shared_ptr<Contents>>;
  // Names that change together: null for one that goes.
  using NameChange = std::vector<std::pair<std::string, std::shared_ptr<Contents>>>;

  bool coin(double probability) { return std::bernoulli_distribution(probability)(random_); }
  void take_operation(const std::string& doing);
  void change(NameChange change);
  static void apply(std::string& bytes, const Write& write);
  static void apply(Names& names, const NameChange& change);
  void lose_some(Contents& contents);

  mutable std::mutex mutex_;  // guards all of it, and the contents of files
  std::mt19937_64 random_;
  Faults faults_;
  std::optional<std::uint64_t> left_;
  bool is_cut_ = false;
  std::uint64_t failed_syncs_ = 0;
  std::size_t largest_sync_ = 0;
  Names names_;
  Names names_on_disk_;
  std::vector<NameChange> pending_;
};

}  // namespace millrace::test
