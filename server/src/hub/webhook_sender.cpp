#include "webhook_sender.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>
#include <vector>

#include "base/random_tag.h"
#include "loop/event_loop.h"
#include "millrace/server/invalid_option.h"
#include "thread_name.h"

namespace millrace {

namespace {

using nlohmann::json;

// What comes within this time goes in one request.
constexpr Duration kGathering{100};

// The holder of the events that nobody has received. Different from every Who::key().
constexpr std::string_view kPublishers = "publishers";

constexpr Duration kFirstPause{1'000};
constexpr Duration kLongestPause{60'000};

std::int64_t now_in(auto unit) {
  return std::chrono::duration_cast<decltype(unit)>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Names come from outside and need not be UTF-8.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Twice as long each time, a random half of it.
Duration pause_after(int attempts, std::mt19937_64& random) {
  const Duration most = std::min(kFirstPause * (1 << std::min(attempts, 6)), kLongestPause);
  return Duration{std::uniform_int_distribution<Duration::rep>(most.count() / 2, most.count())(random)};
}

const Webhooks& checked(const Webhooks& options) {
  const auto require = [](bool good, const char* field, const std::string& problem) {
    if (!good) throw InvalidOption(std::string("ServerOptions::webhooks.") + field, problem);
  };
  require(options.secret.size() >= kShortestWebhookSecret, "secret",
          "must have at least " + std::to_string(kShortestWebhookSecret) +
              " bytes; `openssl rand -hex 32` makes a good one");
  require(options.subscriptions || options.published_to_nobody, "subscriptions",
          "there is nothing to report; set subscriptions or published_to_nobody");
  return options;
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view body, std::int64_t seconds) {
  const std::string time = std::to_string(seconds);
  const std::string text = time + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex.append(1, kDigits[digest[i] >> 4]).append(1, kDigits[digest[i] & 0xf]);
  return "t=" + time + ",v1=" + hex;
}

WebhookSender::WebhookSender(const Webhooks& options, Feed& feed, std::function<void(const std::string&)> notify)
    : options_(checked(options)),
      feed_(feed),
      notify_(std::move(notify)),
      application_("ServerOptions::webhooks.url", options.url, kWebhookTimeout),
      sender_(random_tag()) {
  if (options_.published_to_nobody) feed_.attach(*this);
  thread_ = std::thread([this] {
    name_this_thread("millrace-hooks");
    run();
  });
}

WebhookSender::~WebhookSender() {
  if (options_.published_to_nobody) feed_.detach(*this);
  {
    const MutexLock lock(mutex_);
    is_over_ = true;
    over_by_ = monotonic_now() + kWebhookFarewell;
  }
  condition_.notify_all();
  thread_.join();
}

// --- What is reported -----------------------------------------------------------------------------------------------

void WebhookSender::subscribed(const TopicFilter& filter, const Client& client) {
  const MutexLock lock(mutex_);
  audience_.add(filter);
  tell("subscribed", filter.patterns(), client);
}

void WebhookSender::unsubscribed(const TopicFilter& filter, const Client& client) {
  const MutexLock lock(mutex_);
  audience_.remove(filter);
  tell("unsubscribed", filter.patterns(), client);
}

void WebhookSender::changed(const TopicFilter& before, const TopicFilter& after, const Client& client) {
  const auto less = [](const TopicPattern& one, const TopicPattern& other) { return one.view() < other.view(); };
  std::vector<TopicPattern> gone;
  std::vector<TopicPattern> added;
  const auto &old = before.patterns(), &now = after.patterns();
  std::set_difference(old.begin(), old.end(), now.begin(), now.end(), std::back_inserter(gone), less);
  std::set_difference(now.begin(), now.end(), old.begin(), old.end(), std::back_inserter(added), less);
  const MutexLock lock(mutex_);
  audience_.add(after);
  audience_.remove(before);
  tell("unsubscribed", gone, client);
  tell("subscribed", added, client);
}

// Ignores Millrace's own topics.
void WebhookSender::tell(std::string_view event, const std::vector<TopicPattern>& topics, const Client& client) {
  if (!options_.subscriptions) return;
  json names = json::array();
  for (const TopicPattern& topic : topics) {
    if (!topic.is_reserved()) names.push_back(topic.view());
  }
  if (names.empty()) return;
  json told = {{"event", event}, {"topics", names}, {"at", now_in(Duration{})}};
  if (!client.address.empty()) told["address"] = client.address;
  if (!client.user.empty()) told["user"] = client.user;
  if (!client.client.empty()) told["client"] = client.client;
  if (!client.traceparent.empty()) told["traceparent"] = client.traceparent;
  add(dump(told), client.holder);
}

// Under the feed's lock.
void WebhookSender::post(const FramePtr& frame) {
  if (frame->is_mark || !frame->topic) return;
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    if (audience_.listens_to(frame->topic_at(i))) return;
  }
  const std::string id =
      frame->publisher_id.empty() ? feed_.id_of(frame->sequence).text() : std::string(frame->publisher_id);
  json topic = frame->topic->view();
  if (frame->topic_count() > 1) {
    topic = json::array();
    for (std::size_t i = 0; i < frame->topic_count(); ++i) topic.push_back(frame->topic_at(i).view());
  }
  json told = {{"event", "published-to-nobody"}, {"topic", topic}, {"id", id}, {"at", now_in(Duration{})}};
  if (const TraceContext trace = frame->trace(); !trace.empty()) told["traceparent"] = trace.parent();
  add(dump(told), kPublishers);
}

void WebhookSender::add(std::string event, std::string_view holder) {
  if (!queue_.add(std::move(event), holder)) is_dropping_ = true;
  condition_.notify_one();
}

// --- The thread -----------------------------------------------------------------------------------------------------

void WebhookSender::run() {
  while (true) {
    {
      MutexLock lock(mutex_);
      condition_.wait(lock, [this]() REQUIRES(mutex_) { return is_over_ || !queue_.empty(); });
      if (queue_.empty() || (is_over_ && monotonic_now() >= over_by_)) return;
      // Others may have something to tell, too.
      condition_.wait_for(lock, kGathering, [this]() REQUIRES(mutex_) { return is_over_; });
    }
    deliver();
    notify_of_drops();
  }
}

// A batch, until it is answered or given up.
void WebhookSender::deliver() {
  std::string events;
  {
    const MutexLock lock(mutex_);
    events = queue_.batch();
  }
  const std::string body =
      R"({"batch":")" + sender_ + "-" + std::to_string(++batches_) + R"(","events":)" + events + "}";
  bool is_delivered = false;
  for (int attempts = 0; attempts < kMaxWebhookAttempts && !is_delivered; ++attempts) {
    std::string why;
    is_delivered = send(body, why);
    notify_once(is_delivered, is_delivered ? "answers again" : why);
    if (is_delivered) break;
    notify_of_drops();
    MutexLock lock(mutex_);
    if (is_over_) break;
    condition_.wait_for(lock, pause_after(attempts, random_), [this]() REQUIRES(mutex_) { return is_over_; });
  }
  const MutexLock lock(mutex_);
  queue_.settle(is_delivered);
  if (!is_delivered) is_dropping_ = true;
}

bool WebhookSender::send(const std::string& body, std::string& why) {
  const std::int64_t seconds = now_in(std::chrono::seconds{});
  Application::Failure failure;
  const auto answer = application_.post(
      body, {{"Millrace-Signature", webhook_signature(options_.secret, body, seconds)}, {"User-Agent", "millrace"}},
      failure);
  if (answer && answer->status / 100 == 2) return true;
  why = answer ? "status " + std::to_string(answer->status) : std::move(failure.why);
  return false;
}

// Reports the beginning and the end of an outage.
void WebhookSender::notify_once(bool is_up, const std::string& sentence) {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(is_up_, is_up) == is_up) return;
  }
  notify_("webhooks: " + options_.url + (is_up ? " " : " is not accepting reports; they wait: ") + sentence);
}

void WebhookSender::notify_of_drops() {
  std::uint64_t dropped = 0;
  {
    const MutexLock lock(mutex_);
    // Once for each time that there was no room: it is over when everything has been delivered.
    if (!is_dropping_ || drops_told_ != 0) {
      if (queue_.empty() && is_up_) drops_told_ = 0, is_dropping_ = false;
      return;
    }
    const WebhookQueue::Statistics queue = queue_.statistics();
    dropped = drops_told_ = queue.dropped + queue.over_share;
  }
  notify_("webhooks: " + options_.url +
          ": events are dropped, because too many wait (of one client, or of all), or because a batch was refused each "
          "time (" +
          std::to_string(dropped) + " so far); millrace_webhook_events_total counts them");
}

WebhookSender::Statistics WebhookSender::statistics() const {
  const MutexLock lock(mutex_);
  return {.queue = queue_.statistics(), .is_up = is_up_};
}

}  // namespace millrace
