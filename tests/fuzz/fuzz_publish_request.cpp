// Bodies of publish requests: refused with a sentence, or published and read back as they were meant, with nothing
// injected.
#include <cstddef>
#include <cstdint>

#include "failure.h"
#include "log/frame.h"
#include "lone_hub.h"
#include "reference_parser.h"
#include "routes/publish_request.h"

using namespace millrace;
using namespace millrace::test;

namespace {

class LastFrame final : public Feed::Sink {
 public:
  void post(const FramePtr& frame) override { frame_ = frame; }
  void post_page(std::uint64_t, const Feed::PagePtr&) override {}  // there is no store
  std::string payload() const { return std::string(frame_->payload()); }

 private:
  FramePtr frame_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  LoneHub hub({.history_events = 100, .history_bytes = 1 << 20, .epoch = "epoch", .clock = [] { return TimePoint{}; }});
  LastFrame last;
  hub.attach(last);
  std::string error;
  const auto requests = parse_publish_body(body, hub, error);
  if (!requests && error.empty()) stop("a refusal without a reason");
  if (!requests) return 0;
  for (const PublishRequest& request : *requests) {
    const auto event = request.event();
    if (!event && !request.finishes()) stop("neither event nor finish: " + quoted(body));
    if (!event) continue;
    const Published published = hub.publish(request.topics(), *event);
    if (published.is_repeated()) continue;
    const Transcript transcript = ReferenceParser().read(last.payload());
    std::size_t events = 0;
    for (const std::string& entry : transcript) events += entry.starts_with("event ") ? 1 : 0;
    if (events != 1) stop("one publish became " + std::to_string(events) + " events: " + quoted(last.payload()));
    const std::string& entry = *std::find_if(transcript.begin(), transcript.end(),
                                             [](const std::string& each) { return each.starts_with("event "); });
    const std::string type(event->type.empty() ? "message" : event->type.view());
    if (!entry.starts_with("event " + quoted(type) + " ")) stop("another type: " + entry);
    if (!entry.ends_with(" last event ID " + quoted(published.id))) stop("another ID: " + entry);
  }
  return 0;
}
