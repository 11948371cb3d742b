// A store of one's own: entries go to the end of a file. millrace::IndexedStore holds them in memory and answers all
// questions, so that this class only makes them survive. It passes the tests for stores, below.
//
//   millrace::Server server({.store = std::make_shared<FileStore>("events.log", 10'000)});

#include <fcntl.h>
#include <millrace/server/indexed_store.h>
#include <millrace/testing/event_store_conformance.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace {

using namespace millrace;

// The file: its epoch in a line, then the entries as encode_entry() writes them.
struct Contents {
  explicit Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!std::getline(file, epoch)) epoch = new_store_epoch();
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    std::string_view rest = bytes;
    // Half an entry at the end is what a crash has left: its publisher got no answer.
    while (auto entry = decode_entry(rest)) entries.push_back(std::move(*entry));
  }
  std::string epoch;
  std::vector<LogEntry> entries;
};

class FileStore final : public IndexedStore {
 public:
  FileStore(const std::string& path, std::uint64_t events) : FileStore(path, events, Contents(path)) {}

  // As write() waits for the disk.
  Durability durability() const override { return Durability::kDisk; }

 private:
  FileStore(const std::string& path, std::uint64_t events, const Contents& contents)
      : IndexedStore(contents.epoch, contents.entries, events) {
    // A new file, without the entries that were dropped.
    const std::string new_path = path + ".new";
    file_.number = ::open(new_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    std::string bytes = contents.epoch + "\n";
    for (const LogEntry& entry : contents.entries) {
      if (entry.sequence >= oldest()) bytes += encode_entry(entry);
    }
    if (file_.number < 0) throw StoreUnavailable(path + ": " + std::strerror(errno));
    write(bytes);
    if (std::rename(new_path.c_str(), path.c_str()) != 0) throw StoreUnavailable(path + ": " + std::strerror(errno));
  }

  void persist(std::span<const LogEntry> entries) override {
    std::string bytes;
    for (const LogEntry& entry : entries) bytes += encode_entry(entry);
    write(bytes);
  }

  // The bytes are on the disk when it returns. If it throws, none of them is in the file.
  void write(std::string_view bytes) {
    const off_t size = ::lseek(file_.number, 0, SEEK_END);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.number, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) break;
      bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    if (bytes.empty() && ::fdatasync(file_.number) == 0) return;
    const std::string reason = std::strerror(errno);
    [[maybe_unused]] const int cut = ::ftruncate(file_.number, size);
    throw StoreUnavailable(reason);
  }

  struct Descriptor {
    ~Descriptor() { ::close(number); }
    int number = -1;
  };
  Descriptor file_;
};

StoreUnderTest file_store() {
  const auto path = std::filesystem::temp_directory_path() / ("own-store-" + std::to_string(::getpid()));
  const auto open = [path](std::uint64_t events) { return std::make_shared<FileStore>(path.string(), events); };
  return {.name = "FileStore",
          .open_new =
              [path, open](std::uint64_t events) {
                std::filesystem::remove(path);
                return open(events);
              },
          .open_again = open,
          .histories = 3};
}

INSTANTIATE_TEST_SUITE_P(Own, EventStoreConformance, ::testing::Values(file_store()));

}  // namespace
