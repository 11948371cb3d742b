// TemporaryFile: a file of a test's own, gone with it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millrace::test {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) {
    path_ = ::testing::TempDir() + "millrace-XXXXXX";
    ::close(::mkstemp(path_.data()));
    write(text);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view text) const { std::ofstream(path_, std::ios::binary | std::ios::trunc) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a function that must throw std::invalid_argument says.
template <typename Function>
std::string complaint_of(const Function& function) {
  try {
    function();
  } catch (const std::invalid_argument& failure) {
    return failure.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace millrace::test
