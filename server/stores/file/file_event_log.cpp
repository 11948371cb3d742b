#include "file_event_log.h"

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <utility>

#include "base/sip_hash.h"
#include "log/event_log.h"
#include "log_loader.h"
#include "millrace/server/limits.h"

namespace millrace {

namespace {

// Entries that a commit drops per appended entry while the log exceeds its bounds, so that it gradually catches up.
constexpr std::uint64_t kRetiredPerAppended = 2;

// Entries dropped at once when nothing is appended.
constexpr std::uint64_t kRetiredAtOnce = 1'024;

// Sequences skipped after a restart of the machine: a power cut may have taken back entries that clients have seen, by
// StoreSync::kNormal or by a disk that lies. It may have taken back the last skip as well, so the skip differs from
// start to start.
constexpr std::uint64_t kSkippedSequences = 1'000'000;
constexpr std::uint64_t kMostVariedSequences = std::uint64_t{1} << 32;

// Least bytes of the newest file for another one to begin early, so that what is beyond the bounds can be removed.
constexpr std::uint64_t kLeastBytesToSplit = 1024 * 1024;

std::uint64_t hash_of(std::string_view text, std::uint64_t number) {
  return SipHash<1, 3>::hash({.first = number, .second = 0}, text);
}

std::size_t bytes_of(std::span<const Publication> publications) {
  std::size_t bytes = 0;
  for (const Publication& one : publications) {
    bytes += kRecordHeadBytes + one.event.data.size() + one.event.id.view().size() + one.event.type.view().size();
    for (std::size_t i = 0; i < one.topic_count(); ++i) bytes += one.topic_at(i).view().size() + 1;
  }
  return bytes;
}

}  // namespace

FileEventLog::FileEventLog(Options options) : options_(std::move(options)) {
  if (!options_.in_memory.empty()) warnings_.push_back(options_.in_memory);
  try {
    open();
  } catch (const FileError& error) {
    throw StoreUnavailable(error.what());
  }
}

FileEventLog::~FileEventLog() {
  tending_.stop();
}

void FileEventLog::open() {
  LoadedLog log = load_log(*options_.folder);
  const LogHead last = log.last;
  const bool is_new = log.last_bytes == 0;
  if (log.epoch.empty()) log.epoch = options_.new_epoch;
  epoch_ = log.epoch;
  if (log.torn_bytes > 0) {
    warnings_.push_back("cut off the last " + std::to_string(log.torn_bytes) + " bytes of the file " +
                        segment_name(last.first) + ": they were being written when the program or the machine stopped");
  }
  writer_ = std::make_unique<LogWriter>(*options_.folder, options_.sync, log, boot_number(options_.boot_id));
  {
    const MutexLock lock(mutex_);
    index_ = std::move(log.index);
    if (is_new) {
      index_.begin_segment(writer_->head().first, writer_->head().key);
      index_.set_segment_bytes(writer_->bytes());
    }
  }
  if (!is_new) {
    try {
      writer_->mend();
    } catch (const FileError& error) {
      give_up(error.what());
    }
    skip_after_restart(last);
  }
  // A group does not say what was dropped after it.
  while (retire(options_.clock(), kRetiredAtOnce)) continue;
  while (set_room_aside()) continue;
  head_ = own_index().head();
}

void FileEventLog::skip_after_restart(const LogHead& last) {
  if (last.boot == boot_number(options_.boot_id)) return;
  if (has_given_up_) throw StoreUnavailable(status().reason);
  const std::uint64_t head = own_index().head();
  begin_segment(head + kSkippedSequences + hash_of(options_.boot_id, head) % kMostVariedSequences + 1);
}

void FileEventLog::start(Callbacks callbacks) {
  if (tending_.is_running()) throw std::logic_error("another server already uses this store: open one for each server");
  on_appended_ = std::move(callbacks.on_appended);
  trouble_.report_to(std::move(callbacks.on_status));
  tending_ = Repetition([this](const Repetition::IsStopping& is_stopping) { tend(is_stopping); }, kStoreRetry,
                        Repetition::First::kAfterPause);
}

void FileEventLog::stop() {
  tending_.stop();
  on_appended_ = nullptr;
  trouble_.report_to(nullptr);
}

Durability FileEventLog::durability() const {
  return options_.sync == StoreSync::kFull && options_.in_memory.empty() ? Durability::kDisk : Durability::kProcess;
}

// --- Writing --------------------------------------------------------------------------------------------------------

void FileEventLog::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (publications.empty()) return;
  if (on_appended_ == nullptr) throw StoreUnavailable(append_refusal("no server uses it"));
  if (const std::size_t bytes = bytes_of(publications); bytes > kFileLogAppendBytes) {
    throw StoreUnavailable(append_refusal(std::to_string(bytes) + " bytes are more than it appends at once, " +
                                          std::to_string(kFileLogAppendBytes) + "; publish fewer events at once"));
  }
  commits_.append(publications, sequences, [this](const ContributionGroup& group) { write(group); });
}

// On failure every publisher of the group gets its result, and the file can be mended.
void FileEventLog::write(const ContributionGroup& group) noexcept {
  try {
    const auto now = options_.clock();
    const std::vector<LogEntry> entries = commit(group, now);
    hand_over(entries);
    accept(group);
    retire(now, kRetiredPerAppended * entries.size() + 1);
    remove_old_segments();
  } catch (const FileError& error) {
    give_up(error.what());
    refuse(group, error.what());
  } catch (const StoreUnavailable& unavailable) {
    refuse(group, unavailable.what());
  } catch (const std::exception&) {
    refuse(group, kOutOfMemory);
    if (is_broken()) mend_at_once();
  }
}

// Memory has run out, and the disk has done nothing wrong.
void FileEventLog::mend_at_once() noexcept {
  has_given_up_ = true;
  try {
    mend();
  } catch (const std::exception& failure) {
    give_up(failure.what());
  }
}

bool FileEventLog::is_broken() const {
  const MutexLock lock(mutex_);
  return writer_->is_broken() || is_index_broken_;
}

// Returns the committed entries in order.
std::vector<LogEntry> FileEventLog::commit(const ContributionGroup& group, std::chrono::system_clock::time_point now) {
  if (has_given_up_ || is_damaged_) {
    const std::string reason = status().reason;
    throw StoreUnavailable(reason.empty() ? "the files are being repaired" : reason);
  }
  GroupDraft draft(own_index(), epoch_, options_.bounds);
  for (Contribution* contribution : group) draft.add(*contribution, now);
  const std::vector<LogEntry>& entries = draft.entries();
  if (entries.empty()) return {};
  begin_segment_if_full();
  const auto is_retained = [&](std::size_t entry) { return draft.is_retained(entry); };
  index(draft, writer_->append(std::span(entries), is_retained, own_index().oldest()));
  writer_->keep();
  ++figures_.commits;
  return std::move(draft.entries());
}

void FileEventLog::index(GroupDraft& draft, const std::vector<std::size_t>& offsets) {
  const MutexLock lock(mutex_);
  is_index_broken_ = true;  // if memory runs out
  const std::vector<LogEntry>& entries = draft.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) index_.add(entries[i], draft.is_retained(i), offsets[i]);
  index_.set_segment_bytes(writer_->bytes_with_group());
  is_index_broken_ = false;
}

std::size_t FileEventLog::segment_bytes() const {
  const std::uint64_t share = options_.bounds.bytes.value_or(UINT64_MAX) / 8;
  return std::min<std::size_t>(options_.segment_bytes,
                               static_cast<std::size_t>(std::max<std::uint64_t>(share, kFileLogLeastBytes)));
}

void FileEventLog::begin_segment_if_full() {
  const FileIndex& index = own_index();
  const bool is_full = writer_->bytes() >= segment_bytes();
  // The newest file can be removed only after another one has begun.
  const bool is_mostly_old = index.segments() == 1 && writer_->bytes() >= kLeastBytesToSplit &&
                             index.last_segment_entries() > 2 * index.entries();
  if ((is_full || is_mostly_old) && index.last_segment_entries() > 0) begin_segment(index.head() + 1);
}

void FileEventLog::begin_segment(std::uint64_t first) {
  writer_->begin_segment(first);
  const MutexLock lock(mutex_);
  is_index_broken_ = true;  // if memory runs out
  index_.begin_segment(writer_->head().first, writer_->head().key);
  index_.set_segment_bytes(writer_->bytes());
  is_index_broken_ = false;
}

// Drops entries beyond the bounds, at most `most`. Returns true if more are left.
bool FileEventLog::retire(std::chrono::system_clock::time_point now, std::uint64_t most) {
  const MutexLock lock(mutex_);
  if (is_index_broken_) return false;
  const std::uint64_t last = cutoff(now, most);
  const std::uint64_t before = index_.entries();
  if (last >= index_.oldest()) {
    is_index_broken_ = true;
    index_.drop_through(last);
    is_index_broken_ = false;
  }
  take_figures();
  return before - index_.entries() >= most;
}

// The newest entry to drop; 0 for none.
std::uint64_t FileEventLog::cutoff(std::chrono::system_clock::time_point now, std::uint64_t most) const {
  const StoreBounds& bounds = options_.bounds;
  if (index_.entries() == 0 || most == 0) return 0;
  std::uint64_t last = 0;
  if (bounds.events && index_.entries() > *bounds.events) {
    last = index_.oldest_but(std::min(index_.entries() - *bounds.events, most) - 1);
  }
  // A file as a whole, and never the newest.
  if (bounds.bytes && index_.bytes() > *bounds.bytes && index_.segments() > 1) {
    const std::uint64_t end = index_.second_segment() - 1;
    if (end >= index_.oldest())
      last = std::max(last, std::min(end, index_.oldest_but(std::min(index_.entries(), most) - 1)));
  }
  if (options_.index_bytes && index_.memory() > *options_.index_bytes) {
    last = std::max(last, index_.oldest_but(std::min(index_.entries(), most) - 1));
  }
  if (bounds.age) {
    const auto cutoff = std::chrono::duration_cast<std::chrono::seconds>((now - *bounds.age).time_since_epoch());
    last = std::max(last, index_.last_before(cutoff.count(), most));
  }
  return last;
}

// Removes files without entries, after what they retain is in a file of its own.
void FileEventLog::remove_old_segments() {
  std::vector<std::string> names;
  std::vector<LogEntry> retained;
  std::uint64_t first = 0;
  {
    const MutexLock lock(mutex_);
    if (is_index_broken_) return;
    std::size_t count = 0;
    while (index_.is_segment_old(count)) names.push_back(segment_name(index_.segment_first(count++)));
    if (names.empty()) return;
    first = index_.segment_first(count);
    retained = index_.retained_before(first);
  }
  writer_->write_retained(retained, first);
  for (const std::string& name : names) {
    options_.folder->remove(name);
    const MutexLock lock(mutex_);
    index_.remove_first_segment();
  }
  const MutexLock lock(mutex_);
  take_figures();
}

// So that old segments can be removed on a full disk.
bool FileEventLog::set_room_aside() noexcept {
  const FileIndex& index = own_index();
  return writer_->set_room_aside(most_bytes_of_retained(index.retained_topics(), index.retained_bytes()));
}

void FileEventLog::give_up(std::string_view why) noexcept {
  has_given_up_ = true;
  trouble_.set(why);
}

// Delivers committed entries before their publishers return. Only for the thread that has the turn.
void FileEventLog::hand_over(std::span<const LogEntry> entries) noexcept {
  if (entries.empty()) return;
  assert(entries.front().sequence > head_);
  on_appended_(entries);
  head_ = entries.back().sequence;
}

void FileEventLog::take_figures() {
  oldest_ = index_.oldest();
  figures_.entries = index_.entries();
  figures_.bytes = index_.bytes();
}

// --- Tending --------------------------------------------------------------------------------------------------------

void FileEventLog::tend(const Repetition::IsStopping& is_stopping) {
  for (bool more = true; more && !is_stopping;) {
    // Publishers get turns in between.
    commits_.alone([&] { more = tend_a_while(); });
    trouble_.tell();
  }
}

// Returns true if more work is left.
bool FileEventLog::tend_a_while() noexcept {
  try {
    if (is_damaged_) return false;
    // First, because it makes room on a full disk.
    const bool more = retire(options_.clock(), kRetiredAtOnce);
    remove_old_segments();
    mend();
    return set_room_aside() || more;
  } catch (const std::exception& failure) {
    give_up(failure.what());
  }
  return false;
}

void FileEventLog::mend() {
  if (!has_given_up_) return;
  writer_->mend();
  read_index_again();
  has_given_up_ = false;
  trouble_.set({});
}

void FileEventLog::read_index_again() {
  {
    const MutexLock lock(mutex_);
    if (!is_index_broken_) return;
  }
  LoadedLog log = load_log(*options_.folder);
  const MutexLock lock(mutex_);
  log.index.skip_to(head_);
  if (oldest_ > 1) log.index.drop_through(oldest_ - 1);
  index_ = std::move(log.index);
  is_index_broken_ = false;
}

}  // namespace millrace
