#include "write_ahead_log.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "database.h"

namespace millrace {

namespace {

// Written at once.
constexpr sqlite3_int64 kPieceBytes = 64 * 1024;

void check(int code) {
  if (code != SQLITE_OK) throw SqliteError(nullptr, "cannot write SQLite's log again", code);
}

// Names in the form that a VFS wants.
class Names {
 public:
  Names(sqlite3_vfs& vfs, const std::string& path) {
    std::vector<char> full(static_cast<std::size_t>(vfs.mxPathname) + 1);
    check(vfs.xFullPathname(&vfs, path.c_str(), static_cast<int>(full.size()), full.data()) & 0xff);
    const std::string file(full.data());
    name_ = sqlite3_create_filename(file.c_str(), (file + "-journal").c_str(), (file + "-wal").c_str(), 0, nullptr);
    if (name_ == nullptr) throw std::bad_alloc();
  }
  ~Names() { sqlite3_free_filename(const_cast<char*>(name_)); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  const char* log() const { return sqlite3_filename_wal(name_); }

 private:
  const char* name_ = nullptr;
};

class OpenFile {
 public:
  OpenFile(sqlite3_vfs& vfs, const char* name)
      : memory_(std::make_unique<std::max_align_t[]>(static_cast<std::size_t>(vfs.szOsFile) / sizeof(std::max_align_t) +
                                                     1)) {
    check(vfs.xOpen(&vfs, name, file(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, nullptr));
  }
  ~OpenFile() { file()->pMethods->xClose(file()); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  sqlite3_file* file() const { return reinterpret_cast<sqlite3_file*>(memory_.get()); }
  const sqlite3_io_methods& own() const { return *file()->pMethods; }

 private:
  const std::unique_ptr<std::max_align_t[]> memory_;
};

}  // namespace

void rewrite_log(const std::string& path) {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr) return;
  const Names names(*vfs, path);
  int exists = 0;
  check(vfs->xAccess(vfs, names.log(), SQLITE_ACCESS_EXISTS, &exists));
  if (exists == 0) return;
  const OpenFile log(*vfs, names.log());
  sqlite3_int64 size = 0;
  check(log.own().xFileSize(log.file(), &size));
  std::vector<char> piece(static_cast<std::size_t>(std::min(size, kPieceBytes)));
  for (sqlite3_int64 at = 0; at < size; at += kPieceBytes) {
    const int count = static_cast<int>(std::min(size - at, kPieceBytes));
    check(log.own().xRead(log.file(), piece.data(), count, at));
    check(log.own().xWrite(log.file(), piece.data(), count, at));
  }
  if (size > 0) check(log.own().xSync(log.file(), SQLITE_SYNC_NORMAL));
}

}  // namespace millrace
