// The texts of the demo's headlines and talk, in English and Chinese.
#pragma once

#include <span>
#include <string_view>

namespace millrace::demo {

struct Words {
  std::string_view en;
  std::string_view zh;
};

struct Story {
  std::string_view desk;
  Words words;  ///< {} is replaced by a place
};

struct Remark {
  std::string_view name;
  Words words;
};

std::span<const Words> places();
std::span<const Story> stories();

/// The lines of each room, in this order.
std::span<const Remark> lobby_script();
std::span<const Remark> workshop_script();

}  // namespace millrace::demo
