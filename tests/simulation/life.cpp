#include "life.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "log/event_log.h"
#include "millrace/core/protocol.h"
#include "millrace/server/topic_filter.h"

namespace millrace::simulation {

namespace {

// The others have their log in memory.
constexpr std::size_t kPercentWithStore = 15;
// Sets what a life draws for its store apart from all else: lives without one are the same as if there were none.
constexpr std::uint64_t kStoreSalt = 0x9e3779b97f4a7c15;

// Jobs are finished.
const std::vector<std::string> kTopics{"a", "t/1", "t/2", "t/2/x", "job/1", "job/2", "own"};

const std::vector<std::vector<std::string>> kFilters{{"a"},          {"t/1"},      {"t/*"},
                                                     {"t/**"},       {"*/1", "a"}, {"a", "t/1", "t/2"},
                                                     {"job/1"},      {"job/2"},    {"job/1", "job/2"},
                                                     {"job/1", "a"}, {"job/*"},    {"own"}};

}  // namespace

SimulatedServer::Options Life::server_options(Random& random, Random& store_random) {
  SimulatedServer::Options options{
      .history_events = random.one_of<std::size_t>({1, 3, 10, 50, 300, 5'000, 5'000}),
      .history_bytes = random.one_of<std::size_t>({6'000, 100'000, 64 * 1024 * 1024, 64 * 1024 * 1024}),
      .history_age = random.one_of<std::optional<Duration>>({{}, {}, Duration{3'000}, Duration{60'000}}),
      .max_retained_topics = random.one_of<std::size_t>({0, 1, 3, 10'000, 10'000}),
      .loops = random.between(1, 3),
      .max_posted = random.one_of<std::size_t>({1, 20, 16'384}),
      .read_work = random.one_of<std::size_t>({1, 2'000, kReadWorkPerTurn}),
      .served_at_once = random.one_of<std::size_t>({1, 3, 64}),
      .retry = random.one_of<Duration>({Duration{0}, Duration{100}, Duration{3'000}, Duration{10'000}}),
      .lifetime = random.one_of<Duration>({Duration{0}, Duration{0}, Duration{0}, Duration{20'000}})};
  if (!store_random.chance(kPercentWithStore)) return options;
  options.store = SimulatedStore::Options{
      .max_entries = store_random.one_of<std::uint64_t>({1, 3, 10, 50, 300, 1'000, 1'000}),
      .preload = store_random.one_of<std::uint64_t>({0, 5, 1'000}),
      .fault_percent = store_random.one_of<std::size_t>({0, 2, 10}),
      .longest_delay = store_random.one_of<Duration>({Duration{0}, Duration{20}, Duration{4'000}})};
  return options;
}

Life::Life(std::uint64_t seed, bool tells_story)
    : random_(seed),
      store_random_(seed ^ kStoreSalt),
      schedule_(tells_story),
      server_(schedule_, random_, store_random_, record_, server_options(random_, store_random_)) {
  for (const std::string& topic : kTopics) {
    if (random_.chance(60)) topics_.push_back(topic);
  }
  if (topics_.empty()) topics_.push_back("a");
  for (const std::string& topic : topics_) {
    if (random_.chance(30)) retained_.push_back(topic);
  }
  wires_are_wide_ = random_.chance(30);
  const std::vector<Act> all{
      &Life::publish_burst,   &Life::outrun_listener, &Life::publish_again, &Life::finish,
      &Life::begin,           &Life::break_wire,      &Life::stall_wire,    &Life::sleep_listener,
      &Life::reload_listener, &Life::close_listener,  &Life::online,        &Life::restart_listener,
      &Life::restart_server,  &Life::drain_server,    &Life::cut_network,   &Life::disconnect,
      &Life::add_listener,    &Life::change_topics,   &Life::look_at_state};
  for (const Act act : all) {
    if (random_.chance(50)) acts_.insert(acts_.end(), random_.between(1, 3), act);
  }
  acts_.insert(acts_.end(), random_.between(1, 2 * acts_.size() + 2), &Life::publish);
  for (std::size_t i = random_.between(1, 5); i > 0; --i) add_listener();
}

Totals Life::totals() const {
  return {.steps = schedule_.taken(),
          .published = record_.next_number(),
          .faults = faults_ + server_.store_faults(),
          .lives = 1};
}

void Life::live() {
  const Duration longest = random_.one_of<Duration>({Duration{50}, Duration{1'000}, Duration{8'000}});
  for (std::size_t i = random_.between(10, 150); i > 0; --i) {
    schedule_.run_until(schedule_.now() + random_.between(Duration{0}, longest));
    (this->*random_.one_of(acts_))();
    record_.check();
    server_.check_memory();
  }
  come_to_rest();
}

// --- Listeners ------------------------------------------------------------------------------------------------------

Wire::Character Life::wire_character() {
  if (healed_) return {.delay = Duration{1}};
  if (wires_are_wide_) return {.capacity = 4'000'000, .delay = Duration{5}};
  return {.capacity = random_.one_of<std::size_t>({16, 150, 1'000, 65'536, 4'000'000}),
          .piece = random_.one_of<std::size_t>({1, 40, 1'000, 65'536}),
          .delay = random_.one_of<Duration>({Duration{0}, Duration{5}, Duration{60}, Duration{900}}),
          .window = random_.one_of<std::size_t>({Wire::kNoWindow, Wire::kNoWindow, 16, 100, 5'000, 65'535})};
}

void Life::add_listener() {
  if (listeners_.size() >= 8) return;
  std::vector<TopicPattern> patterns;
  for (const std::string& pattern : random_.one_of(kFilters)) patterns.push_back(*TopicPattern::parse(pattern));
  EventSourceState::Policy policy;
  policy.backoff.reconnection_time = random_.one_of<Duration>({Duration{0}, Duration{500}, Duration{3'000}});
  if (random_.chance(70)) policy.idle_timeout = Duration{40'000};
  policy.retry_on_server_error = random_.chance(90);
  Listener::Options options{.name = "listener " + std::to_string(listeners_.size()),
                            .filter = std::make_shared<TopicFilter>(patterns),
                            .policy = policy,
                            .http_1_0 = random_.chance(15),
                            .poll = random_.chance(15),
                            .cursor = random_.chance(50) ? CursorForm::kEvent : CursorForm::kId,
                            .latest = random_.chance(25)};
  if (random_.chance(25)) {
    options.conflate = random_.one_of<Duration>({Duration{0}, Duration{0}, Duration{250}, Duration{30'000}});
  }
  const auto connect = [this](Wire::ClientEnd& client, const Request& request) {
    auto wire = std::make_shared<Wire>(schedule_, random_, wire_character(), client);
    if (schedule_.now() < network_back_) {
      wire->refuse();
    } else {
      schedule_.after(random_.between(Duration{0}, Duration{50}),
                      [this, wire, request] { server_.request(wire, request); });
    }
    return wire;
  };
  const auto change = [this](const std::shared_ptr<Wire>& wire, const Listener::Filter& filter,
                             const Listener::Filter& with_state) { return server_.change(wire, filter, with_state); };
  std::string story = options.name + " wants";
  for (const TopicPattern& pattern : options.filter->patterns()) story.append(" ").append(pattern.view());
  if (options.conflate) story += ", conflated to " + std::to_string(options.conflate->count()) + " ms";
  tell(story + (options.latest ? ", the state first" : "") + (options.poll ? ", by polls" : "") +
       (options.http_1_0 ? ", over HTTP/1.0" : ""));
  listeners_.push_back(std::make_unique<Listener>(schedule_, record_, options, connect, change));
  listeners_.back()->start(options.latest       ? protocol::kLatest
                           : random_.chance(25) ? protocol::kEarliest
                                                : std::string_view(),
                           random_.next());
}

void Life::reload_listener() {
  Listener& listener = some_listener();
  if (!listener.is_closed()) listener.reload(random_.next());
}

void Life::close_listener() {
  if (random_.chance(20)) some_listener().close();
}

void Life::online() {
  some_listener().go_online();
}

void Life::restart_listener() {
  some_listener().restart();
}

void Life::change_topics() {
  Listener& listener = some_listener();
  if (listener.is_closed()) return;
  std::vector<TopicPattern> patterns;
  for (const std::string& pattern : random_.one_of(kFilters)) patterns.push_back(*TopicPattern::parse(pattern));
  listener.listen_to(std::make_shared<const TopicFilter>(patterns), random_.next());
}

void Life::look_at_state() {
  std::vector<TopicPattern> patterns;
  for (const std::string& pattern : random_.one_of(kFilters)) patterns.push_back(*TopicPattern::parse(pattern));
  const TopicFilter filter(patterns);
  compare_state(filter, true);
  compare_state(filter, false);
}

// A topic that ends, or begins again, is where its last event may come back from; the next event hides that.
void Life::look_at_jobs() {
  for (const std::vector<TopicPattern>& patterns : {std::vector<TopicPattern>{"job/*"}, {"job/1", "job/2"}}) {
    const TopicFilter filter(patterns);
    compare_state(filter, true);
    compare_state(filter, false);
  }
}

// What a client would get that came now, and read at once: no more, and no less.
void Life::compare_state(const TopicFilter& filter, bool is_state) {
  static_cast<void>(record_.oldest());  // what is too old goes, by the log's own clock
  try {
    compare_readable_state(filter, is_state);
  } catch (const StoreUnavailable&) {
    tell("the state cannot be read now");
  }
}

void Life::compare_readable_state(const TopicFilter& filter, bool is_state) {
  const test::LoneHub& hub = server_.hub();
  const Feed::Cursor cursor = hub.resolve(protocol::kLatest, &filter, true);
  Place place{.sequence = cursor.sequence,
              .reads = is_state ? Place::Reads::kState : Place::Reads::kNewest,
              .until = is_state ? cursor.state_until : UINT64_MAX,
              .forgiven = UINT64_MAX};
  std::vector<std::uint64_t> got;
  for (bool is_over = is_state && place.sequence >= place.until; !is_over;) {
    Feed::Page page = hub.read(place, filter);
    if (page.stored) {
      // The page is waited for, and so the filter lives long enough.
      const std::shared_ptr<const TopicFilter> borrowed(std::shared_ptr<const TopicFilter>(), &filter);
      const Feed::PagePtr stored = server_.stored_page(place, borrowed);
      if (stored == nullptr) throw StoreUnavailable("the store cannot be read now");
      page = *stored;
    }
    for (const FramePtr& frame : page.frames) got.push_back(record_.place_of(frame->sequence) - 1);
    is_over = page.at_head || page.finished || page.through >= place.until || page.through <= place.sequence;
    place.sequence = page.through;
  }
  if (got == record_.newest_of(filter, is_state)) return;
  const auto list = [](const std::vector<std::uint64_t>& numbers) {
    std::string text;
    for (const std::uint64_t number : numbers) text += " " + std::to_string(number);
    return text.empty() ? " nothing" : text;
  };
  throw Broken(std::string(is_state ? "the state" : "what is newest") + " is" + list(got) + ", and not" +
               list(record_.newest_of(filter, is_state)));
}

void Life::sleep_listener() {
  some_listener().sleep(random_.one_of<Duration>({Duration{2'000}, Duration{50'000}, Duration{3'600'000}}));
}

// --- Faults ---------------------------------------------------------------------------------------------------------

void Life::break_wire() {
  const Listener& listener = some_listener();
  if (listener.wire() == nullptr) return;
  // A client without a watchdog may wait for ever for a server that has vanished: that is TCP's, not ours.
  const auto fault = listener.has_watchdog()
                         ? random_.one_of<Wire::Fault>({Wire::Fault::kReset, Wire::Fault::kClientVanishes,
                                                        Wire::Fault::kServerVanishes, Wire::Fault::kBlackHole})
                         : random_.one_of<Wire::Fault>({Wire::Fault::kReset, Wire::Fault::kClientVanishes});
  tell(listener.name() + "'s connection breaks, in way " + std::to_string(static_cast<int>(fault)));
  ++faults_;
  listener.wire()->suffer(fault);
}

void Life::stall_wire() {
  const Listener& listener = some_listener();
  if (listener.wire() == nullptr) return;
  tell(listener.name() + " does not read for a while");
  ++faults_;
  const Duration time = random_.one_of<Duration>({Duration{1'000}, Duration{20'000}, Duration{120'000}});
  if (random_.chance(50) && listener.wire()->shut_window(time)) return;
  listener.wire()->stall(time);
}

void Life::restart_server() {
  if (!server_.is_running()) return;
  const bool silence_is_noticed =
      std::all_of(listeners_.begin(), listeners_.end(), [](const auto& listener) { return listener->has_watchdog(); });
  const auto end =
      silence_is_noticed
          ? random_.one_of<SimulatedServer::End>(
                {SimulatedServer::End::kOrderly, SimulatedServer::End::kCrash, SimulatedServer::End::kSilence})
          : random_.one_of<SimulatedServer::End>({SimulatedServer::End::kOrderly, SimulatedServer::End::kCrash});
  tell("the server ends, in way " + std::to_string(static_cast<int>(end)));
  ++faults_;
  server_.stop(end);
  const bool with_log = random_.chance(60);
  const Duration away = random_.one_of<Duration>({Duration{0}, Duration{2'000}, Duration{70'000}});
  // Nobody can publish meanwhile: time passes here.
  schedule_.run_until(schedule_.now() + away);
  tell(with_log ? "the server is back, with its log" : "the server is back, with a new log");
  server_.start(with_log);
}

void Life::drain_server() {
  const Duration window = random_.one_of<Duration>({Duration{0}, Duration{5'000}});
  tell("the server drains");
  server_.drain(window);
  schedule_.run_until(schedule_.now() + random_.between(Duration{0}, Duration{4'000}));
  restart_server();
}

void Life::cut_network() {
  network_back_ = schedule_.now() + random_.between(Duration{0}, Duration{30'000});
  tell("no connection can be made for a while");
  ++faults_;
}

void Life::disconnect() {
  tell("the server cuts one stream");
  server_.disconnect_one();
}

// --- The end --------------------------------------------------------------------------------------------------------

void Life::come_to_rest() {
  tell("the network heals, and publishing stops");
  healed_ = true;
  network_back_ = {};
  for (const auto& listener : listeners_) listener->heal();
  if (server_.store() != nullptr) server_.store()->heal();
  // Timeouts, waits and heartbeats have their time.
  schedule_.run_until(schedule_.now() + Duration{300'000});
  if (random_.chance(30)) outrun_listener();
  schedule_.run_until(schedule_.now() + Duration{300'000});
  server_.check_memory();
  record_.check();
  for (const std::vector<std::string>& texts : kFilters) {
    std::vector<TopicPattern> patterns;
    for (const std::string& pattern : texts) patterns.push_back(*TopicPattern::parse(pattern));
    compare_state(TopicFilter(patterns), true);
  }
  for (const auto& listener : listeners_) {
    if (!listener->is_closed()) listener->view().at_rest();
  }
}

}  // namespace millrace::simulation
