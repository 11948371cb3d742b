#include "power_cut.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <stdexcept>

namespace millrace::test {

namespace {

constexpr std::size_t kSector = 512;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

// SQLite allocates it, and the system's own file behind it.
struct PowerCut::File {
  sqlite3_file base;
  PowerCut* power;
  Contents* contents;  // null: a file whose loss does not matter
  sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  const sqlite3_io_methods& own() { return *system()->pMethods; }
};

struct PowerCut::Methods {
  static PowerCut& of(sqlite3_vfs* vfs) { return *static_cast<PowerCut*>(vfs->pAppData); }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* opened, int flags, int* out_flags) {
    PowerCut& power = of(vfs);
    const std::lock_guard lock(power.mutex_);
    opened->pMethods = nullptr;
    if (power.is_cut_) return SQLITE_CANTOPEN;
    auto* file = new (opened) File{.base = {}, .power = &power, .contents = nullptr};
    const int code = power.system_->xOpen(power.system_, name, file->system(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0) {
      const auto [place, is_new] = power.files_.try_emplace(name);
      file->contents = &place->second;
      if (is_new) {
        place->second.on_disk = read_file(name);
        place->second.has_name = !place->second.on_disk.empty();
      }
      Contents& contents = place->second;
      if (contents.is_deleted) {
        // Another file, by the same name.
        contents = {
            .on_disk = {}, .former = contents.has_name ? std::optional(contents.on_disk) : std::nullopt, .pending = {}};
      }
    }
    file->base.pMethods = &methods();
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    PowerCut& power = of(vfs);
    const std::lock_guard lock(power.mutex_);
    if (!power.takes_operation()) return SQLITE_IOERR_DELETE;
    const auto file = power.files_.find(name);
    if (file != power.files_.end()) {
      // Its name may stay on the disk until the folder is synced, and what it had with it.
      if (sync_folder != 0) file->second = {};
      file->second.is_deleted = true;
    }
    return power.system_->xDelete(power.system_, name, 0);
  }

  static int close(sqlite3_file* file) { return File::of(file).own().xClose(File::of(file).system()); }
  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
    File& self = File::of(file);
    {
      const std::lock_guard lock(self.power->mutex_);
      if (self.power->is_cut_) return SQLITE_IOERR_READ;
    }
    return self.own().xRead(self.system(), to, count, offset);
  }
  static int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
    File& self = File::of(file);
    const std::lock_guard lock(self.power->mutex_);
    if (self.contents == nullptr) return self.own().xWrite(self.system(), from, count, offset);
    const bool is_powered = self.power->takes_operation();
    const bool fails = is_powered && self.power->coin(self.power->faults_.write);
    if (fails) count = static_cast<int>(self.power->random_() % (static_cast<std::uint64_t>(count) + 1));
    if (count > 0) {
      self.contents->pending.push_back(
          {.offset = offset, .bytes = std::string(static_cast<const char*>(from), static_cast<std::size_t>(count))});
      if (is_powered) self.own().xWrite(self.system(), from, count, offset);
    }
    if (!is_powered) return SQLITE_IOERR_WRITE;
    return fails ? (self.power->coin(0.5) ? SQLITE_FULL : SQLITE_IOERR_WRITE) : SQLITE_OK;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    File& self = File::of(file);
    const std::lock_guard lock(self.power->mutex_);
    if (self.contents == nullptr) return self.own().xTruncate(self.system(), size);
    self.contents->pending.push_back({.offset = size, .bytes = std::nullopt});
    if (!self.power->takes_operation()) return SQLITE_IOERR_TRUNCATE;
    return self.own().xTruncate(self.system(), size);
  }
  static int sync(sqlite3_file* file, int /*flags*/) {
    File& self = File::of(file);
    const std::lock_guard lock(self.power->mutex_);
    if (self.contents == nullptr) return SQLITE_OK;
    if (!self.power->takes_operation()) return SQLITE_IOERR_FSYNC;
    if (self.power->coin(self.power->faults_.lie)) return SQLITE_OK;
    if (self.power->coin(self.power->faults_.sync)) {
      // What the disk has not got by now it never gets, though who reads the file still sees it.
      self.power->lose_some(*self.contents);
      ++self.power->failed_syncs_;
      return SQLITE_IOERR_FSYNC;
    }
    self.power->sync(*self.contents);
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* size) {
    return File::of(file).own().xFileSize(File::of(file).system(), size);
  }
  static int lock(sqlite3_file* file, int level) { return File::of(file).own().xLock(File::of(file).system(), level); }
  static int unlock(sqlite3_file* file, int level) {
    return File::of(file).own().xUnlock(File::of(file).system(), level);
  }
  static int is_reserved(sqlite3_file* file, int* result) {
    return File::of(file).own().xCheckReservedLock(File::of(file).system(), result);
  }
  static int control(sqlite3_file* file, int operation, void* argument) {
    return File::of(file).own().xFileControl(File::of(file).system(), operation, argument);
  }
  static int sector(sqlite3_file* /*file*/) { return static_cast<int>(kSector); }
  // None: no write is atomic, none is in order.
  static int characteristics(sqlite3_file* /*file*/) { return 0; }
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** mapped) {
    return File::of(file).own().xShmMap(File::of(file).system(), region, size, extend, mapped);
  }
  static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    return File::of(file).own().xShmLock(File::of(file).system(), offset, count, flags);
  }
  static void shm_barrier(sqlite3_file* file) { File::of(file).own().xShmBarrier(File::of(file).system()); }
  static int shm_unmap(sqlite3_file* file, int remove) {
    return File::of(file).own().xShmUnmap(File::of(file).system(), remove);
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods all = [] {
      sqlite3_io_methods made{};
      made.iVersion = 2;  // without memory maps, which would pass by this layer
      made.xClose = close;
      made.xRead = read;
      made.xWrite = write;
      made.xTruncate = truncate;
      made.xSync = sync;
      made.xFileSize = size;
      made.xLock = lock;
      made.xUnlock = unlock;
      made.xCheckReservedLock = is_reserved;
      made.xFileControl = control;
      made.xSectorSize = sector;
      made.xDeviceCharacteristics = characteristics;
      made.xShmMap = shm_map;
      made.xShmLock = shm_lock;
      made.xShmBarrier = shm_barrier;
      made.xShmUnmap = shm_unmap;
      return made;
    }();
    return all;
  }
};

PowerCut::PowerCut(std::uint64_t seed) : random_(seed), system_(sqlite3_vfs_find("unix")) {
  vfs_ = *system_;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
  vfs_.zName = "millrace-power-cut";
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = Methods::open;
  vfs_.xDelete = Methods::remove;
  if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("cannot register the VFS");
}

PowerCut::~PowerCut() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(system_, 1);
}

void PowerCut::set_faults(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

void PowerCut::cut_after(std::uint64_t operations) {
  const std::lock_guard lock(mutex_);
  left_ = operations;
}

void PowerCut::cut_now() {
  const std::lock_guard lock(mutex_);
  is_cut_ = true;
}

bool PowerCut::is_cut() const {
  const std::lock_guard lock(mutex_);
  return is_cut_;
}

std::uint64_t PowerCut::failed_syncs() const {
  const std::lock_guard lock(mutex_);
  return failed_syncs_;
}

bool PowerCut::takes_operation() {
  if (left_ && *left_ == 0) is_cut_ = true;
  if (is_cut_) return false;
  if (left_) --*left_;
  return true;
}

void PowerCut::apply(std::string& bytes, const Operation& operation) {
  const auto offset = static_cast<std::size_t>(operation.offset);
  if (!operation.bytes) return bytes.resize(std::min(bytes.size(), offset));
  if (bytes.size() < offset + operation.bytes->size()) bytes.resize(offset + operation.bytes->size());
  std::copy(operation.bytes->begin(), operation.bytes->end(), bytes.begin() + operation.offset);
}

void PowerCut::sync(Contents& contents) {
  for (const Operation& operation : contents.pending) apply(contents.on_disk, operation);
  contents.pending.clear();
  if (contents.has_name) return;
  // With the first sync of a new file SQLite syncs the folder, and with it what has become of the other names.
  for (auto& [name, other] : files_) {
    other.has_name = !other.is_deleted;
    other.former.reset();
  }
}

// Of what is pending the disk has got some; the rest is gone.
void PowerCut::lose_some(Contents& contents) {
  // Often all or nothing, which is where mistakes hide as well.
  const double kept = coin(0.2) ? 0 : coin(0.2) ? 1 : std::uniform_real_distribution<>(0, 1)(random_);
  for (const Operation& operation : contents.pending) {
    if (!operation.bytes) {
      if (coin(kept)) apply(contents.on_disk, operation);
      continue;
    }
    for (std::size_t begin = 0; begin < operation.bytes->size();) {
      const std::size_t in_sector = kSector - (static_cast<std::size_t>(operation.offset) + begin) % kSector;
      const std::size_t count = std::min(in_sector, operation.bytes->size() - begin);
      if (coin(kept)) {
        apply(contents.on_disk, {.offset = operation.offset + static_cast<sqlite3_int64>(begin),
                                 .bytes = operation.bytes->substr(begin, count)});
      }
      begin += count;
    }
  }
  contents.pending.clear();
  if (!contents.is_deleted) contents.has_name = contents.has_name || coin(0.5);
}

void PowerCut::restore() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, contents] : files_) {
    lose_some(contents);
    std::filesystem::remove(name + "-shm");  // is in memory
    if (!contents.has_name && contents.former)
      contents = {.on_disk = *contents.former, .has_name = true, .pending = {}};
    if (!contents.has_name || (contents.is_deleted && coin(0.5))) {
      std::filesystem::remove(name);
      contents = {};
      contents.is_deleted = true;
    } else {
      std::ofstream(name, std::ios::binary | std::ios::trunc) << contents.on_disk;
      contents = {.on_disk = std::move(contents.on_disk), .has_name = true, .pending = {}};
    }
  }
  is_cut_ = false;
  left_.reset();
  faults_ = {};
}

}  // namespace millrace::test
