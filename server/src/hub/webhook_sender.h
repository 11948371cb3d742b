// WebhookSender: tells an application, by HTTP, what becomes of the subscriptions of a server, and what nobody was
// there for. On a thread of its own: whoever reports something never waits. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "audience.h"
#include "log/feed.h"
#include "millrace/server/topic_filter.h"
#include "millrace/server/webhooks.h"
#include "mutex.h"
#include "outbound/application.h"
#include "webhook_queue.h"

namespace millrace {

/// `t=<seconds>,v1=<64 hexadecimal digits>`: the HMAC-SHA-256 of `<seconds>.<body>`.
std::string webhook_signature(std::string_view secret, std::string_view body, std::int64_t seconds);

class WebhookSender final : private Feed::Sink {
 public:
  /// Whose subscription it is.
  struct Client {
    std::string user;
    std::string client;
    std::string address;
    std::string traceparent = {};  ///< of the request that subscribes
    std::string holder = {};       ///< whose share of the queue it takes, as Who::key()
  };

  /// Throws InvalidOption. `notify` gets what is to be told to the program, on the sender's thread.
  WebhookSender(const Webhooks& options, Feed& feed, std::function<void(const std::string&)> notify);
  /// Sends what there is, for kWebhookFarewell at most.
  ~WebhookSender();
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  void subscribed(const TopicFilter& filter, const Client& client);
  void unsubscribed(const TopicFilter& filter, const Client& client);
  /// The subscription goes on with other topics.
  void changed(const TopicFilter& before, const TopicFilter& after, const Client& client);

  struct Statistics {
    WebhookQueue::Statistics queue;
    bool is_up = true;  ///< the last batch was answered, or none was sent yet
  };
  Statistics statistics() const;

 private:
  void post(const FramePtr& frame) override;
  void tell(std::string_view event, const std::vector<TopicPattern>& topics, const Client& client) REQUIRES(mutex_);
  void add(std::string event, std::string_view holder) REQUIRES(mutex_);
  void run();
  void deliver();
  bool send(const std::string& body, std::string& why);
  void notify_of_drops();
  void notify_once(bool is_up, const std::string& sentence);

  const Webhooks options_;
  Feed& feed_;
  const std::function<void(const std::string&)> notify_;
  Application application_;
  const std::string sender_;  // tells the batches of one life from those of another
  std::uint64_t batches_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
  mutable Mutex mutex_;
  Condition condition_;
  Audience audience_ GUARDED_BY(mutex_);
  WebhookQueue queue_ GUARDED_BY(mutex_);
  std::uint64_t drops_told_ GUARDED_BY(mutex_) = 0;
  bool is_dropping_ GUARDED_BY(mutex_) = false;
  bool is_up_ GUARDED_BY(mutex_) = true;
  bool is_over_ GUARDED_BY(mutex_) = false;
  TimePoint over_by_ GUARDED_BY(mutex_){};
  std::thread thread_;
};

}  // namespace millrace
