// Last event IDs from outside: each leads to a place in the log or to a gap that quotes it, and what is sent says
// nothing else.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "failure.h"
#include "log/event_log.h"
#include "lone_hub.h"
#include "reference_parser.h"
#include "stream/subscriber.h"

using namespace millrace;
using namespace millrace::test;

namespace {

class Bytes final : public Subscriber::Outlet {
 public:
  std::size_t write(std::span<const FramePtr> frames, std::size_t, WireForm) override {
    const std::size_t before = text.size();
    for (const FramePtr& frame : frames) text.append(frame->bytes);
    return text.size() - before;
  }
  void yield() override {}
  WorkBudget& reading() override { return work; }
  void end() override {}
  void read_stored(const Place&) override {}  // there is no store
  void on_gap() override { ++gaps; }

  std::string text;
  WorkBudget work{kReadWorkPerTurn};
  int gaps = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view id(reinterpret_cast<const char*>(bytes), size);
  LoneHub hub({.history_events = 3, .history_bytes = 1 << 20, .epoch = "epoch", .clock = [] { return TimePoint{}; }});
  hub.publish("a", {.data = "1", .id = "own"}).or_throw();
  for (const char* const data : {"2", "3", "4"}) hub.publish("a", {.data = data}).or_throw();
  const auto filter = std::make_shared<TopicFilter>(std::vector<TopicPattern>{"a"});

  const Feed::Cursor cursor = hub.resolve(id, filter.get());
  // Of one topic, the state is its newest event.
  const bool is_state = id == protocol::kLatest;
  if (!is_state && (cursor.sequence < 1 || cursor.sequence > 4)) stop("a place outside the log for " + quoted(id));
  if (!cursor.gap_reason.empty() && cursor.sequence != 1) stop("a gap that does not go on from the oldest");
  Bytes output;
  Subscriber subscriber(hub, output, {.filter = filter, .client = {}, .form = {.coding = WireCoding::kPayload}});
  subscriber.start(cursor, id, "", Duration{1});

  std::size_t events = 0;
  std::size_t gaps = 0;
  for (const std::string& entry : ReferenceParser().read(output.text)) {
    // A separate event, which is not in the log, says where the client resumes.
    if (!entry.starts_with("event ") || entry.starts_with("event \"millrace.cursor\"")) continue;
    ++(entry.starts_with("event \"millrace.gap\"") ? gaps : events);
  }
  const std::size_t expected_gaps = cursor.gap_reason.empty() ? 0 : 1;
  if (gaps != expected_gaps || output.gaps != static_cast<int>(gaps)) stop("gaps not as decided, for " + quoted(id));
  if (events != (is_state ? 1 : 4 - cursor.sequence))
    stop("other events than those behind the cursor, for " + quoted(id));
  return 0;
}
