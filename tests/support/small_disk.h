// SmallDisk: a disk of its own, in memory, of `kilobytes`. Not mounted where this machine does not allow it.
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace millrace::test {

class SmallDisk {
 public:
  SmallDisk(std::string path, int kilobytes) : path_(std::move(path)) {
    mounted_ = ::mkdir(path_.c_str(), 0700) == 0 && ::mount("tmpfs", path_.c_str(), "tmpfs", 0, size(kilobytes)) == 0;
    if (!mounted_) error_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& error() const { return error_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  bool resize(int kilobytes) { return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, size(kilobytes)) == 0; }
  /// Leaves no room at all; and gives it back.
  void fill() const {
    std::ofstream ballast(path("ballast"));
    const std::string block(4'096, '.');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) continue;
  }
  void make_room() const { std::filesystem::remove(path("ballast")); }
  bool forbid_writing() { return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0; }

 private:
  const char* size(int kilobytes) {
    size_ = "size=" + std::to_string(kilobytes) + "k";
    return size_.c_str();
  }

  const std::string path_;
  std::string size_;
  bool mounted_ = false;
  std::string error_;
};

}  // namespace millrace::test
