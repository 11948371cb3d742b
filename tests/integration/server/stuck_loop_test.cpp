// What operators see and do while an event loop is stuck.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "eventually.h"
#include "raw_client.h"
#include "running_server.h"
#include "stuck_authorizer.h"

namespace millrace::test {
namespace {

class StuckLoop : public ::testing::Test {
 protected:
  // The clients are on different loops, because a loop passes a connection on if another has fewer.
  StuckLoop() {
    EXPECT_EQ(operator_.exchange(get("/healthz")).status, 200);
    subscriber_ = std::make_unique<RawClient>(server_.port());
    subscriber_->send(get("/events?topic=stuck"));
    authorizer_->is_asked.wait();
  }
  ~StuckLoop() override { release(); }
  void release() {
    if (!authorizer_->may_go.try_wait()) authorizer_->may_go.count_down();
  }

  const std::shared_ptr<StuckAuthorizer> authorizer_ = std::make_shared<StuckAuthorizer>();
  const RunningServer server_{{.threads = {.loops = 2}, .authorizer = authorizer_},
                              [](Server& server) { server.events("/events").operations(); }};
  RawClient operator_{server_.port()};
  std::unique_ptr<RawClient> subscriber_;
};

TEST_F(StuckLoop, IsNamedWhereTheListOfStreamsWouldLackItsOwn) {
  const RawResponse refused = operator_.exchange(get("/subscriptions"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body,
            "{\"error\":\"1 event loop has not answered within 3 s: its streams would be missing from the list; try "
            "again, or restart the server\"}\n");
  release();
  EXPECT_TRUE(eventually([&] { return operator_.exchange(get("/subscriptions")).status == 200; }));
  EXPECT_NE(operator_.exchange(get("/subscriptions")).body.find("stuck"), std::string::npos);
}

TEST_F(StuckLoop, EndsItsStreamsWhenItGoesOn) {
  const std::string all = R"({"topic":"stuck"})";
  const RawResponse refused = operator_.exchange(post("/subscriptions/disconnect", all));
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("the others have ended 0 streams"), std::string::npos) << refused.body;
  release();
  const RawResponse ended = subscriber_->read_response();
  EXPECT_EQ(ended.field("Content-Type"), "text/event-stream");
  EXPECT_NE(ended.body.find("retry: "), std::string::npos) << ended.body;
}

}  // namespace
}  // namespace millrace::test
