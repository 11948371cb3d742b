#include "faulty_disk.h"

#include <algorithm>
#include <utility>

namespace millrace::test {

namespace {

constexpr std::size_t kSector = 512;

}  // namespace

class FaultyDisk::File final : public LogFile {
 public:
  File(FaultyDisk& disk, std::shared_ptr<Contents> contents) : disk_(disk), contents_(std::move(contents)) {}

  void append(std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    bool is_powered = true;
    try {
      disk_.take_operation("write");
    } catch (const FileError&) {
      is_powered = false;
    }
    const bool fails = is_powered && disk_.coin(disk_.faults_.write);
    if (fails) bytes = bytes.substr(0, disk_.random_() % (bytes.size() + 1));
    // Of a write during which the power goes, the disk may get something, too.
    Write write{.offset = contents_->visible.size(), .bytes = std::string(bytes)};
    if (is_powered) apply(contents_->visible, write);
    if (!bytes.empty()) contents_->pending.push_back(std::move(write));
    if (!is_powered) throw FileError("write: the power is gone");
    if (fails) throw FileError("write: no space left");
  }
  void sync() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.take_operation("sync");
    if (disk_.coin(disk_.faults_.lie)) return;
    if (disk_.coin(disk_.faults_.sync)) {
      disk_.lose_some(*contents_);
      if (disk_.faults_.forgets) contents_->visible = contents_->on_disk;
      ++disk_.failed_syncs_;
      throw FileError("sync: input/output error");
    }
    std::size_t bytes = 0;
    for (const Write& write : contents_->pending) {
      apply(contents_->on_disk, write);
      bytes += write.bytes ? write.bytes->size() : 0;
    }
    disk_.largest_sync_ = std::max(disk_.largest_sync_, bytes);
    contents_->pending.clear();
  }
  void truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.take_operation("truncate");
    Write write{.offset = static_cast<std::size_t>(size), .bytes = std::nullopt};
    apply(contents_->visible, write);
    contents_->pending.push_back(std::move(write));
  }
  std::string read(std::uint64_t offset, std::size_t size) const override {
    const std::lock_guard lock(disk_.mutex_);
    if (disk_.is_cut_) throw FileError("read: the power is gone");
    if (offset >= contents_->visible.size()) return {};
    return contents_->visible.substr(static_cast<std::size_t>(offset), size);
  }
  std::uint64_t size() const override {
    const std::lock_guard lock(disk_.mutex_);
    return contents_->visible.size();
  }

 private:
  FaultyDisk& disk_;
  const std::shared_ptr<Contents> contents_;
};

void FaultyDisk::set_faults(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

void FaultyDisk::cut_after(std::uint64_t operations) {
  const std::lock_guard lock(mutex_);
  left_ = operations;
}

void FaultyDisk::cut_now() {
  const std::lock_guard lock(mutex_);
  is_cut_ = true;
}

bool FaultyDisk::is_cut() const {
  const std::lock_guard lock(mutex_);
  return is_cut_;
}

std::uint64_t FaultyDisk::failed_syncs() const {
  const std::lock_guard lock(mutex_);
  return failed_syncs_;
}

std::size_t FaultyDisk::largest_sync() const {
  const std::lock_guard lock(mutex_);
  return largest_sync_;
}

void FaultyDisk::forget_largest_sync() {
  const std::lock_guard lock(mutex_);
  largest_sync_ = 0;
}

void FaultyDisk::take_operation(const std::string& doing) {
  if (left_ && *left_ == 0) is_cut_ = true;
  if (is_cut_) throw FileError(doing + ": the power is gone");
  if (left_) --*left_;
}

void FaultyDisk::apply(std::string& bytes, const Write& write) {
  if (!write.bytes) return bytes.resize(std::min(bytes.size(), write.offset));
  if (bytes.size() < write.offset + write.bytes->size()) bytes.resize(write.offset + write.bytes->size());
  std::copy(write.bytes->begin(), write.bytes->end(), bytes.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

void FaultyDisk::apply(Names& names, const NameChange& change) {
  for (const auto& [name, contents] : change) {
    if (contents == nullptr) {
      names.erase(name);
    } else {
      names[name] = contents;
    }
  }
}

void FaultyDisk::change(NameChange change) {
  apply(names_, change);
  pending_.push_back(std::move(change));
}

// Of what is pending the disk has got some; the rest is gone.
void FaultyDisk::lose_some(Contents& contents) {
  // Often all or nothing, which is where mistakes hide as well.
  const double kept = coin(0.2) ? 0 : coin(0.2) ? 1 : std::uniform_real_distribution<>(0, 1)(random_);
  for (const Write& write : std::exchange(contents.pending, {})) {
    if (!write.bytes) {
      if (coin(kept)) apply(contents.on_disk, write);
      continue;
    }
    for (std::size_t begin = 0; begin < write.bytes->size();) {
      const std::size_t count = std::min(kSector - (write.offset + begin) % kSector, write.bytes->size() - begin);
      if (coin(kept)) {
        apply(contents.on_disk, {.offset = write.offset + begin, .bytes = write.bytes->substr(begin, count)});
      }
      begin += count;
    }
  }
}

void FaultyDisk::restore() {
  const std::lock_guard lock(mutex_);
  for (const NameChange& change : std::exchange(pending_, {})) {
    if (coin(0.5)) apply(names_on_disk_, change);
  }
  names_ = names_on_disk_;
  for (auto& [name, contents] : names_) {
    lose_some(*contents);
    contents->visible = contents->on_disk;
  }
  is_cut_ = false;
  left_.reset();
  faults_ = {};
}

std::unique_ptr<LogFile> FaultyDisk::open(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (is_cut_) throw FileError("open: the power is gone");
  const auto found = names_.find(name);
  if (found == names_.end()) throw FileError("open " + name + ": no such file", true);
  return std::make_unique<File>(*this, found->second);
}

std::unique_ptr<LogFile> FaultyDisk::open_to_append(const std::string& name) {
  return open(name);
}

std::unique_ptr<LogFile> FaultyDisk::create(const std::string& name) {
  const std::lock_guard lock(mutex_);
  take_operation("create");
  if (coin(faults_.name)) throw FileError("create: no space left");
  auto contents = std::make_shared<Contents>();
  change({{name, contents}});
  return std::make_unique<File>(*this, contents);
}

void FaultyDisk::rename(const std::string& name, const std::string& new_name) {
  const std::lock_guard lock(mutex_);
  take_operation("rename");
  if (coin(faults_.name)) throw FileError("rename: input/output error");
  change({{new_name, names_.at(name)}, {name, nullptr}});
}

void FaultyDisk::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  take_operation("remove");
  if (coin(faults_.name)) throw FileError("remove: input/output error");
  if (names_.contains(name)) change({{name, nullptr}});
}

std::vector<std::string> FaultyDisk::list() {
  const std::lock_guard lock(mutex_);
  if (is_cut_) throw FileError("list: the power is gone");
  std::vector<std::string> names;
  for (const auto& [name, contents] : names_) names.push_back(name);
  return names;
}

void FaultyDisk::sync() {
  const std::lock_guard lock(mutex_);
  take_operation("sync the folder");
  if (coin(faults_.lie)) return;
  if (coin(faults_.sync)) {
    // Some of it is on the disk; the rest may come later.
    ++failed_syncs_;
    throw FileError("sync the folder: input/output error");
  }
  for (const NameChange& change : std::exchange(pending_, {})) apply(names_on_disk_, change);
}

}  // namespace millrace::test
