#include "log_writer.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "millrace/server/event_store.h"

namespace millrace {

namespace {

// Bytes that mend() writes and cuts off again, to see whether the disk takes any.
constexpr std::size_t kRoomTried = 64 * 1'024;

// Bytes up to which the buffer of a group is kept for the next one.
constexpr std::size_t kBufferKept = 8 * 1'024 * 1'024;

// Least bytes that are set aside.
constexpr std::size_t kLeastRoomAside = 64 * 1'024;

std::uint64_t size_of(LogFolder& folder, const std::string& name) {
  try {
    return folder.open(name)->size();
  } catch (const FileError& error) {
    if (!error.is_missing()) throw;
    return 0;
  }
}

SipKey new_key() {
  std::random_device device;
  const auto draw = [&device] { return std::uint64_t{device()} << 32 | device(); };
  return {.first = draw(), .second = draw()};
}

}  // namespace

LogWriter::LogWriter(LogFolder& folder, StoreSync sync, LoadedLog& log, std::uint64_t boot)
    : folder_(folder), sync_(sync), head_(log.last), room_aside_(size_of(folder, std::string(kReserveFile))) {
  for (const std::string& name : log.leftovers) folder_.remove(name);
  if (!log.leftovers.empty()) folder_.sync();
  head_.epoch = log.epoch;
  head_.boot = boot;
  if (log.last_bytes == 0) {
    create(log.index.head() + 1);
    return;
  }
  head_ = log.last;
  bytes_ = log.last_bytes;
  file_ = folder_.open_to_append(segment_name(head_.first));
  // A program before this one may have ended with a sync that failed.
  state_ = State::kDoubtful;
}

LogWriter::~LogWriter() {
  try {
    if (file_ != nullptr && !is_broken()) sync();
  } catch (const FileError&) {
    // The next program that opens the store writes the segment anew.
  }
}

void LogWriter::sync() {
  if (synced_ == bytes_) return;
  try {
    file_->sync();
  } catch (...) {
    state_ = State::kDoubtful;
    throw;
  }
  synced_ = bytes_;
}

void LogWriter::write() {
  if (is_broken()) throw FileError("the last file of the store must be repaired first");
  state_ = State::kUnsure;
  file_->append(buffer_);
  if (sync_ != StoreSync::kFull) return;
  state_ = State::kDoubtful;
  file_->sync();
  state_ = State::kUnsure;
}

void LogWriter::keep() {
  bytes_ += buffer_.size();
  if (sync_ == StoreSync::kFull) synced_ = bytes_;
  state_ = State::kGood;
  if (buffer_.capacity() > kBufferKept) buffer_ = {};
}

void LogWriter::begin_segment(std::uint64_t first) {
  sync();
  const std::uint64_t previous = std::exchange(head_.previous, head_.first);
  const std::uint64_t own = head_.first;
  const SipKey key = head_.key;
  try {
    create(first);
  } catch (...) {
    head_.first = own;
    head_.previous = previous;
    head_.key = key;
    throw;
  }
}

void LogWriter::create(std::uint64_t first) {
  head_.first = first;
  head_.key = new_key();
  const std::string bytes = head_.encode();
  auto file = write_new(segment_name(first), bytes);
  file_ = std::move(file);
  bytes_ = bytes.size();
  synced_ = bytes_;
}

// Returns the file when all of it is on the disk under its name.
std::unique_ptr<LogFile> LogWriter::write_new(const std::string& name, std::string_view bytes) {
  const std::string new_name = name + std::string(kNewSuffix);
  try {
    auto file = folder_.create(new_name);
    file->append(bytes);
    file->sync();
    folder_.rename(new_name, name);
    folder_.sync();
    return file;
  } catch (const FileError&) {
    remove_after_failure(new_name);
    throw;
  }
}

// A part of a file may hold the last room of the disk.
void LogWriter::remove_after_failure(const std::string& new_name) {
  try {
    folder_.remove(new_name);
  } catch (const FileError&) {
    // The next start removes it.
  }
}

void LogWriter::mend() {
  if (state_ == State::kGood) return;
  if (state_ == State::kUnsure) {
    file_->truncate(bytes_);
    state_ = State::kDoubtful;
    file_->sync();
    synced_ = bytes_;
  } else {
    rewrite();
  }
  state_ = State::kUnsure;
  try_room();
  state_ = State::kGood;
}

// Copies the segment into a new file: a second sync of the old one would not tell whether its bytes are on the disk.
void LogWriter::rewrite() {
  const std::string name = segment_name(head_.first);
  const std::string bytes = folder_.open(name)->read(0, static_cast<std::size_t>(bytes_));
  if (bytes.size() != bytes_) throw StoreUnavailable(damage_at(name, bytes.size(), "its end is missing"));
  for (std::size_t offset = kLogHeadBytes; offset < bytes.size();) {
    const auto group = LogGroup::decode(bytes, offset, head_.key);
    if (!group || !group->entries(bytes, head_.key)) {
      throw StoreUnavailable(damage_at(name, offset, "a group of events fails its integrity check"));
    }
    offset += group->bytes;
  }
  file_ = write_new(name, bytes);
  synced_ = bytes_;
}

void LogWriter::try_room() {
  file_->append(std::string(kRoomTried, '\0'));
  file_->truncate(bytes_);
  // Or the next segment may follow while this one ends in zeros.
  state_ = State::kDoubtful;
  file_->sync();
}

void LogWriter::write_retained(const std::vector<LogEntry>& entries, std::uint64_t first) {
  LogHead head = head_;
  head.key = new_key();
  const std::string bytes = encode_retained(std::move(head), entries, first);
  try {
    write_new(std::string(kRetainedFile), bytes);
  } catch (const FileError&) {
    if (room_aside_ == 0) throw;
    give_room_back();
    write_new(std::string(kRetainedFile), bytes);
  }
}

bool LogWriter::set_room_aside(std::size_t bytes) noexcept {
  if (room_aside_ >= bytes) return false;
  try {
    // More than that, so that it is not written anew for each further event.
    return grow_room(std::max(kLeastRoomAside, bytes + bytes / 2));
  } catch (const std::exception&) {
    drop_new_room();  // the next call tries again
  }
  return false;
}

// Each step is on the disk before the next one, because the sync is what takes its time.
bool LogWriter::grow_room(std::size_t bytes) {
  const std::string name = std::string(kReserveFile) + std::string(kNewSuffix);
  if (new_room_ == nullptr) new_room_ = folder_.create(name);
  if (new_room_bytes_ < bytes) {
    const auto step = std::min<std::uint64_t>(kRoomStepBytes, bytes - new_room_bytes_);
    new_room_->append(std::string(static_cast<std::size_t>(step), '\0'));
    new_room_->sync();
    new_room_bytes_ += step;
  }
  if (new_room_bytes_ < bytes) return true;
  folder_.rename(name, std::string(kReserveFile));
  folder_.sync();
  room_aside_ = std::exchange(new_room_bytes_, 0);
  new_room_.reset();
  return false;
}

void LogWriter::drop_new_room() noexcept {
  if (new_room_ == nullptr) return;
  new_room_.reset();
  new_room_bytes_ = 0;
  try {
    folder_.remove(std::string(kReserveFile) + std::string(kNewSuffix));
  } catch (const std::exception&) {
    // The next start removes it.
  }
}

// File systems with a journal may reuse the blocks only once the folder is on the disk.
void LogWriter::give_room_back() {
  drop_new_room();
  room_aside_ = 0;
  folder_.remove(std::string(kReserveFile));
  folder_.sync();
}

}  // namespace millrace
