// SystemFolder: a folder of the system's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log_files.h"
#include "stores/common/lock_file.h"

namespace millrace {

class SystemFolder final : public LogFolder {
 public:
  explicit SystemFolder(std::string path) : path_(std::move(path)) {}

  /// Creates the folder if it is missing; its parent must exist. Throws FileError.
  void make();
  /// Keeps other programs from locking the folder. Throws StoreUnavailable if another one has locked it.
  void lock() { lock_.emplace(lock_path()); }
  void unlock() { lock_.reset(); }
  const std::string& path() const { return path_; }

  std::unique_ptr<LogFile> open(const std::string& name) override;
  std::unique_ptr<LogFile> open_to_append(const std::string& name) override;
  std::unique_ptr<LogFile> create(const std::string& name) override;
  void rename(const std::string& name, const std::string& new_name) override;
  void remove(const std::string& name) override;
  std::vector<std::string> list() override;
  void sync() override;

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  std::unique_ptr<LogFile> open(const std::string& name, int flags);

  void sync_parent_of_existing();
  std::string lock_path() const { return path_ + "/lock"; }

  const std::string path_;
  std::optional<LockFile> lock_;
};

}  // namespace millrace
