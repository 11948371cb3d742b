// ScriptedOutlet: a subscriber's output that takes as many bytes as the test allows, as a socket would.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/event_log.h"
#include "stream/subscriber.h"

namespace millrace::test {

class ScriptedOutlet final : public Subscriber::Outlet {
 public:
  static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

  std::size_t write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) override {
    std::size_t written = 0;
    for (const FramePtr& frame : frames) {
      std::string_view wire = frame->wire(form);
      wire.remove_prefix(std::min(skip, wire.size()));
      skip = 0;
      const std::size_t taken = std::min(wire.size(), room);
      bytes.append(wire.substr(0, taken));
      if (room != kUnlimited) room -= taken;
      written += taken;
      blocked = taken < wire.size();
      if (blocked) break;
    }
    return written;
  }
  // The next turn begins.
  void yield() override {
    yielded = true;
    work_.refill(kReadWorkPerTurn);
  }
  WorkBudget& reading() override { return work_; }
  void end() override { ended = true; }
  void read_stored(const Place& place) override { asked_store_after = place.sequence; }
  void on_gap() override { ++gaps; }

  std::size_t room = kUnlimited;
  std::string bytes;
  bool blocked = false;  ///< the last write did not fit
  bool yielded = false;
  bool ended = false;
  std::optional<std::uint64_t> asked_store_after;
  int gaps = 0;  ///< that were reported to the client

 private:
  WorkBudget work_{kReadWorkPerTurn};
};

inline std::shared_ptr<const TopicFilter> filter_for(const std::vector<std::string>& patterns) {
  std::vector<TopicPattern> parsed;
  for (const std::string& pattern : patterns) parsed.push_back(TopicPattern::parse(pattern).value());
  return std::make_shared<const TopicFilter>(parsed);
}

}  // namespace millrace::test
